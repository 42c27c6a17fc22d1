"""Test code of sessions that runs inside httpd, in the store that the last part of the URL names: /case/count/file."""

from __future__ import annotations

import ast
from typing import Any

from cases import CASES, CASES_CONF
from client import Response
from httpd import Httpd

LOCAL_CONF = CASES_CONF + """
    PythonOption mod_python.session.database_directory ${root}/run
    PythonOption mod_python.session.cleanup_chance 0
    <LocationMatch "/memory$">
        PythonOption mod_python.session.session_type MemorySession
    </LocationMatch>
    <LocationMatch "/dbm$">
        PythonOption mod_python.session.session_type DbmSession
    </LocationMatch>
    <LocationMatch "/file$">
        PythonOption mod_python.session.session_type FileSession
    </LocationMatch>
    <LocationMatch "/sqlite$">
        PythonOption mod_python.session.session_type SqlSession
        PythonOption mod_python.sql_session.module sqlite3
        PythonOption mod_python.sql_session.connect "{'database': '${root}/run/sessions.sqlite', 'timeout': 60}"
    </LocationMatch>
"""

SESSION_CASES = CASES + r'''
import os, time
from mod_python import Cookie, Session, util

def options(req):
    'The query as keyword arguments.'
    known = {"sid": str, "secret": str, "timeout": float, "lock": int}
    return {name: known[name](value) for name, value in util.parse_qsl(req.args or "") if name in known}

def open_session(req):
    return Session.Session(req, **options(req))

def count(req):
    session = open_session(req)
    session["count"] = session.get("count", 0) + 1
    session.save()
    return session.id(), session["count"], session.is_new()

def look(req):
    session = open_session(req)
    return session.id(), dict(session), session.is_new()

def store(req):
    session = open_session(req)
    session.update(text="z\u00e9\u20ac\U0001f40d\0\ud800", number=10 ** 30, part=1.5, none=None, yes=True,
                   list=[1, ["a"]], dict={"": {"b": []}})
    session.save()
    return session.id()

def facts(req):
    session = open_session(req)
    before = session.timeout()
    session.set_timeout(77)
    session.save()
    return (type(session).__name__, session.created(), session.last_accessed(), before, session.timeout(), time.time(),
            type(session.id()).__name__, session.is_new())

def age(req):
    'As if nobody had used the session for so many seconds.'
    session = open_session(req)
    session._accessed -= float(dict(util.parse_qsl(req.args))["seconds"])
    session.save()
    return session.id()

def delete(req):
    session = open_session(req)
    session["gone"] = 1
    session.delete()
    left = dict(session)
    session["kept"] = 2
    if "again" in (req.args or ""):
        session.save()
    return session.id(), left

def invalidate(req):
    session = open_session(req)
    session.invalidate()
    session["x"] = 1
    session.save()
    return session.id(), session._invalid

def reload(req):
    session = open_session(req)
    session["saved"] = 1
    session.save()
    session["unsaved"] = 1
    first = session.load(), dict(session)
    session.delete()
    return first, session.load()

def lock_and_unlock(req):
    session = open_session(req)
    session.unlock(); session.unlock()
    seen = [session._locked]
    session.lock(); session.lock()
    seen.append(session._locked)
    session.unlock()
    session["x"] = 1
    session.save()
    return seen, session.id()

def unlocked(req):
    session = Session.Session(req, lock=0)
    session.lock()
    session["n"] = session.get("n", 0) + 1
    session.save()
    session.unlock()
    return session._locked, session.id(), session["n"]

def errors(req):
    query = dict(util.parse_qsl(req.args or ""))
    return raised(lambda: Session.Session(req, **query))

def cookie(req):
    return str(Session.Session(req).make_cookie())

def cleanup(req):
    session = open_session(req)
    session.cleanup()
    return session.id()

def slowly(req):
    'Adds to the count as slowly as it can.'
    session = open_session(req)
    session.load()
    count = session.get("count", 0)
    time.sleep(0.002)
    session["count"] = count + 1
    session.save()
    return os.getpid()
'''


def set_cookies(response: Response) -> list[str]:
    return response.headers.get_all("Set-Cookie", [])


def pysid(response: Response, name: str = "pysid") -> str | None:
    """The id that an answer's cookie sets; there is at most one such cookie."""
    found = [cookie.partition(";")[0].partition("=")[2] for cookie in set_cookies(response)
             if cookie.startswith(f"{name}=")]
    assert len(found) < 2, found
    return found[0] if found else None


def ask(httpd: Httpd, path: str, sid: str | None = None, name: str = "pysid") -> tuple[Any, Response]:
    """What a case returned, and the answer."""
    response = httpd.get(f"/case/{path}", {} if sid is None else {"Cookie": f"{name}={sid}"})
    assert response.status == 200, response.text
    return ast.literal_eval(response.text), response


def value(httpd: Httpd, path: str, sid: str | None = None) -> Any:
    return ask(httpd, path, sid)[0]
