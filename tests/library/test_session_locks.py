"""One request at a time has a session: between threads and children, and never against itself (spec: library, 3.1)."""

from __future__ import annotations

import ast

import pytest
from httpd import Httpd, at_once, wait_for
from sessions import LOCAL_CONF, SESSION_CASES, value

MPMS = ("event", "prefork")
MODULES = ("include",)
CHILDREN = 4
THREADS = 8
CONF = LOCAL_CONF + """
    PythonOption mod_python.mutex_locks 8
    PythonInterpreterOptions second gil=own
    <Location /case/fails>
        ErrorDocument 404 /case/look/file
    </Location>
    <LocationMatch "/second/">
        PythonInterpreter second
    </LocationMatch>
    <Directory "${htdocs}">
        Options +Includes
        AddType text/html shtml
        AddOutputFilter INCLUDES shtml
        PythonFixupHandler cases::open_in_fixup
    </Directory>
    <Directory "${htdocs}/psp">
        PythonOption mod_python.session.session_type FileSession
        PythonFixupHandler cases::nothing
        AddHandler mod_python .psp
        PythonHandler mod_python.psp
    </Directory>
"""
FILES = {
    "htdocs/page.shtml": '[<!--#include virtual="/case/look/file" -->]'
                         '[<!--#include virtual="/case/count/second/file" -->]',
    "htdocs/psp/page.psp": "<% session['page'] = session.get('page', 0) + 1 %><%= (session.id(), session['page']) %>",
    "htdocs/psp/fails.psp": "<% psp.set_error_page('page.psp'); session['fails'] = 1; raise LookupError('here') %>",
    "cases.py": SESSION_CASES + """
import _apache, threading

LOCKS = 8

def taken(server):
    'Which global locks nobody can have now.'
    numbers = []
    for number in range(LOCKS):
        if _apache._global_trylock(server, None, number):
            _apache._global_unlock(server, None, number)
        else:
            numbers.append(number)
    return numbers

def open_in_fixup(req):
    if req.main is None:
        req.session = Session.FileSession(req)
    return apache.OK

def nothing(req):
    return apache.OK

def fails(req):
    'The error page opens the session that this handler has locked.'
    session = Session.Session(req)
    session["failed"] = 1
    session.save()
    raise apache.SERVER_RETURN(apache.HTTP_NOT_FOUND)

def twice(req):
    'Two sessions of one id, and many of others: their locks meet.'
    first = open_session(req)
    first.save()
    second = Session.Session(req, sid=first.id())
    many = [Session.Session(req, lock=1) for _ in range(3 * LOCKS)]
    assert not second.is_new()
    during = taken(req.server)
    for session in many:
        session.unlock()
    after = taken(req.server)
    second.unlock()
    still = taken(req.server)
    first.unlock()
    return len(during), len(after), after == still, len(taken(req.server)), req.notes["mod_python.session.locks"]

def dropped(req):
    'A session that nobody has any more is not locked any more.'
    session = open_session(req)
    before = len(taken(req.server))
    del session
    return before, len(taken(req.server))

def dropped_elsewhere(req):
    'The last reference goes away in another thread, which may not touch the request.'
    session = [open_session(req)]
    thread = threading.Thread(target=session.clear)
    thread.start(); thread.join()
    return len(taken(req.server)), req.notes["mod_python.session.locks"] != ""

def how_many(req):
    return len(taken(req.server))

def in_this_order(req):
    'Two sessions; the second one is opened when another request has opened its first one, too.'
    from mod_python import _sessionlocks
    _sessionlocks.PATIENCE = 0.5
    run = os.path.join(os.path.dirname(__file__), "run")
    ids = req.args.split("&")
    sessions = [Session.Session(req, sid=ids[0])]
    open(os.path.join(run, "has-" + ids[0]), "w").close()
    while not os.path.exists(os.path.join(run, "has-" + ids[1])):
        time.sleep(0.001)
    sessions.append(Session.Session(req, sid=ids[1]))
    for session in sessions:
        session["count"] = session.get("count", 0) + 1
        session.save()
    return [session.id() for session in sessions] == ids

def raises(req):
    session = open_session(req)
    raise LookupError("with a session")
"""}

COUNT = 50


def wait_until_free(httpd: Httpd) -> None:
    """A request's locks are given back just after its answer."""
    wait_for(lambda: value(httpd, "how_many") == 0, what="all locks to be free")


def number(sid: str) -> int:
    return 1 + int(sid[:8], 16) % 7


@pytest.mark.parametrize("store", ["dbm", "file", "sqlite"])
def test_concurrent_requests_on_one_session_lose_no_write(httpd: Httpd, store: str) -> None:
    sid = value(httpd, f"count/{store}")[0]
    pids = at_once(COUNT, lambda _: value(httpd, f"slowly/{store}", sid))
    assert value(httpd, f"look/{store}", sid) == (sid, {"count": COUNT + 1}, False)
    assert len(set(pids)) > 1


def test_concurrent_requests_on_many_sessions(httpd: Httpd) -> None:
    ids = [value(httpd, "count/file")[0] for _ in range(10)]
    at_once(COUNT, lambda index: value(httpd, "slowly/file", ids[index % 10]))
    assert [value(httpd, "look/file", sid)[1] for sid in ids] == [{"count": 6}] * 10


def test_two_sessions_in_a_request_do_not_wait_for_each_other(httpd: Httpd) -> None:
    wait_until_free(httpd)
    during, after, same, none, note = value(httpd, "twice/file")
    assert during > 1 and (after, same, none, note) == (1, True, 0, "")
    wait_until_free(httpd)


def test_of_two_requests_that_wait_for_each_other_one_gives_up(httpd: Httpd) -> None:
    ids = [value(httpd, "count/file")[0] for _ in range(9)]
    first, second = next((a, b) for a in ids for b in ids if number(a) != number(b))
    orders = [f"{first}&{second}", f"{second}&{first}"]
    answers = at_once(2, lambda index: httpd.get(f"/case/in_this_order/file?{orders[index]}"))
    assert sorted(answer.status for answer in answers) == [200, 500]
    httpd.claim_failure("PythonHandler cases::dispatch", "TimeoutError: a second session of the request did not get")
    wait_until_free(httpd)
    assert [value(httpd, "look/file", sid)[1] for sid in (first, second)] == [{"count": 2}] * 2


def test_an_error_page_has_the_session_of_its_request(httpd: Httpd) -> None:
    sid = value(httpd, "count/file")[0]
    for _ in range(2):
        response = httpd.get("/case/fails/file", {"Cookie": f"pysid={sid}"})
        assert response.status == 404 and response.text == repr((sid, {"count": 1, "failed": 1}, False))
    wait_until_free(httpd)


def test_parts_of_a_page_share_a_session_also_between_interpreters(httpd: Httpd) -> None:
    sid = value(httpd, "count/file")[0]
    response = httpd.get("/page.shtml", {"Cookie": f"pysid={sid}"})
    assert response.text == f"[{(sid, {'count': 1}, False)!r}][{(sid, 2, False)!r}]"
    wait_until_free(httpd)


def test_a_page_and_its_error_page_share_a_session(httpd: Httpd) -> None:
    sid, count = ast.literal_eval(httpd.get("/psp/page.psp").text)
    assert count == 1
    for count in (2, 3):
        response = httpd.get("/psp/fails.psp", {"Cookie": f"pysid={sid}"})
        assert response.text == repr((sid, count))
        httpd.claim(r"MP0120: [\s\S]*?LookupError: here.*")
    wait_until_free(httpd)
    assert value(httpd, "look/file", sid) == (sid, {"page": 3, "fails": 1}, False)


def test_a_session_that_is_dropped_is_unlocked(httpd: Httpd) -> None:
    wait_until_free(httpd)
    assert value(httpd, "dropped/file") == (1, 0)
    assert value(httpd, "dropped_elsewhere/file") == (1, True)
    wait_until_free(httpd)


def test_a_failing_handler_leaves_no_lock(httpd: Httpd) -> None:
    assert httpd.get("/case/raises/file").status == 500
    httpd.claim_failure("PythonHandler cases::dispatch", "LookupError: with a session")
    wait_until_free(httpd)
