"""WSGIDispatchScript: functions that choose interpreter and callable for each request; a script that fails refuses."""

from __future__ import annotations

import ast

import pytest
from httpd import Httpd
from wsgi_site import APP, wsgi_conf

MPMS = ("event", "prefork")
MODULES = ("env",)

SCRIPTS = ("missing", "syntax", "raises", "exits", "number", "nul", "environ", "none", "chooses", "bytes", "empty",
           "embedded")

CONF = wsgi_conf() + "".join(f"""
    <Location /app.wsgi/{name}>
        SetEnv VISIBLE yes
        WSGIDispatchScript ${{root}}/{name}.wsgi
    </Location>
    """ for name in SCRIPTS) + """
    <Location /app.wsgi/grouped>
        WSGIDispatchScript ${root}/grouped.wsgi application-group=choosers
    </Location>
    """

FILES = {
    "syntax.wsgi": "def application_group(environ)\n    return 'x'\n",
    "raises.wsgi": "def callable_object(environ):\n    raise LookupError('undecided')\n",
    "exits.wsgi": "def application_group(environ):\n    raise SystemExit(3)\n",
    "number.wsgi": "def application_group(environ):\n    return 5\n",
    "nul.wsgi": "def application_group(environ):\n    return 'a\\0b'\n",
    "empty.wsgi": "",
    "none.wsgi": "def process_group(environ): pass\ndef application_group(environ): pass\n"
                 "def callable_object(environ): pass\n",
    "chooses.wsgi": "def application_group(environ):\n    return environ['QUERY_STRING']\n"
                    "def callable_object(environ):\n    return 'other'\n",
    "bytes.wsgi": "def callable_object(environ):\n    return b'other'\n",
    "embedded.wsgi": "def process_group(environ):\n    return ''\ndef application_group(environ):\n    return ''\n",
    "environ.wsgi": """
import os
def application_group(environ):
    print("dispatching", file=environ["wsgi.errors"])
    with open(os.path.join(os.path.dirname(__file__), "environ.txt"), "w") as stream:
        print(ascii({key: value if isinstance(value, (str, tuple, bool)) else type(value).__name__
                     for key, value in environ.items()}), file=stream)
""",
    "grouped.wsgi": """
import mod_wsgi
def application_group(environ):
    assert environ["mod_wsgi.application_group"] == mod_wsgi.application_group == "choosers"
    return "chosen"
""",
    "htdocs/app.wsgi": APP + r'''
import mod_wsgi

def application(environ, start_response):
    return answer(start_response, ("application", mod_wsgi.application_group, environ["mod_wsgi.callable_object"]))

def other(environ, start_response):
    return answer(start_response, ("other", mod_wsgi.application_group, environ["mod_wsgi.callable_object"]))
''',
}


def got(httpd: Httpd, path: str) -> object:
    r = httpd.get(f"/app.wsgi/{path}")
    assert r.status == 200, r.text
    return ast.literal_eval(r.text)


def test_it_chooses_interpreter_and_callable(httpd: Httpd) -> None:
    assert got(httpd, "chooses?shop") == ("other", "shop", "other")
    assert got(httpd, "chooses?%7B") == ("other", "%7B", "other")
    assert got(httpd, "grouped") == ("application", "chosen", "application")
    assert got(httpd, "bytes") == ("other", "", "other")


def test_none_and_no_function_change_nothing(httpd: Httpd) -> None:
    assert got(httpd, "none") == got(httpd, "empty") == ("application", "", "application")


def test_an_empty_name_is_the_main_interpreter(httpd: Httpd) -> None:
    assert got(httpd, "embedded") == ("application", "", "application")
    assert got(httpd, "chooses?") == ("other", "", "other")


@pytest.mark.parametrize(("name", "doing", "why"), [
    ("missing", "loading", "FileNotFoundError"), ("syntax", "loading", "SyntaxError"),
    ("raises", "asking", "LookupError: undecided"), ("exits", "asking", "SystemExit: 3"),
    ("number", "asking", "TypeError: application_group() must return str or None, not int"),
    ("nul", "asking", "ValueError: the result has a NUL character")])
def test_a_script_that_fails_runs_no_application(httpd: Httpd, name: str, doing: str, why: str) -> None:
    for _ in range(2):
        r = httpd.get(f"/app.wsgi/{name}")
        assert r.status == 500 and b"application" not in r.body and b"undecided" not in r.body
        httpd.claim_failure(f"{doing} WSGIDispatchScript '{httpd.root}/{name}.wsgi'", why, "main_interpreter")


def test_environ_is_the_requests_without_its_body(httpd: Httpd) -> None:
    r = httpd.request("POST", "/app.wsgi/environ/more?a=b", b"body", {
        "Authorization": "Basic YTpi", "Proxy": "http://evil", "X-Plain": "one", "X_Under": "bad"})
    assert r.status == 200
    httpd.claim(r"\[client 127.0.0.1:\d+\] dispatching\n")
    environ = ast.literal_eval((httpd.root / "environ.txt").read_text())
    assert {"wsgi.input", "mod_wsgi.callable_object", "HTTP_AUTHORIZATION", "HTTP_PROXY", "HTTP_X_UNDER"} \
        & set(environ) == set()
    assert environ["VISIBLE"] == "yes" and environ["HTTP_X_PLAIN"] == "one" and environ["CONTENT_LENGTH"] == "4"
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app.wsgi", "/environ/more")
    assert (environ["mod_wsgi.process_group"], environ["mod_wsgi.application_group"]) == ("", "")
    assert environ["wsgi.errors"] == "TextIOWrapper" and environ["wsgi.version"] == (1, 0)


def test_a_changed_script_counts_at_once(httpd: Httpd) -> None:
    httpd.write("empty.wsgi", "def callable_object(environ):\n    return 'other'\n")
    assert got(httpd, "empty") == ("other", "", "other")
    httpd.write("empty.wsgi", "")
    assert got(httpd, "empty") == ("application", "", "application")
