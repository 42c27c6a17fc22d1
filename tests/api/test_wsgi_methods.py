"""req.build_wsgi_env() and req.wsgi_start_response(): what mod_python.wsgi stands on."""

import ast
from typing import Any

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd

MPMS = ("event", "prefork")
MODULES = ("env",)

CONF = CASES_CONF + """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler cases::environ
    </Directory>
    <Directory "${htdocs}/base">
        PythonOption mod_python.wsgi.base_uri /base/app
    </Directory>
    <Location /at>
        SetHandler mod_python
        PythonHandler cases::environ
        SetEnv MP_SET "by \xe9"
    </Location>
    <Location /slash/>
        SetHandler mod_python
        PythonHandler cases::environ
    </Location>
    <Location /bad>
        SetHandler mod_python
        PythonHandler cases::environ
        PythonOption mod_python.wsgi.base_uri /bad/
    </Location>
    <Location /empty>
        SetHandler mod_python
        PythonHandler cases::environ
        PythonOption mod_python.wsgi.base_uri ""
    </Location>
    <Location /other>
        SetHandler mod_python
        PythonHandler cases::environ
        PythonOption mod_python.wsgi.base_uri /elsewhere
    </Location>
    <Location "/wild*">
        SetHandler mod_python
        PythonHandler cases::environ
    </Location>
    <LocationMatch "^/match/[0-9]+">
        SetHandler mod_python
        PythonHandler cases::environ
    </LocationMatch>
    <LocationMatch "^/both/[0-9]+">
        SetHandler mod_python
        PythonHandler cases::environ
        PythonOption mod_python.wsgi.base_uri /both
    </LocationMatch>
    <LocationMatch "^/added/">
        SetHandler mod_python
        PythonHandler cases::adds
    </LocationMatch>
    <Location /app>
        SetHandler mod_python
        PythonHandler cases::application
    </Location>
"""

FILES = {"htdocs/base/app": "", "htdocs/base/apple": "", "cases.py": CASES + r'''
import sys

def environ(req):
    env = req.build_wsgi_env()
    if env is None:
        req.write("None")
        return apache.OK
    assert env["wsgi.input"] is req and env["wsgi.errors"] is sys.stderr
    env["wsgi.input"], env["wsgi.errors"] = type(env["wsgi.input"]).__name__, "sys.stderr"
    req.write(ascii(env))
    return apache.OK

def adds(req):
    req.add_handler("PythonHandler", environ)
    return apache.OK

def application(req):
    write = globals()[req.args](req)
    if write:
        write(b"body")
    return apache.OK

def answers(req):
    return req.wsgi_start_response("404 Nothing Here", [("Content-Type", "text/x-test"), ("X-A", "1"), ("X-A", "2"),
                                                        ("content-length", "4"), ("X-B", "\xe9")])

def as_bytes(req):
    return req.wsgi_start_response(b"201 Made", [(b"Content-Type", b"image/png"), (b"X-A", b"\xff")])

def own_number(req):
    return req.wsgi_start_response("299", [])

def own_text(req):
    return req.wsgi_start_response(status="799 Own Text", headers=[], exc_info=None)

def error_before(req):
    req.headers_out["X-Other"] = "kept"
    req.wsgi_start_response("200 OK", [("X-A", "1"), ("Content-Length", "9"), ("Content-Type", "image/png")])
    try:
        raise LookupError("early")
    except LookupError:
        return req.wsgi_start_response("500 Oops", [("X-B", "2")], sys.exc_info())

def error_after(req):
    write = req.wsgi_start_response("200 OK", [("X-A", "1")])
    write(b"some")
    try:
        raise LookupError("late")
    except LookupError:
        req.wsgi_start_response("500 Oops", [("X-B", "2")], sys.exc_info())

def error_queued(req):
    write = req.wsgi_start_response("200 OK", [("X-A", "1")])
    write(b"some", 0)
    try:
        raise LookupError("late")
    except LookupError:
        req.wsgi_start_response("500 Oops", [("X-B", "2")], sys.exc_info())

def twice(req):
    req.wsgi_start_response("200 OK", [])
    req.wsgi_start_response("200 OK", [])

class Text(str):
    pass

def refused(req):
    error = LookupError()
    found = []
    for arguments in [
            (200, []), (None, []), ("OK", []), ("20 OK", []), ("099 x", []), ("2000", []), ("200OK", []), ("", []),
            ("200 OK\r\nX: y", []), ("200 OK\0", []), ("200 OK", None), ("200 OK", ()), ("200 OK", {}),
            ("200 OK", [["X", "y"]]), ("200 OK", [("X",)]), ("200 OK", [("X", 1)]), ("200 OK", [(None, "x")]),
            ("200 OK", [("X", "a\nb")]), ("200 OK", [("X", b"a\rb")]), ("200 OK", [("X\n", "a")]),
            ("200 OK", [("X Y", "a")]), ("200 OK", [("", "a")]), ("200 OK", [("X:", "a")]), ("200 OK", [("X", "a\0")]),
            ("200 OK", [("\xe9", "a")]), ("200 OK", [("Content-Length", "-1")]), ("200 OK", [("Content-Length", "a")]),
            ("200 OK", [("Content-Length", "")]), ("200 OK", [], 5), ("200 OK", [], (None, None, None)),
            ("200 OK", [], (LookupError, error)), ("200 OK", [], error), ("200 OK",), (),
            ("200 OK", [("X-Good", "1"), ("X", "a\nb")])]:
        found.append((raised(req.wsgi_start_response, *arguments) or ["accepted"])[0])
    req.wsgi_start_response(Text("200 OK"), [])
    return found + [dict(req.headers_out.items())]

def kept(req):
    env = req.build_wsgi_env()
    env["me"] = env
    req.env = env
'''}


def environ(httpd: Httpd, target: str, headers: dict[str, str] | None = None, method: str = "GET") -> Any:
    with httpd.raw() as client:
        r = client.send_request(method, target, headers).response()
    assert r.status == 200, r.body
    return ast.literal_eval(r.text)


def test_the_environ(httpd: Httpd) -> None:
    env = environ(httpd, "/at/a%20%c3%a9/b?x=%41", {"X-Y": "\xe9", "Authorization": "Basic abc", "Proxy": "evil"})
    expected = {
        "SCRIPT_NAME": "/at", "PATH_INFO": "/a \xc3\xa9/b", "QUERY_STRING": "x=%41", "REQUEST_METHOD": "GET",
        "REQUEST_URI": "/at/a%20%c3%a9/b?x=%41", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "localhost",
        "SERVER_PORT": str(httpd.port), "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost", "HTTP_X_Y": "\xe9",
        "HTTP_AUTHORIZATION": "Basic abc", "GATEWAY_INTERFACE": "CGI/1.1", "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http", "wsgi.input": "mp_request", "wsgi.errors": "sys.stderr",
        "wsgi.multithread": httpd.mpm != "prefork", "wsgi.multiprocess": True, "wsgi.run_once": False,
        "MP_SET": "by \xc3\xa9"}
    assert {name: env.get(name) for name in expected} == expected
    assert "HTTP_PROXY" not in env
    assert all(type(value) is str for name, value in env.items() if not name.startswith("wsgi."))
    assert [type(env[name]) for name in ("wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once")] == [bool] * 3


@pytest.mark.parametrize(("target", "name", "rest"), [
    ("/at", "/at", ""), ("/at/", "/at", "/"), ("/at//x", "/at", "/x"), ("/slash/x", "/slash", "/x"),
    ("/slash/", "/slash", "/"), ("/empty/x", "/empty", "/x"), ("/wild/x", "", "/wild/x"),
    ("/match/12/x", "", "/match/12/x"),
    ("/both/12", "/both", "/12"), ("/base/app", "/base/app", ""), ("/base/app/x", "/base/app", "/x"),
    ("/added/x", "", "/added/x"), ("/at/%2561", "/at", "/%61")])
def test_the_uri_is_split(httpd: Httpd, target: str, name: str, rest: str) -> None:
    env = environ(httpd, target)
    assert (env["SCRIPT_NAME"], env["PATH_INFO"]) == (name, rest)


@pytest.mark.parametrize("target", ["/base/apple", "/other/x"])
def test_a_uri_that_is_not_below_the_name_gives_none(httpd: Httpd, target: str) -> None:
    assert environ(httpd, target) is None


def test_a_base_uri_with_a_slash_at_its_end_is_an_error(httpd: Httpd) -> None:
    assert httpd.get("/bad/x").status == 500
    httpd.claim_failure("PythonHandler cases::environ", "ValueError: PythonOption mod_python.wsgi.base_uri must not end"
                        " with '/': write '/bad'")


def test_the_answer_is_what_the_application_says(httpd: Httpd) -> None:
    r = httpd.get("/app?answers")
    assert (r.status, r.reason, r.body) == (404, "Nothing Here", b"body")
    assert r.headers["Content-Type"] == "text/x-test" and r.headers.get_all("X-A") == ["1", "2"]
    assert r.headers.get_all("Content-Length") == ["4"] and r.headers["X-B"] == "\xe9"
    assert (r := httpd.get("/app?as_bytes")).status == 201 and r.reason == "Made"
    assert r.headers["Content-Type"] == "image/png" and r.headers["X-A"] == "\xff"
    assert httpd.get("/app?own_number").status == 299
    assert (r := httpd.get("/app?own_text")).status == 799 and r.reason == "Own Text"
    assert httpd.request("HEAD", "/app?answers").headers["Content-Length"] == "4"


def test_an_error_before_the_body_replaces_the_answer(httpd: Httpd) -> None:
    r = httpd.get("/app?error_before")
    assert (r.status, r.reason, r.body) == (500, "Oops", b"body")
    assert (r.headers["X-A"], r.headers["X-B"], r.headers["X-Other"]) == (None, "2", "kept")
    assert r.headers["Content-Type"] != "image/png" and r.headers["Content-Length"] != "9"


def test_an_error_in_the_body_is_raised_again(httpd: Httpd) -> None:
    with httpd.raw() as client:
        answer = client.send_request("GET", "/app?error_after").receive_all()
    assert b"\r\nX-A: 1\r\n" in answer and b"X-B" not in answer and answer.endswith(b"some\r\n")
    httpd.claim_failure("PythonHandler cases::application", "LookupError: late")
    assert httpd.get("/app?error_queued").status == 500
    httpd.claim_failure("PythonHandler cases::application", "LookupError: late")


def test_there_is_one_start_of_a_response(httpd: Httpd) -> None:
    assert httpd.get("/app?twice").status == 500
    httpd.claim_failure("PythonHandler cases::application", "RuntimeError: start_response() was called already")


def test_what_is_no_response_is_refused(httpd: Httpd) -> None:
    *errors, headers = case(httpd, "refused")
    assert errors == [{"T": "TypeError", "V": "ValueError"}[letter] for letter in
                      "TTVVVVVVVV" "TTTTTTT" "VVVVVVVVVVV" "TTTTTT" "V"]
    assert "X-Good" not in headers


def test_an_environ_that_refers_to_itself_ends(httpd: Httpd) -> None:
    for _ in range(20):
        assert case(httpd, "kept") is None
