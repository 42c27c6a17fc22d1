"""The life of a session, in each store of one machine (spec: library, 3.1; security history: CVE-2006-1095 and others).

prefork has one child here, and MaxRequestWorkers 1.
"""

from __future__ import annotations

import html
import re

import pytest
from httpd import Httpd, at_once
from sessions import LOCAL_CONF, SESSION_CASES, ask, pysid, set_cookies, value

MPMS = ("event", "prefork")
STORES = {"memory": "MemorySession", "dbm": "DbmSession", "file": "FileSession", "sqlite": "SqlSession"}
CONF = LOCAL_CONF + """
    PythonOption mod_python.mutex_locks 1
    <Location /case/cookie/options>
        PythonOption mod_python.session.cookie_name shop
        PythonOption mod_python.session.application_domain .example.org
        PythonOption mod_python.session.application_path /shop
        PythonOption mod_python.session.cookie_secure on
        PythonOption mod_python.session.cookie_httponly Yes
        PythonOption mod_python.session.cookie_samesite lax
    </Location>
    <Location /case/cookie/old>
        PythonOption session_cookie_name old
        PythonOption ApplicationPath /old
    </Location>
    <Location /case/cookie/badname>
        PythonOption mod_python.session.cookie_name "a;b"
    </Location>
    <Location /case/cookie/badsite>
        PythonOption mod_python.session.cookie_samesite sometimes
    </Location>
    <Location /case/cookie/badflag>
        PythonOption mod_python.session.cookie_secure maybe
    </Location>
    <Location /failing>
        SetHandler mod_python
        PythonHandler cases::failing
    </Location>
    <Location /failing/kept>
        PythonOption mod_python.session.cookie_on_error on
    </Location>
    PythonOption mod_python.session.session_type FileSession
    <Directory "${htdocs}">
        PythonHandler cases::cookie_of_page
        AddHandler mod_python .py
    </Directory>
    <Directory "${htdocs}/app">
        PythonHandler cases::cookie_of_page
    </Directory>
    <Directory "${htdocs}/a b&amp;c">
        PythonHandler cases::cookie_of_page
    </Directory>
    Alias /outside "${root}/htdocs-too"
    <Directory "${root}/htdocs-too">
        Require all granted
        PythonHandler cases::cookie_of_page
        AddHandler mod_python .py
    </Directory>
"""
FILES = {"htdocs/x.py": "", "htdocs/app/x.py": "", "htdocs/app/deep/x.py": "", "htdocs/a b&amp;c/x.py": "",
         "htdocs-too/x.py": "", "cases.py": SESSION_CASES + """
def cookie_of_page(req):
    session = Session.Session(req)
    req.write("%r" % str(session.make_cookie()))
    return apache.OK

def login(req):
    Session.Session(req, **options(req)).invalidate()
    session = open_session(req)
    session["user"] = "eve"
    session.save()
    return session.id(), session.is_new()

def failing(req):
    Session.Session(req)
    return apache.HTTP_NOT_FOUND

def existing(req):
    'A cookie of the application comes first.'
    Cookie.add_cookie(req, "own", "1")
    session = open_session(req)
    return session.id(), list(session.keys())

class Strange(Session.BaseSession):
    stored = {}
    def init_lock(self): self.before = self._locked
    def do_load(self): return self.stored.get(self._sid)
    def do_save(self, dict): self.stored[self._sid] = dict
    def do_delete(self): self.stored.pop(self._sid, None)
    def do_cleanup(self): self.stored.clear()

def own_store(req):
    session = Strange(req, **options(req))
    session["n"] = session.get("n", 0) + 1
    session.save()
    if "clean" in (req.args or ""):
        session.cleanup()
    if "break" in (req.args or ""):
        Strange.stored[session.id()] = {"_data": "no dictionary"}
    assert session.before is False and session._locked
    return session.id(), session["n"], session.is_new()

def abstract(req):
    sid = "0" * 32
    return raised(lambda: Session.BaseSession(req, sid)), raised(lambda: Session.BaseSession(req).save()), \\
        raised(lambda: Session.BaseSession(req).delete()), raised(lambda: Session.BaseSession(req).cleanup())

def empty_secret(req):
    return [raised(lambda: Session.Session(req, secret=secret)) for secret in ("", b"")]

def constants(req):
    return [(name, getattr(Session, name)) for name in (
        "COOKIE_NAME", "DFT_TIMEOUT", "DFT_LOCK", "CLEANUP_CHANCE", "DFT_FAST_CLEANUP", "DFT_VERIFY_CLEANUP",
        "DFT_GRACE_PERIOD", "DFT_CLEANUP_TIME_LIMIT")], os.path.isdir(Session.tempdir)

def positional(req):
    'The order of arguments, by class.'
    made = [Session.Session(req, 0, "key", 5, 0), Session.MemorySession(req, 0, "key", 5, 0),
            Session.FileSession(req, 0, "key", 5, 0, 0, 1), Strange(req, None, "key", 0, 5),
            Session.DbmSession(req, os.path.join(os.path.dirname(__file__), "run", "own.dbm"), 0, "key",
                               __import__("dbm.dumb").dumb, 5, 0)]
    return [(type(session).__name__, session.timeout(), session._secret, session._lock) for session in made]
"""}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_a_session_goes_on_with_its_cookie(httpd: Httpd, store: str) -> None:
    (sid, count, new), response = ask(httpd, f"count/{store}")
    assert re.fullmatch("[0-9a-f]{32}", sid) and (count, new) == (1, True)
    assert set_cookies(response) == [f"pysid={sid}; path=/"]
    assert response.headers["Cache-Control"] == 'no-cache="set-cookie"'
    result, response = ask(httpd, f"count/{store}", sid)
    assert result == (sid, 2, False) and set_cookies(response) == []
    assert value(httpd, f"count/{store}") != (sid, 1, True)


def test_every_session_has_another_id(httpd: Httpd, store: str) -> None:
    ids = [value(httpd, f"look/{store}")[0] for _ in range(8)]
    assert len(set(ids)) == 8 and all(len(set(sid)) > 4 for sid in ids)


def test_what_is_not_saved_is_gone(httpd: Httpd, store: str) -> None:
    sid = value(httpd, f"look/{store}")[0]
    again, _, new = value(httpd, f"look/{store}", sid)
    assert new and again != sid


def test_values_come_back(httpd: Httpd, store: str) -> None:
    sid = value(httpd, f"store/{store}")
    assert value(httpd, f"look/{store}", sid) == (sid, {
        "text": "zé€\U0001f40d\0\ud800", "number": 10 ** 30, "part": 1.5, "none": None, "yes": True,
        "list": [1, ["a"]], "dict": {"": {"b": []}}}, False)


def test_the_times_of_a_session(httpd: Httpd, store: str) -> None:
    (name, created, accessed, before, after, now, kind, new), response = ask(httpd, f"facts/{store}?timeout=55")
    assert name == STORES[store]
    assert now - 5 < created <= accessed <= now and (before, after, kind, new) == (55, 77, "str", True)
    sid = pysid(response)
    _, created_then, accessed_then, before, after, _, _, new = value(httpd, f"facts/{store}?timeout=33", sid)
    assert created_then == created and accessed_then > accessed and (before, after, new) == (77, 77, False)
    assert value(httpd, f"facts/{store}")[3] == 1800


@pytest.mark.parametrize("bad", [
    "../../../../tmp/x", "/etc/passwd", "..", "a" * 31, "a" * 33, "A" * 32, "g" * 32, "", "a" * 32 + "%0a",
    '"' + "a" * 32 + '"', "a" * 30 + "/.", "a" * 31 + "\xe9", "a" * 31 + "$", "0" * 32 + " x", "a" * 8000])
def test_an_id_that_is_none_is_ignored(httpd: Httpd, store: str, bad: str) -> None:
    response = httpd.get(f"/case/count/{store}", {"Cookie": f"pysid={bad}"})
    sid = pysid(response)
    assert response.status == 200 and sid != bad and re.fullmatch("[0-9a-f]{32}", sid or "")


@pytest.mark.parametrize("bad", [b"\0", b"\r", b"\x7f", b"\t "])
def test_a_control_character_behind_an_id_is_not_taken(httpd: Httpd, store: str, bad: bytes) -> None:
    sid = value(httpd, f"count/{store}")[0]
    with httpd.raw() as client:
        client.send(f"GET /case/count/{store} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: pysid={sid}"
                    .encode() + bad + b"\r\n\r\n")
        answer = client.receive_all()
    if bad == b"\t ":                   # blanks at the end of a header are not part of it
        assert b"', 2, False)" in answer
    else:
        assert answer.startswith(b"HTTP/1.1 400") or b"', 1, True)" in answer


def test_a_client_can_not_choose_its_id(httpd: Httpd, store: str) -> None:
    chosen = "0123456789abcdef" * 2
    (sid, count, new), response = ask(httpd, f"count/{store}", chosen)
    assert sid != chosen and (count, new) == (1, True) and pysid(response) == sid
    assert value(httpd, f"look/{store}", chosen)[2] is True


def test_an_id_as_an_argument(httpd: Httpd, store: str) -> None:
    sid = value(httpd, f"count/{store}")[0]
    assert value(httpd, f"count/{store}?sid={sid}") == (sid, 2, False)
    other, count, new = value(httpd, f"count/{store}?sid={'1' * 32}", sid)
    assert other not in (sid, "1" * 32) and (count, new) == (1, True)
    for bad in ("../x", "A" * 32, "a" * 33, "0" * 32 + "%0A"):
        assert value(httpd, f"errors/{store}?sid={bad}")[0] == "ValueError"


def test_a_session_that_nobody_uses_is_over(httpd: Httpd, store: str) -> None:
    sid = value(httpd, f"count/{store}?timeout=100")[0]
    assert value(httpd, f"age/{store}?seconds=90", sid) == sid
    assert value(httpd, f"count/{store}", sid)[:2] == (sid, 2)
    assert value(httpd, f"age/{store}?seconds=101", sid) == sid
    (other, count, new), response = ask(httpd, f"count/{store}", sid)
    assert other != sid and (count, new) == (1, True) and pysid(response) == other


def test_a_deleted_session_is_over_but_may_be_saved_again(httpd: Httpd, store: str) -> None:
    sid = value(httpd, f"count/{store}")[0]
    assert value(httpd, f"delete/{store}?again=1", sid) == (sid, {})
    assert value(httpd, f"look/{store}", sid) == (sid, {"kept": 2}, False)
    assert value(httpd, f"delete/{store}", sid) == (sid, {})
    assert value(httpd, f"look/{store}", sid)[0] != sid
    assert value(httpd, f"delete/{store}")[1] == {}


def test_an_invalid_session_ends_here_and_in_the_client(httpd: Httpd, store: str) -> None:
    sid = value(httpd, f"count/{store}")[0]
    result, response = ask(httpd, f"invalidate/{store}", sid)
    assert result == (sid, True)
    assert set_cookies(response) == [f"pysid={sid}; path=/; expires=Thu, 01-Jan-1970 00:00:00 GMT"]
    assert value(httpd, f"look/{store}", sid)[2] is True


def test_a_login_gets_a_new_session(httpd: Httpd, store: str) -> None:
    planted = value(httpd, f"count/{store}")[0]
    (sid, new), response = ask(httpd, f"login/{store}", planted)
    assert new and sid != planted
    assert [cookie.split("; ")[0] for cookie in set_cookies(response)] == [f"pysid={planted}", f"pysid={sid}"]
    assert value(httpd, f"look/{store}", planted)[2] is True
    assert value(httpd, f"look/{store}", sid) == (sid, {"user": "eve"}, False)


def test_load_takes_what_is_stored(httpd: Httpd, store: str) -> None:
    assert value(httpd, f"reload/{store}") == ((1, {"saved": 1}), 0)


def test_lock_and_unlock_may_be_called_twice(httpd: Httpd, store: str) -> None:
    seen, sid = value(httpd, f"lock_and_unlock/{store}")
    assert seen == [False, True]
    assert value(httpd, f"look/{store}", sid) == (sid, {"x": 1}, False)


def test_a_session_without_locking(httpd: Httpd, store: str) -> None:
    locked, sid, _ = value(httpd, f"unlocked/{store}")
    assert locked is False
    assert value(httpd, f"unlocked/{store}", sid) == (False, sid, 2)


def test_a_signed_session(httpd: Httpd, store: str) -> None:
    (sid, *_), response = ask(httpd, f"count/{store}?secret=key")
    signed = pysid(response)
    assert signed is not None and re.fullmatch("[0-9a-f]{96}", signed) and signed.endswith(sid)
    assert value(httpd, f"count/{store}?secret=key", signed) == (sid, 2, False)
    # MODPYTHON-191
    wrong = ("0" if signed[0] != "0" else "1") + signed[1:]
    for cookie in (sid, wrong, "0" * 64 + sid, "", signed[:-1]):
        assert value(httpd, f"count/{store}?secret=key", cookie)[1:] == (1, True)
    assert value(httpd, f"count/{store}?secret=other", signed)[1:] == (1, True)
    assert value(httpd, f"count/{store}", signed)[1:] == (1, True)
    assert value(httpd, f"count/{store}?secret=key", signed) == (sid, 3, False)


def test_an_empty_secret_is_refused(httpd: Httpd) -> None:
    assert value(httpd, "empty_secret") == [
        ("ValueError", "the secret of a session is empty; leave it out, or give one")] * 2


def test_the_options_of_the_cookie(httpd: Httpd) -> None:
    text, response = ask(httpd, "cookie/options")
    assert re.fullmatch(r"shop=[0-9a-f]{32}; path=/shop; domain=\.example\.org; secure; samesite=Lax; httponly", text)
    assert set_cookies(response) == [text]
    assert re.fullmatch(r"old=[0-9a-f]{32}; path=/old", value(httpd, "cookie/old"))
    assert value(httpd, "count/file", "x")[2] is True


@pytest.mark.parametrize(("name", "text"), [
    ("badname", "PythonOption mod_python.session.cookie_name a;b: bad cookie name"),
    ("badsite", "PythonOption mod_python.session.cookie_samesite sometimes: samesite must be 'Strict'"),
    ("badflag", "PythonOption mod_python.session.cookie_secure must be yes, true or 1, or no, false or 0, not 'maybe'"),
])
def test_a_wrong_option_of_the_cookie_is_named(httpd: Httpd, name: str, text: str) -> None:
    response = httpd.get(f"/case/cookie/{name}")
    assert response.status == 500 and f"ValueError: {text}" in html.unescape(response.text)
    httpd.claim_failure("PythonHandler cases::dispatch", f"ValueError: {text}")


@pytest.mark.parametrize(("url", "path"), [
    ("/x.py", "/"), ("/app/x.py", "/app/"), ("/app/deep/x.py", "/app/"), ("/outside/x.py", "/"),
    ("/a%20b%26amp;c/x.py", "/a%20b&amp%3Bc/"), ("/case/cookie", "/")])
def test_the_path_of_the_cookie_is_that_of_the_handlers_directory(httpd: Httpd, url: str, path: str) -> None:
    response = httpd.get(url)
    assert response.status == 200
    assert re.fullmatch(rf"'pysid=[0-9a-f]{{32}}; path={re.escape(path)}'", response.text)


def test_the_cookie_of_an_error_page(httpd: Httpd) -> None:
    assert set_cookies(httpd.get("/failing")) == []
    assert len(set_cookies(httpd.get("/failing/kept"))) == 1


def test_there_is_one_cookie_of_the_session_beside_others(httpd: Httpd) -> None:
    (sid, _), response = ask(httpd, "existing/file")
    assert set_cookies(response) == ["own=1", f"pysid={sid}; path=/"]
    assert response.headers.get_all("Cache-Control") == ['no-cache="set-cookie"']


def test_a_session_among_other_cookies(httpd: Httpd) -> None:
    sid = value(httpd, "count/file")[0]
    response = httpd.get("/case/count/file", {"Cookie": f'$Version=1; a="x;pysid=1"; pysid={sid}; pysidx={"1" * 32}'})
    assert response.text == repr((sid, 2, False))


def test_a_store_of_the_applications_own(httpd: Httpd) -> None:
    sid, count, new = value(httpd, "own_store")
    assert (count, new) == (1, True)
    assert value(httpd, "own_store", sid) == (sid, 2, False)
    assert value(httpd, "own_store?break", sid) == (sid, 3, False)
    assert value(httpd, "own_store", sid)[1:] == (1, True)
    httpd.claim("MP0131: a session in Strange's store can't be read, and is taken for none: that is no session")
    sid = value(httpd, "own_store?clean")[0]
    assert value(httpd, "own_store", sid)[1:] == (1, True)


def test_a_session_without_a_store(httpd: Httpd) -> None:
    assert value(httpd, "abstract") == tuple(
        ("NotImplementedError", f"BaseSession has no {name}()")
        for name in ("do_load", "do_save", "do_delete", "do_cleanup"))


def test_the_constants_of_the_module(httpd: Httpd) -> None:
    assert value(httpd, "constants") == ([
        ("COOKIE_NAME", "pysid"), ("DFT_TIMEOUT", 1800), ("DFT_LOCK", True), ("CLEANUP_CHANCE", 1000),
        ("DFT_FAST_CLEANUP", True), ("DFT_VERIFY_CLEANUP", True), ("DFT_GRACE_PERIOD", 240),
        ("DFT_CLEANUP_TIME_LIMIT", 2)], True)


def test_the_order_of_the_arguments(httpd: Httpd) -> None:
    assert value(httpd, "positional") == [
        (name, 5, "key", 0) for name in ("FileSession", "MemorySession", "FileSession", "Strange", "DbmSession")]


def test_concurrent_requests_on_one_session_lose_no_write(httpd: Httpd, store: str) -> None:
    sid = value(httpd, f"count/{store}")[0]
    at_once(50, lambda _: value(httpd, f"slowly/{store}", sid))
    assert value(httpd, f"look/{store}", sid) == (sid, {"count": 51}, False)
