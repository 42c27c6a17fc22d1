"""A handler that answers as a CGI program: os.environ, sys.stdin, sys.stdout, sys.argv."""

import ast

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd

ENVIRONMENT = {"MP_BEFORE": "httpd's"}

CONF = CASES_CONF + """
    <Location /program>
        SetHandler mod_python
        PythonHandler cases::program
        SetEnv "MP_SET" "by SetEnv"
        SetEnv "MP=odd" "no name"
    </Location>
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler cases::else_where
    </Directory>
"""
MODULES = ("env",)

FILES = {"htdocs/else.txt": "", "cases.py": CASES + r'''
import os, sys

def program(req):
    env, si, so = apache.setup_cgi(req)
    try:
        globals()[os.environ["QUERY_STRING"]]()
    finally:
        apache.restore_nocgi(env, si, so)
    return apache.OK

def variables():
    print("Content-Type: text/plain\n")
    print([os.environ.get(name) for name in ("GATEWAY_INTERFACE", "SCRIPT_NAME", "PATH_INFO", "REQUEST_METHOD",
           "HTTP_AUTHORIZATION", "MP_SET", "MP_BEFORE", "HTTP_X")], sys.argv)

def echo():
    head = sys.stdin.readline()
    sys.stdout.write("Content-Type: text/plain\r\nStatus: 201 Made Here\r\nX-A: 1\r\nX-A: 2\r\n\r\n" + head)
    sys.stdout.flush()
    sys.stdout.buffer.write(sys.stdin.buffer.read())

def binary():
    sys.stdout.buffer.write(b"Content-Type: image/png\n\n" + sys.stdin.buffer.read())

def relative():
    print("Location: /else.txt?from=program")

def away():
    print("Location: http://other.example/\n")

def text_only():
    print("no header")

def fails():
    print("Content-Type: text/plain\n\nsome")
    raise LookupError("in the program")

def else_where(req):
    req.write("%s by way of %s" % (req.args, req.prev.uri))
    return apache.OK

def restored(req):
    return [type(sys.stdout).__name__, sys.stdin.read(), sys.argv, os.environ["MP_BEFORE"],
            [name for name in ("HTTP_X", "SCRIPT_NAME", "MP_SET") if name in os.environ]]

def streams(req):
    try:
        env, si, so = apache.setup_cgi(req)
        names = [type(sys.stdin).__name__, type(sys.stdout).__name__, sys.argv]
    finally:
        apache.restore_nocgi(env, si, so)
    return names
'''}


def test_the_program_sees_the_request(httpd: Httpd) -> None:
    r = httpd.get("/program/more?variables", {"X": "\xe9", "Authorization": "Basic abc"})
    assert r.status == 200 and r.headers["Content-Type"] == "text/plain"
    values, argv = r.text.rsplit(" ", 1)
    assert ast.literal_eval(values) == ["Python-CGI/1.1", "/program/more", None, "GET", "Basic abc", "by SetEnv",
                                        "httpd's", "\xe9"]
    assert argv == "[]\n"


def test_a_body_goes_through_with_status_and_headers(httpd: Httpd) -> None:
    r = httpd.post("/program?echo", "na\xefve\r\n".encode() + bytes(range(256)))
    assert (r.status, r.reason, r.headers.get_all("X-A")) == (201, "Made Here", ["1", "2"])
    assert r.body == "na\xefve\r\n".encode()      # the text stream has read ahead
    data = bytes(range(256)) * 1000
    r = httpd.post("/program?binary", data)
    assert r.headers["Content-Type"] == "image/png" and r.body == data


def test_locations(httpd: Httpd) -> None:
    assert httpd.get("/program?relative").text == "from=program by way of /program"
    r = httpd.get("/program?away")
    assert (r.status, r.headers["Location"]) == (302, "http://other.example/")
    r = httpd.post("/program?relative", b"x=y")
    assert (r.status, r.headers["Location"]) == (303, "/else.txt?from=program")


@pytest.mark.parametrize(("program", "error"), [
    ("text_only", "ValueError: premature end of headers: b'no header' is none"),
    ("fails", "LookupError: in the program")])
def test_a_program_that_fails_is_an_error_and_everything_is_restored(httpd: Httpd, program: str, error: str) -> None:
    assert httpd.get(f"/program?{program}", {"X": "y"}).status == 500
    httpd.claim_failure("PythonHandler cases::program", error)
    assert case(httpd, "restored") == ["LogStream", "", ["mod_python"], "httpd's", []]


def test_the_streams_are_those_of_apache(httpd: Httpd) -> None:
    assert case(httpd, "streams") == ["CGIStdin", "CGIStdout", []]
