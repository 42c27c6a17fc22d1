"""Configuration for WSGI scripts in tests, and what their answers have in common.

A module's FILES has "htdocs/app.wsgi": APP + its functions, and its CONF has wsgi_conf(); `/app.wsgi/NAME` then calls
the WSGI application NAME of that file, under wsgiref.validate unless its name begins with "raw_".
"""

from __future__ import annotations

import ast
from typing import Any

from httpd import Httpd

APP = r'''
import io, os, sys, threading, time
from wsgiref.validate import validator

def application(environ, start_response):
    name = environ["PATH_INFO"].split("/")[1]
    function = globals()[name]
    return (function if name.startswith("raw_") else validator(function))(environ, start_response)

def answer(start_response, value, status="200 OK", headers=()):
    "The value's repr, as text."
    start_response(status, [("Content-Type", "text/plain"), *headers])
    return [repr(value).encode()]

def raised(function, *args, **kwargs):
    "The name of the exception that the call raises, and its text."
    try:
        function(*args, **kwargs)
    except BaseException as error:
        return type(error).__name__, str(error)
    return None

kept = {}

def ask(environ, start_response):
    "What other requests left behind, evaluated; once it is there, or after 10 seconds."
    from urllib.parse import unquote
    code = unquote(environ["QUERY_STRING"])
    deadline = time.monotonic() + 10
    while not (value := eval(code)) and time.monotonic() < deadline:
        time.sleep(0.005)
    return answer(start_response, value)
'''


def wsgi_conf(section: str = '<Directory "${htdocs}">', group: str = "%{GLOBAL}", more: str = "") -> str:
    """A section whose *.wsgi files are WSGI scripts; more are further lines in it."""
    handler = "SetHandler wsgi-script"
    if section.startswith("<Directory"):
        handler = f'<FilesMatch "\\.wsgi$">{chr(10)}{handler}{chr(10)}</FilesMatch>'
    return f"""
    {section}
        Options +ExecCGI
        {handler}
        WSGIApplicationGroup {group}
        WSGIChunkedRequest On
        {more}
    </{section[1:].split()[0]}>
    """


def value(httpd: Httpd, path: str, method: str = "GET", body: bytes | None = None,
          headers: dict[str, str] | None = None) -> Any:
    """What `/app.wsgi/path` answered with answer()."""
    r = httpd.request(method, f"/app.wsgi/{path}", body, headers)
    assert r.status == 200, r.text
    return ast.literal_eval(r.text)
