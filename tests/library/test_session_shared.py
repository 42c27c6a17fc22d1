"""Sessions that several machines share: Redis and SQL, here two httpds with a Redis, a PostgreSQL and a SQLite file."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import databases
import pytest
from client import Response
from httpd import Httpd, at_once, wait_for
from sessions import LOCAL_CONF, SESSION_CASES, ask, set_cookies, value

STORES = ("redis", "postgresql", "sqlite")
COUNT = 50
CHILDREN = 3
THREADS = 8

CONF = LOCAL_CONF + """
    PythonInterpreter main_interpreter
    PythonOption mod_python.session.lock_term 3
    <LocationMatch "^/case/(lose|die)/">
        PythonOption mod_python.session.lock_term 1
    </LocationMatch>
    <Location /case/hold>
        PythonOption mod_python.session.lock_term 2
    </Location>
    PythonOption mod_python.sql_session.module psycopg
    PythonOption mod_python.sql_session.connect "${postgresql}"
    <LocationMatch "/redis$">
        PythonOption mod_python.session.session_type RedisSession
        PythonOption mod_python.redis_session.url ${redis}
        PythonOption mod_python.redis_session.prefix test:
    </LocationMatch>
    <LocationMatch "/postgresql$">
        PythonOption mod_python.session.session_type SqlSession
    </LocationMatch>
    <LocationMatch "/sqlite$">
        PythonOption mod_python.sql_session.connect "{'database': '${shared}/sessions.sqlite', 'timeout': 60}"
    </LocationMatch>
    <Location /case/impatient>
        PythonOption mod_python.session.lock_wait 0
    </Location>
    <Location /case/objects/pickled>
        PythonOption mod_python.session.codec pickle
    </Location>
    <LocationMatch "^/case/errors/notype/">
        PythonOption mod_python.session.session_type NoSession
    </LocationMatch>
    <LocationMatch "^/case/errors/badurl/">
        PythonOption mod_python.redis_session.url http://host
    </LocationMatch>
    <LocationMatch "^/case/errors/noserver/">
        PythonOption mod_python.redis_session.url unix:///nowhere/redis.sock
        PythonOption mod_python.sql_session.connect "host=/nowhere"
    </LocationMatch>
    <LocationMatch "^/case/errors/nomodule/">
        PythonOption mod_python.sql_session.module nosuchmodule
    </LocationMatch>
    <LocationMatch "^/case/errors/nodatabase/">
        PythonOption mod_python.sql_session.module json
    </LocationMatch>
    <LocationMatch "^/case/errors/noargument/">
        PythonOption mod_python.sql_session.connect ""
    </LocationMatch>
    <LocationMatch "^/case/errors/notable/">
        PythonOption mod_python.sql_session.table "x; drop table y"
    </LocationMatch>
    <LocationMatch "^/case/errors/forbidden/">
        PythonOption mod_python.sql_session.table nosuchschema.sessions
    </LocationMatch>
    <LocationMatch "^/case/errors/badterm/">
        PythonOption mod_python.session.lock_term 0
    </LocationMatch>
    <LocationMatch "^/case/errors/badcodec/">
        PythonOption mod_python.session.codec yaml
    </LocationMatch>
"""

FILES = {"cases.py": SESSION_CASES + r"""
import sys
from mod_python import _sessionleases

RUN = os.path.join(os.path.dirname(__file__), "run")

def gate(name):
    open(os.path.join(RUN, "reached"), "w").close()
    while not os.path.exists(os.path.join(RUN, name)):
        time.sleep(0.002)

def hold(req):
    'Has the session until the gate opens.'
    session = open_session(req)
    gate("gate")
    session["held"] = 1
    session.save()
    return session.id()

def hold_only(req):
    session = open_session(req)
    gate("gate")
    return "held"

def lose(req):
    'Has the session and does not renew its lock, as if it had been stopped.'
    session = open_session(req)
    _sessionleases._keeper.remove(session._hold.token)
    gate("gate")
    session["lost"] = 1
    return raised(session.save)

def die(req):
    session = open_session(req)
    os.kill(os.getpid(), 9)

def impatient(req):
    return raised(lambda: open_session(req))

def twice(req):
    first = open_session(req)
    first["n"] = 1
    first.save()
    second = Session.Session(req, sid=first.id())
    second["m"] = 2
    first.unlock()
    second.save()
    second.unlock()
    return dict(second), first.id()

def objects(req):
    session = open_session(req)
    before = session.get("x")
    session["x"] = (1, {2: b"3"}, "\0")
    return before, raised(session.save), session.id()

def unreadable(req):
    session = open_session(req)
    session._store.save(session.id(), b"no json \xff\0", time.time() + 1000, session._token)
    return session.id()

def raw(req):
    session = open_session(req)
    return session._store.load(session.id())

def clean_table(req):
    session = open_session(req)
    session.cleanup()

def over(req):
    'A session whose time is over at once.'
    session = Session.Session(req, timeout=-1, lock=int(req.args))
    session.save()
    return session.id()

def no_library(req):
    'Without the package redis.'
    from mod_python import _sessionredis
    kept, _sessionredis._stores = _sessionredis._stores, {}
    modules = sys.modules.pop("redis", None)
    sys.modules["redis"] = None
    try:
        return raised(lambda: open_session(req))
    finally:
        _sessionredis._stores = kept
        del sys.modules["redis"]
        if modules:
            sys.modules["redis"] = modules

def leases(req):
    return len(_sessionleases._keeper._held)
"""}


class Shared:
    """Two servers, as two machines, that share three stores."""

    def __init__(self, one: Httpd, two: Httpd, redis: databases.Redis, postgresql: databases.PostgreSQL,
                 file: Path) -> None:
        self.one, self.two, self.redis, self.postgresql, self.file = one, two, redis, postgresql, file

    def rows(self, store: str, query: str) -> list[Any]:
        if store == "sqlite":
            with sqlite3.connect(self.file, timeout=20) as connection:
                return connection.execute(query).fetchall()
        with databases.library("psycopg").connect(self.postgresql.conninfo) as connection:
            cursor = connection.execute(query)
            return list(cursor.fetchall()) if cursor.description else []


@pytest.fixture(scope="module", params=["event", "prefork"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    for name in ("redis", "psycopg"):
        databases.library(name)
    with ExitStack() as stack:
        redis = stack.enter_context(databases.redis())
        postgresql = stack.enter_context(databases.postgresql())
        place = tmp_path_factory.mktemp("shared")
        defines = "\n".join([f"PythonHome {sys.prefix}",     # it has the client libraries
                             f'Define redis "{redis.url}"', f'Define postgresql "{postgresql.conninfo}"',
                             f'Define shared "{place}"'])
        one, two = (stack.enter_context(Httpd(tmp_path_factory.mktemp("httpd"), defines + CONF, FILES,
                                              mpm=request.param, children=CHILDREN, threads=THREADS))
                    for _ in range(2))
        yield Shared(one, two, redis, postgresql, place / "sessions.sqlite")


@pytest.fixture
def one(shared: Shared) -> Httpd:
    return shared.one


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=STORES[1:])
def sql(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Held:
    """A request that has a session until it is let go."""

    def __init__(self, httpd: Httpd, path: str, sid: str) -> None:
        self.httpd, self.path, self.sid = httpd, path, sid

    def __enter__(self) -> Held:
        for name in ("gate", "reached"):
            (self.httpd.root / "run" / name).unlink(missing_ok=True)
        self.client = self.httpd.raw()
        self.client.send_request("GET", f"/case/{self.path}",
                                 {"Connection": "close", "Cookie": f"pysid={self.sid}"})
        wait_for((self.httpd.root / "run" / "reached").exists, what="the session to be held")
        return self

    def let_go(self) -> Response:
        (self.httpd.root / "run" / "gate").touch()
        return self.client.response()

    def __exit__(self, *_: object) -> None:
        (self.httpd.root / "run" / "gate").touch()
        with suppress(OSError):
            self.client.receive_all()
        self.client.close()


def test_a_session_is_the_same_on_all_machines(shared: Shared, store: str) -> None:
    (sid, count, new), response = ask(shared.one, f"count/{store}")
    assert (count, new) == (1, True) and set_cookies(response) == [f"pysid={sid}; path=/"]
    for number, httpd in enumerate((shared.two, shared.one, shared.two), 2):
        result, response = ask(httpd, f"count/{store}", sid)
        assert result == (sid, number, False) and set_cookies(response) == []


def test_concurrent_requests_on_one_session_lose_no_write(shared: Shared, store: str) -> None:
    sid = value(shared.one, f"count/{store}")[0]
    pids = at_once(COUNT, lambda index: value((shared.one, shared.two)[index % 2], f"slowly/{store}", sid))
    assert value(shared.one, f"look/{store}", sid) == (sid, {"count": COUNT + 1}, False)
    assert len(set(pids)) > 2


def test_a_client_can_not_choose_its_id(one: Httpd, store: str) -> None:
    for chosen in ("0123456789abcdef" * 2, "../x", "a" * 33, "' or 1=1 --", "*", "{x}:lock"):
        assert value(one, f"count/{store}", chosen)[0] != chosen
    sid = value(one, f"count/{store}")[0]
    assert value(one, f"count/{store}?sid={sid}") == (sid, 2, False)
    assert value(one, f"errors/{store}?sid=../x")[0] == "ValueError"


def test_values_come_back(one: Httpd, store: str) -> None:
    sid = value(one, f"store/{store}")
    assert value(one, f"look/{store}", sid) == (sid, {
        "text": "zé€\U0001f40d\0\ud800", "number": 10 ** 30, "part": 1.5, "none": None, "yes": True,
        "list": [1, ["a"]], "dict": {"": {"b": []}}}, False)
    assert set(json.loads(value(one, f"raw/{store}", sid))) == {"_data", "_created", "_accessed", "_timeout"}


def test_what_json_can_not_keep_is_named(one: Httpd, store: str) -> None:
    before, error, sid = value(one, f"objects/{store}")
    assert error == ("TypeError", "session['x'] is (1, {2: b'3'}, '\\x00'): tuple does not come back from JSON as it"
                     " was; keep something else, or write 'PythonOption mod_python.session.codec pickle'")
    before, error, sid = value(one, f"objects/pickled/{store}")
    assert before is error is None
    assert value(one, f"objects/pickled/{store}", sid)[0] == (1, {2: b"3"}, "\0")


def test_a_session_that_can_not_be_read_is_none(one: Httpd, store: str) -> None:
    sid = value(one, f"unreadable/{store}")
    # Nobody knows it yet by a cookie; the store has it.
    assert value(one, f"count/{store}?sid={sid}")[1:] == (1, True)
    kind = "RedisSession" if store == "redis" else "SqlSession"
    one.claim(f"MP0131: a session in {kind}'s store can't be read, and is taken for none: [A-Za-z]*Error: ")


def test_a_session_that_nobody_uses_is_over(one: Httpd, store: str) -> None:
    sid = value(one, f"count/{store}?timeout=100")[0]
    value(one, f"age/{store}?seconds=90", sid)
    assert value(one, f"count/{store}", sid)[:2] == (sid, 2)
    value(one, f"age/{store}?seconds=101", sid)
    other, count, new = value(one, f"count/{store}", sid)
    assert other != sid and (count, new) == (1, True)
    for lock in "01":
        sid = value(one, f"over/{store}?{lock}")
        assert value(one, f"look/{store}", sid)[2] is True


def test_delete_and_invalidate(one: Httpd, store: str) -> None:
    sid = value(one, f"count/{store}")[0]
    assert value(one, f"delete/{store}?again=1", sid) == (sid, {})
    assert value(one, f"look/{store}", sid) == (sid, {"kept": 2}, False)
    assert value(one, f"delete/{store}?again=1&lock=0", sid) == (sid, {})
    assert value(one, f"look/{store}", sid) == (sid, {"kept": 2}, False)
    result, response = ask(one, f"invalidate/{store}", sid)
    assert result == (sid, True) and "expires=Thu, 01-Jan-1970 00:00:00 GMT" in set_cookies(response)[0]
    assert value(one, f"look/{store}", sid)[2] is True
    assert value(one, f"reload/{store}") == ((1, {"saved": 1}), 0)


def test_locking_within_a_request(one: Httpd, store: str) -> None:
    seen, sid = value(one, f"lock_and_unlock/{store}")
    assert seen == [False, True]
    assert value(one, f"twice/{store}", sid)[0] == {"x": 1, "n": 1, "m": 2}
    _, sid, _ = value(one, f"unlocked/{store}")
    assert value(one, f"unlocked/{store}", sid) == (False, sid, 2)


def test_a_long_request_keeps_its_lock_beyond_the_term(shared: Shared, store: str) -> None:
    sid = value(shared.one, f"count/{store}")[0]
    with Held(shared.one, f"hold/{store}", sid) as held:
        end = time.monotonic() + 2.2        # the term is 2 seconds
        assert value(shared.two, f"impatient/{store}", sid)[0] == "TimeoutError"
        wait_for(lambda: time.monotonic() > end)
        assert value(shared.two, f"impatient/{store}", sid)[0] == "TimeoutError"
        assert held.let_go().text == repr(sid)
    wait_for(lambda: value(shared.two, f"impatient/{store}", sid) is None)
    assert value(shared.one, f"look/{store}", sid)[1] == {"count": 1, "held": 1}


def test_a_request_that_lost_its_lock_can_not_save(shared: Shared, store: str) -> None:
    sid = value(shared.one, f"count/{store}")[0]
    with Held(shared.one, f"lose/{store}", sid) as held:
        assert value(shared.two, f"count/{store}", sid) == (sid, 2, False)      # waits until the lease is over
        assert "'LockLost', 'the session is not saved: its lock ran out" in held.let_go().text.replace('"', "'")
    assert value(shared.one, f"look/{store}", sid) == (sid, {"count": 2}, False)


def redis_of(shared: Shared) -> Any:
    return databases.library("redis").Redis.from_url(shared.redis.url)


def test_a_lock_that_is_gone_is_noticed_and_logged(shared: Shared, store: str) -> None:
    sid = value(shared.one, f"count/{store}")[0]
    with Held(shared.one, f"hold/{store}", sid) as held:
        if store == "redis":
            with redis_of(shared) as client:
                assert client.delete(f"test:{{{sid}}}:lock") == 1
        else:
            shared.rows(store, f"UPDATE mp_sessions SET lock_token = NULL WHERE sid = '{sid}'")
        shared.one.claim("MP0134: the lock of a session could not be renewed: it had run out")
        assert held.let_go().status == 500
    shared.one.claim_failure("PythonHandler cases::dispatch", "LockLost: the session is not saved: its lock ran out",
                             "main_interpreter")
    assert value(shared.two, f"look/{store}", sid) == (sid, {"count": 1}, False)


def test_the_lock_of_a_killed_process_runs_out(shared: Shared, store: str) -> None:
    sid = value(shared.one, f"count/{store}")[0]
    with pytest.raises(ConnectionError):
        shared.one.get(f"/case/die/{store}", {"Cookie": f"pysid={sid}"})
    assert value(shared.two, f"count/{store}", sid) == (sid, 2, False)


def test_no_lease_is_left(shared: Shared) -> None:
    for httpd in (shared.one, shared.two):
        for _ in range(8):
            wait_for(lambda httpd=httpd: value(httpd, "leases") == 0)  # type: ignore[misc]


def test_the_table_is_cleaned_up(shared: Shared, one: Httpd, sql: str) -> None:
    kept, gone = (value(one, f"count/{sql}")[0] for _ in range(2))
    value(one, f"age/{sql}?seconds=2000", gone)
    shared.rows(sql, f"INSERT INTO mp_sessions (sid, expires, lock_token, lock_until) VALUES ('{'d' * 32}', 1.0,"
                     f" '{'0' * 32}', 1.0)")
    value(one, f"clean_table/{sql}", kept)
    one.claim(r"MP0132: the table of sessions is cleaned up: \d+ rows deleted")
    ids = [row[0] for row in shared.rows(sql, "SELECT sid FROM mp_sessions")]
    assert kept in ids and not {gone, "d" * 32} & set(ids)


def test_a_new_session_that_is_not_saved_leaves_no_row(shared: Shared, one: Httpd, sql: str) -> None:
    ids = {value(one, f"look/{sql}", "e" * 32)[0], "e" * 32}
    wait_for(lambda: not ids & {row[0] for row in shared.rows(sql, "SELECT sid FROM mp_sessions")})


def test_redis_forgets_sessions_by_itself(shared: Shared, one: Httpd) -> None:
    sid = value(one, "count/redis?timeout=1000")[0]
    value(one, "cleanup/redis", sid)
    with redis_of(shared) as client:
        assert 990 < client.ttl(f"test:{{{sid}}}") <= 1000
        wait_for(lambda: not client.exists(f"test:{{{sid}}}:lock"))


OPTION = "ValueError: PythonOption mod_python."


@pytest.mark.parametrize(("path", "text"), [
    ("notype/redis", OPTION + "session.session_type must be one of MemorySession, DbmSession, FileSession,"
     " RedisSession, SqlSession, not 'NoSession'"),
    ("badurl/redis", OPTION + "redis_session.url: "),
    ("noserver/redis", "ConnectionError: "),
    ("noserver/postgresql", "OperationalError: "),
    ("nomodule/postgresql", "ImportError: PythonOption mod_python.sql_session.module nosuchmodule: this module can't"),
    ("nodatabase/postgresql", OPTION + "sql_session.module json: that is no database module as of PEP 249: it has no"),
    ("noargument/postgresql", "ValueError: SqlSession needs 'PythonOption mod_python.sql_session.module MODULE', such"),
    ("notable/postgresql", OPTION + "sql_session.table must be a plain name, not 'x; drop"),
    ("forbidden/postgresql", "RuntimeError: the table for sessions can't be used ("),
    ("badterm/redis", OPTION + "session.lock_term must be a whole number, 1 or more, not '0'"),
    ("badcodec/redis", OPTION + "session.codec must be json, pickle, or module::object, not 'yaml'"),
])
def test_what_is_wrong_is_said(one: Httpd, path: str, text: str) -> None:
    name, message = value(one, f"errors/{path}", "f" * 32)
    assert f"{name}: {message}".startswith(text)


def test_without_the_client_library_of_redis(one: Httpd) -> None:
    name, message = value(one, "no_library/redis")
    assert name == "ImportError" and message.startswith("RedisSession needs the Python package redis")
    assert "python3 -m pip install redis" in message


def test_a_database_that_was_restarted_is_connected_to_again(shared: Shared, one: Httpd) -> None:
    sid = value(one, "count/postgresql")[0]
    for _ in range(8):      # so that more than one child has a connection
        value(one, "look/postgresql", sid)
    shared.postgresql.stop()
    name, _ = value(one, "errors/postgresql", sid)
    assert name == "OperationalError"
    shared.postgresql.start()
    assert [value(one, "count/postgresql", sid)[1] for _ in range(8)] == list(range(2, 10))
    with Held(one, "hold_only/redis", sid) as held:
        shared.redis.stop()
        assert held.let_go().text == "'held'"       # nothing is lost
    one.claim("MP0134: the lock of a session could not be given back, and will run out by itself: ")
    assert value(one, "errors/redis", sid)[0] in ("ConnectionError", "TimeoutError")
    shared.redis.start()
    assert value(one, "count/redis", sid)[1:] == (1, True)
