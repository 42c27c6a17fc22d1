"""mod_python.wsgi: applications by PythonHandler (spec: library, section 6)."""

from __future__ import annotations

import pytest
from httpd import Httpd

MPMS = ("event", "prefork")


def location(path: str, application: str | None, base_uri: str | None = None, kind: str = "Location") -> str:
    options = [f"PythonOption mod_python.wsgi.{name} {value}" for name, value in
               (("application", application), ("base_uri", base_uri)) if value is not None]
    return "\n".join([f'<{kind} "{path}">', "SetHandler mod_python", "PythonHandler mod_python.wsgi", *options,
                      f"</{kind}>", ""])


CONF = "".join([
    location("/app", "site_app"), location("/named", "site_app::other"), location("/object", "site_app::holder.app"),
    location("/none", None), location("/missing", "site_app::missing"), location("/false", "site_app::nothing"),
    location("/no_module", "no_such_module"), location("/bad", "site_app", "/bad/"),
    location("/empty", "site_app", '""'),
    location("/other", "site_app", "/elsewhere"), location("/wild*", "site_app"),
    location("^/match/[0-9]+", "site_app", None, "LocationMatch"),
    location("/edge", "site_app", "/edge/u"), location("/changing", "changing"),
    location("/file", "${root}/by_file.py"),
    location("${htdocs}/dir", "./beside", "/dir", "Directory"),
])

FILES = {
    "site_app.py": r'''
import sys
from mod_python import apache

def application(environ, start_response):
    name = environ["QUERY_STRING"]
    return globals()[name](environ, start_response) if name else split(environ, start_response)

def split(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["SCRIPT_NAME"], "|", environ["PATH_INFO"]]

def other(environ, start_response):
    start_response("200 OK", [])
    return [b"other"]

class Holder:
    def app(self, environ, start_response):
        start_response("200 OK", [])
        return ["holder"]
holder, nothing = Holder(), None

def kinds(environ, start_response):
    start_response("200 OK", [])
    environ["wsgi.errors"].write("written to wsgi.errors\n")
    environ["wsgi.errors"].flush()
    return [type(environ["wsgi.input"]).__name__, str(environ["wsgi.errors"] == sys.stderr)]

def echo(environ, start_response):
    start_response("200 OK", [])
    body = environ["wsgi.input"]
    return [repr([body.readline(), next(iter(body)), body.read(2), body.readlines(), body.read()])]

def answers(environ, start_response):
    start_response("404 Nothing Here", [("Content-Type", "text/x-test"), ("X-A", "1"), ("X-A", "2")])
    return ["text \xe9", b" bytes \xff"]

def written(environ, start_response):
    write = start_response("200 OK", [])
    write("written ")
    write(b"twice ")
    return ["and returned"]

class Closing:
    def __init__(self, pieces):
        self.pieces = iter(pieces)
    def __iter__(self):
        return self
    def __next__(self):
        return next(self.pieces)
    def close(self):
        apache.log_error("it was closed", apache.APLOG_NOTICE, apache.main_server)

def closes(environ, start_response):
    start_response("200 OK", [])
    return Closing([b"one ", "", b"two"])

def fails(environ, start_response):
    start_response("200 OK", [])
    def pieces():
        raise LookupError("in a piece")
        yield b""
    return Closing(pieces())

def lazy(environ, start_response):
    start_response("201 Made", [])
    yield "lazy"

def never(environ, start_response):
    return []

def too_late(environ, start_response):
    yield "early"
    start_response("200 OK", [])

def no_iterable(environ, start_response):
    start_response("200 OK", [])
    return 5

def number(environ, start_response):
    start_response("200 OK", [])
    return [5]

def bad_headers(environ, start_response):
    start_response("200 OK", {"X": "y"})

def bad_status(environ, start_response):
    start_response("20 OK", [])

def replaced(environ, start_response):
    start_response("200 OK", [("X-A", "1")])
    try:
        raise LookupError("early")
    except LookupError:
        start_response("500 Oops", [("X-B", "2")], sys.exc_info())
    return ["error"]

def empty(environ, start_response):
    start_response("204 No Content", [])
    return []
''',
    "changing.py": "def application(environ, start_response):\n    start_response('200 OK', [])\n    return ['old']\n",

       "by_file.py": "def application(environ, start_response):\n    start_response('200 OK', [])\n"
                  "    return ['by file']\n",
    "htdocs/dir/beside.py": "def application(environ, start_response):\n    start_response('200 OK', [])\n"
                            "    return [environ['SCRIPT_NAME'], environ['PATH_INFO']]\n",
}

HANDLER = "PythonHandler mod_python.wsgi"


@pytest.mark.parametrize(("path", "expected"), [
    ("/app", "/app|"), ("/app/", "/app|/"), ("/app/x/y", "/app|/x/y"), ("/app/a%20b", "/app|/a b"),
    ("/empty/x", "/empty|/x"), ("/wild1", "|/wild1"), ("/match/12/x", "|/match/12/x"), ("/named/x", "other"),
    ("/object", "holder"), ("/edge/u", "/edge/u|"), ("/edge/u/x", "/edge/u|/x"), ("/file/x", "by file"),
    ("/dir/x", "/dir/x"),
])
def test_an_application_is_called_with_its_part_of_the_uri(httpd: Httpd, path: str, expected: str) -> None:
    assert httpd.get(path).text == expected


@pytest.mark.parametrize("path", ["/edge/ux", "/edge", "/other/x"])
def test_a_uri_that_is_not_below_the_base_is_declined(httpd: Httpd, path: str) -> None:
    assert httpd.get(path).status == 404
    httpd.claim(f"MP0119: mod_python.wsgi: '{path}' is not below")


def test_a_wrong_option_is_said(httpd: Httpd) -> None:
    assert httpd.get("/none").status == 500
    httpd.claim("MP0117: mod_python.wsgi: no application: write 'PythonOption mod_python.wsgi.application MODULE")
    for path in ("/missing", "/false"):
        assert httpd.get(path).status == 404
        httpd.claim("MP0118: mod_python.wsgi: 'site_app::[a-z]*' of PythonOption mod_python.wsgi.application is not")
    assert httpd.get("/no_module").status == 500
    httpd.claim_failure(HANDLER, "ModuleNotFoundError: No module named 'no_such_module'")
    assert httpd.get("/bad/x").status == 500
    httpd.claim_failure(HANDLER, "ValueError: PythonOption mod_python.wsgi.base_uri must not end with '/'")


def test_input_and_errors_are_what_applications_test_for(httpd: Httpd) -> None:
    assert httpd.get("/app?kinds").text == "mp_requestTrue"
    assert "written to wsgi.errors" in httpd.log_text()
    httpd.claim("written to wsgi.errors")


def test_the_body_can_be_read(httpd: Httpd) -> None:
    assert httpd.post("/app?echo", b"one\ntwo\nthree\nfour").text == repr(
        [b"one\n", b"two\n", b"th", [b"ree\n", b"four"], b""])


def test_status_headers_and_body_are_the_applications(httpd: Httpd) -> None:
    r = httpd.get("/app?answers")
    assert (r.status, r.reason, r.headers["Content-Type"], r.headers.get_all("X-A")) == (
        404, "Nothing Here", "text/x-test", ["1", "2"])
    assert r.body == b"text \xc3\xa9 bytes \xff" and r.headers["Content-Length"] == "15"
    assert (r := httpd.get("/app?lazy")).status == 201 and r.text == "lazy"
    assert httpd.get("/app?written").text == "written twice and returned"
    assert httpd.get("/app?empty").status == 204
    r = httpd.get("/app?replaced")
    assert (r.status, r.reason, r.headers["X-A"], r.headers["X-B"], r.text) == (500, "Oops", None, "2", "error")
    assert httpd.request("HEAD", "/app?answers").headers["Content-Length"] == "15"


def test_a_result_is_closed_also_after_an_exception(httpd: Httpd) -> None:
    assert httpd.get("/app?closes").text == "one two"
    httpd.claim("it was closed")
    assert httpd.get("/app?fails").status == 500
    httpd.claim("it was closed")
    httpd.claim_failure(HANDLER, "LookupError: in a piece")


@pytest.mark.parametrize(("name", "exception"), [
    ("never", "RuntimeError: mod_python.wsgi: site_app did not call start_response()"),
    ("too_late", "RuntimeError: mod_python.wsgi: site_app did not call start_response()"),
    ("no_iterable", "TypeError: 'int' object is not iterable"), ("number", "TypeError: "),
    ("bad_headers", "TypeError: "),
    ("bad_status", "ValueError: "),
])
def test_what_is_no_answer_is_an_error(httpd: Httpd, name: str, exception: str) -> None:
    assert httpd.get(f"/app?{name}").status == 500
    httpd.claim_failure(HANDLER, exception)


def test_a_changed_application_is_loaded_anew(httpd: Httpd) -> None:
    httpd.write("changing.py", FILES["changing.py"])
    assert httpd.get("/changing").text == "old"
    httpd.write("changing.py", FILES["changing.py"].replace("old", "new"))
    assert httpd.get("/changing").text == "new"
