"""PythonOption for sessions: which store and where, new names and old ones (spec: directives, 7.4; library, 3)."""

from __future__ import annotations

import pytest
from httpd import Httpd
from sessions import SESSION_CASES, value

MPMS = ("event", "prefork")
LOG_LEVEL = "info python:debug"
CONF = """
    <LocationMatch "^/case/">
        SetHandler mod_python
        PythonHandler cases::dispatch
    </LocationMatch>
    PythonOption mod_python.session.cleanup_chance 0
    <LocationMatch "/new/">
        PythonOption mod_python.session.database_directory ${root}/new
    </LocationMatch>
    <LocationMatch "/old/">
        PythonOption session_directory ${root}/old
        PythonOption session_cleanup_time_limit 7
        PythonOption session_fast_cleanup FALSE
        PythonOption session_grace_period 8
        PythonOption session_verify_cleanup no
    </LocationMatch>
    <LocationMatch "/both/">
        PythonOption mod_python.session.session_type FileSession
        PythonOption mod_python.session.database_directory run
        PythonOption mod_python.file_session.cleanup_time_limit 70
        PythonOption mod_python.file_session.enable_fast_cleanup 1
        PythonOption mod_python.file_session.cleanup_grace_period 0
        PythonOption mod_python.file_session.verify_session_timeout Yes
        PythonOption session MemorySession
        PythonOption session_directory ${root}/old
        PythonOption session_cleanup_time_limit 7
        PythonOption session_fast_cleanup no
        PythonOption session_grace_period 8
        PythonOption session_verify_cleanup no
    </LocationMatch>
    <LocationMatch "/own/">
        PythonOption mod_python.session.database_directory ${root}/new
        PythonOption mod_python.file_session.database_directory ${root}/own-file
        PythonOption mod_python.dbm_session.database_directory ${root}/own-dbm
    </LocationMatch>
    <LocationMatch "/named/">
        PythonOption mod_python.dbm_session.database_directory ${root}/own-dbm
        PythonOption mod_python.dbm_session.database_filename ${root}/named/sessions
    </LocationMatch>
    <LocationMatch "/oldname/">
        PythonOption session_dbm ${root}/named/old
    </LocationMatch>
    <LocationMatch "/memory$">
        PythonOption session MemorySession
    </LocationMatch>
    <LocationMatch "/dbm$">
        PythonOption mod_python.session.session_type DbmSession
    </LocationMatch>
    <LocationMatch "/file$">
        PythonOption session FileSession
    </LocationMatch>
    <LocationMatch "/bad_limit/">
        PythonOption mod_python.file_session.cleanup_time_limit soon
    </LocationMatch>
    <LocationMatch "/bad_grace/">
        PythonOption session_grace_period -1
    </LocationMatch>
    <LocationMatch "/bad_fast/">
        PythonOption session_fast_cleanup perhaps
    </LocationMatch>
    <LocationMatch "/bad_chance/">
        PythonOption mod_python.session.cleanup_chance 0.5
    </LocationMatch>
    <LocationMatch "/bad_type/">
        PythonOption mod_python.session.session_type mod_python.Session.FileSession
    </LocationMatch>
    <LocationMatch "/by_request/">
        PythonFixupHandler cases::choose
    </LocationMatch>
"""
FILES = {**{f"{name}/x": "" for name in ("new", "old", "own-file", "own-dbm", "named")}, "cases.py": SESSION_CASES + """
def kind(req):
    return type(Session.Session(req)).__name__

def choose(req):
    req.get_options()["mod_python.session.session_type"] = "MemorySession"
    return apache.OK

def where(req):
    session = Session.Session(req)
    return getattr(session, "_sessdir", None) or session._dbmfile

def numbers(req):
    session = Session.Session(req)
    return (session._cleanup_time_limit, session._fast_cleanup, session._grace_period, session._verify_cleanup)
"""}


def test_the_default_store_depends_on_the_processes(httpd: Httpd) -> None:
    # event has one child here; prefork has no threads
    assert value(httpd, "kind") == {"event": "MemorySession", "prefork": "DbmSession"}[httpd.mpm]


def test_many_children_do_not_get_the_memory(tmp_path_factory: pytest.TempPathFactory) -> None:
    for children, kind in ((1, "MemorySession"), (2, "DbmSession")):
        with Httpd(tmp_path_factory.mktemp("httpd"), CONF, FILES, mpm="worker", children=children, threads=2) as server:
            assert value(server, "kind/new/") == kind


@pytest.mark.parametrize(("path", "kind"), [
    ("memory", "MemorySession"), ("new/dbm", "DbmSession"), ("new/file", "FileSession"), ("both/", "FileSession"),
    ("by_request/", "MemorySession")])
def test_the_store_is_chosen_by_option(httpd: Httpd, path: str, kind: str) -> None:
    assert value(httpd, f"kind/{path}") == kind


@pytest.mark.parametrize(("path", "where"), [
    ("new/file", "new/mp_sess"), ("old/file", "old/mp_sess"), ("both/file", "run/mp_sess"),
    ("own/file", "own-file/mp_sess"), ("new/dbm", "new/mp_sess.dbm"), ("old/dbm", "old/mp_sess.dbm"),
    ("own/dbm", "own-dbm/mp_sess.dbm"), ("named/dbm", "named/sessions"), ("oldname/dbm", "named/old")])
def test_the_places_of_files(httpd: Httpd, path: str, where: str) -> None:
    assert value(httpd, f"where/{path}") == f"{httpd.root}/{where}"


def test_the_options_of_the_cleanup(httpd: Httpd) -> None:
    assert value(httpd, "numbers/new/file") == (2, True, 240, True)
    assert value(httpd, "numbers/old/file") == (7, False, 8, False)
    assert value(httpd, "numbers/both/file") == (70, True, 0, True)


def test_old_names_are_logged_at_debug_level(httpd: Httpd) -> None:
    value(httpd, "numbers/old/file")
    for old, new in (("session", "mod_python.session.session_type"),
                     ("session_directory", "mod_python.session.database_directory"),
                     ("session_grace_period", "mod_python.file_session.cleanup_grace_period")):
        httpd.claim(rf"python:debug\] .*MP0135: PythonOption {old} is now called {new}\n")


@pytest.mark.parametrize(("path", "text"), [
    ("bad_limit", "mod_python.file_session.cleanup_time_limit must be a whole number, 0 or more, not 'soon'"),
    ("bad_grace", "mod_python.file_session.cleanup_grace_period must be a whole number, 0 or more, not '-1'"),
    ("bad_fast", "mod_python.file_session.enable_fast_cleanup must be yes, true or 1, or no, false or 0, not"
     " 'perhaps'"),
    ("bad_chance", "mod_python.session.cleanup_chance must be a whole number, 0 or more, not '0.5'"),
    ("bad_type", "mod_python.session.session_type must be one of MemorySession, DbmSession, FileSession, RedisSession,"
     " SqlSession, not 'mod_python.Session.FileSession'"),
])
def test_a_wrong_option_is_named(httpd: Httpd, path: str, text: str) -> None:
    assert value(httpd, f"errors/{path}/file") == ("ValueError", f"PythonOption {text}")
