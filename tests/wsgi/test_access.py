"""WSGIAccessScript: allow_access(environ, host) decides before the user is asked who he is."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from client import RawClient
from httpd import Httpd

MPMS = ("event", "prefork")
MODES = ("embedded",)       # access scripts run in children, and no application runs here
MODULES = ("env", "setenvif", "auth_basic", "authn_file", "headers", "rewrite", "include")

RESULTS = {"true": 200, "none": 200, "false": 403, "zero": 403, "one": 403, "text": 403, "list": 403, "raise": 403,
           "exit": 403, "interrupt": 403}

WRONG = {
    "zero": "TypeError: allow_access() must return True, False or None, not int",
    "one": "TypeError: allow_access() must return True, False or None, not int",
    "text": "TypeError: allow_access() must return True, False or None, not str",
    "list": "TypeError: allow_access() must return True, False or None, not list",
    "raise": "LookupError: no such door", "exit": "SystemExit: leaving", "interrupt": "KeyboardInterrupt",
}

CONF = """
    SetEnv SECRET secret
    <Location /by-result>
        WSGIAccessScript ${root}/access.wsgi
    </Location>
    <Location /environ>
        WSGIAccessScript ${root}/environ.wsgi
    </Location>
    <Location /group>
        WSGIAccessScript ${root}/group.wsgi application-group=doors
    </Location>
    <Location /reload>
        WSGIAccessScript ${root}/reload.wsgi
    </Location>
    <Location /missing-script>
        WSGIAccessScript ${root}/missing.wsgi
    </Location>
    <Location /missing-function>
        WSGIAccessScript ${root}/empty.wsgi
    </Location>
    <Location /syntax>
        WSGIAccessScript ${root}/syntax.wsgi
    </Location>
    <Location /fails-to-load>
        WSGIAccessScript ${root}/fails.wsgi
    </Location>
    <Location /satisfied>
        WSGIAccessScript ${root}/access.wsgi
        AuthType Basic
        AuthName x
        AuthBasicProvider file
        AuthUserFile ${root}/users
        Require valid-user
    </Location>
    <Directory "${htdocs}/pages">
        Options +Includes
        SetOutputFilter INCLUDES
        WSGIAccessScript ${root}/pages.wsgi
    </Directory>
"""

FILES = {
    "users": "anna:{SHA}nU4eI71bcnBGqeO0t9tXvY1u5oQ=\n",
    "access.wsgi": r"""
import sys
def allow_access(environ, host):
    what = environ["QUERY_STRING"]
    print("asked", what, host, file=environ["wsgi.errors"])
    if what == "raise":
        raise LookupError("no such door")
    if what == "exit":
        sys.exit("leaving")
    if what == "interrupt":
        raise KeyboardInterrupt
    return {"true": True, "none": None, "false": False, "zero": 0, "one": 1, "text": "yes", "list": [1]}[what]
""",
    "environ.wsgi": r"""
import os
kept = {}
def allow_access(environ, host):
    if environ["QUERY_STRING"] == "late":
        try:
            kept["environ"]["mod_ssl.is_https"]()
        except RuntimeError as error:
            print("late is_https:", error, file=environ["wsgi.errors"])
        try:
            kept["environ"]["mod_ssl.var_lookup"]("HTTPS")
        except RuntimeError as error:
            print("late var_lookup:", error, file=environ["wsgi.errors"])
        try:
            kept["environ"]["wsgi.errors"].write("x")
        except RuntimeError as error:
            print("late errors:", error, file=environ["wsgi.errors"])
        return True
    kept["environ"] = environ
    shown = {key: value if isinstance(value, (str, tuple)) else "object" for key, value in environ.items()}
    shown["calls"] = (environ["mod_ssl.is_https"](), environ["mod_ssl.var_lookup"]("HTTPS"))
    with open(os.path.join(os.path.dirname(__file__), "environ.txt"), "w") as stream:
        print((type(environ).__name__, shown, host), file=stream)
    return True
""",
    "group.wsgi": """
import mod_wsgi
def allow_access(environ, host):
    assert environ["mod_wsgi.application_group"] == mod_wsgi.application_group == "doors"
    return True
""",
    "reload.wsgi": "def allow_access(environ, host):\n    return True\n",
    "empty.wsgi": "",
    "syntax.wsgi": "def allow_access(environ, host)\n    return True\n",
    "fails.wsgi": "raise LookupError('not today')\n",
    "pages.wsgi": "def allow_access(environ, host):\n    return not environ['REQUEST_URI'].endswith('secret.html') and"
                  " not environ['SCRIPT_NAME'].endswith('secret.html')\n",
    "htdocs/pages/index.html": '<!--#include virtual="open.html" -->|<!--#include virtual="secret.html" -->',
    "htdocs/pages/open.html": "open", "htdocs/pages/secret.html": "SECRET",
    **{f"htdocs/{name}": "page" for name in ("by-result", "environ", "group", "reload", "missing-script",
                                             "missing-function", "syntax", "fails-to-load", "satisfied")},
}

DENIED = r"\[python:error\].*MP0371: client denied by WSGIAccessScript "


@pytest.mark.parametrize("what", RESULTS)
def test_the_result_decides(httpd: Httpd, what: str) -> None:
    r = httpd.get(f"/by-result?{what}")
    assert r.status == RESULTS[what]
    httpd.claim(rf"\[client 127.0.0.1:\d+\] asked {what} 127.0.0.1\n")
    if r.status == 200:
        return
    assert b"page" not in r.body and b"door" not in r.body
    if what in WRONG:
        httpd.claim_failure(f"asking WSGIAccessScript '{httpd.root}/access.wsgi'", WRONG[what], "main_interpreter")
    httpd.claim(DENIED + ".*/access.wsgi: /by-result")


def test_true_is_no_user(httpd: Httpd) -> None:
    """Access and user are two questions: both must be answered."""
    assert httpd.get("/satisfied?true").status == 401
    assert httpd.get("/satisfied?none").status == 401
    for _ in range(2):
        httpd.claim("asked")


def environ_of(httpd: Httpd, request: bytes) -> Any:
    with RawClient(httpd.port) as client:
        client.send(request)
        assert client.receive_all().startswith(b"HTTP/1.1 200")
    kind, environ, host = ast.literal_eval((httpd.root / "environ.txt").read_text())
    assert kind == "dict"
    return environ, host


def test_environ_has_what_is_known_and_no_more(httpd: Httpd) -> None:
    environ, host = environ_of(
        httpd, b"GET /environ?a=b%20c HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YTpi\r\nProxy: http://evil\r\n"
               b"Proxy-Authorization: Basic YTpi\r\nX-Plain: one\r\nX_Under: bad\r\nRemote_User: admin\r\n"
               b"Content-Type: text/x\r\nX-Plain: two\r\nConnection: close\r\n\r\n")
    assert host == "127.0.0.1"
    expected = {
        "DOCUMENT_ROOT", "PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "REMOTE_PORT", "REQUEST_METHOD", "REQUEST_URI",
        "SCRIPT_NAME", "SERVER_ADDR", "SERVER_ADMIN", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL",
        "SERVER_SIGNATURE", "SERVER_SOFTWARE", "wsgi.errors", "apache.version", "mod_wsgi.version",
        "mod_wsgi.process_group", "mod_wsgi.application_group", "mod_ssl.is_https", "mod_ssl.var_lookup",
        "HTTP_HOST", "HTTP_X_PLAIN", "HTTP_CONNECTION", "CONTENT_TYPE", "calls"}
    assert set(environ) == expected
    assert environ["HTTP_X_PLAIN"] == "one, two"
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/environ", "", "a=b%20c")
    assert (environ["mod_wsgi.process_group"], environ["mod_wsgi.application_group"]) == ("", "")
    assert environ["calls"] == (False, None)
    assert environ["REMOTE_ADDR"] == "127.0.0.1" and environ["SERVER_PORT"] == str(httpd.port)


def test_the_method_is_the_clients(httpd: Httpd) -> None:
    environ, _ = environ_of(httpd, b"HEAD /environ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert environ["REQUEST_METHOD"] == "HEAD"


def test_what_is_kept_is_dead_later(httpd: Httpd) -> None:
    httpd.get("/environ?keep")
    assert httpd.get("/environ?late").status == 200
    httpd.claim(r"late is_https: mod_ssl.is_https\(\) called after its function returned")
    httpd.claim(r"late var_lookup: mod_ssl.var_lookup\(\) called after its function returned")
    httpd.claim(r"late errors: write\(\) called on wsgi.errors after request completed")


def test_it_runs_in_its_application_group(httpd: Httpd) -> None:
    assert httpd.get("/group").status == 200


def test_a_changed_script_counts_at_once(httpd: Httpd) -> None:
    assert httpd.get("/reload").status == 200
    httpd.write("reload.wsgi", "def allow_access(environ, host):\n    return False\n")
    assert httpd.get("/reload").status == 403
    httpd.claim(DENIED + ".*reload.wsgi")
    httpd.write("reload.wsgi", "raise LookupError('half written')\n")
    assert httpd.get("/reload").status == 403
    httpd.claim_failure(f"loading WSGIAccessScript '{httpd.root}/reload.wsgi'", "LookupError: half written")
    httpd.claim(DENIED + ".*reload.wsgi")
    httpd.write("reload.wsgi", "def allow_access(environ, host):\n    return True\n")
    assert httpd.get("/reload").status == 200


@pytest.mark.parametrize(("path", "doing", "script", "why"), [
    ("missing-script", "loading", "missing", "FileNotFoundError"),
    ("missing-function", "asking", "empty", "AttributeError: the script does not define allow_access()"),
    ("syntax", "loading", "syntax", "SyntaxError"),
    ("fails-to-load", "loading", "fails", "LookupError: not today"),
])
def test_a_script_that_cannot_answer_denies(httpd: Httpd, path: str, doing: str, script: str, why: str) -> None:
    for _ in range(2):
        assert httpd.get(f"/{path}").status == 403
        httpd.claim_failure(f"{doing} WSGIAccessScript '{httpd.root}/{script}.wsgi'", why)
        httpd.claim(DENIED)


def test_included_pages_are_asked_about_too(httpd: Httpd) -> None:
    """httpd would take the answer for the page around it, since their configurations are the same."""
    body = httpd.get("/pages/index.html").text
    assert body.startswith("open|") and "SECRET" not in body
    httpd.claim(DENIED + ".*pages.wsgi: /pages/secret.html")
    httpd.claim(r"AH01376|unable to include|MP0371")
