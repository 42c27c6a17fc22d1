"""A client can't tell where an application runs: the same requests to the same script, in a child and in a process
group (spec: WSGI behaviour 20, row 17)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from httpd import Httpd
from wsgi_site import APP, wsgi_conf

MODES = ("embedded",)       # it has both in one server
MODULES = ("env", "setenvif", "deflate", "filter", "headers", "include", "rewrite", "expires")
MORE = "WSGIProcessGroup %{ENV:MODE}"

CONF = """
    WSGIDaemonProcess shop threads=24
    SetEnvIf X-Mode (.+) MODE=$1
    ErrorDocument 404 "our own page"
    ErrorDocument 410 /app.wsgi/say?status=200&body=made
    RewriteEngine On
    RewriteRule ^/rewritten/(.*) /app.wsgi/$1 [PT,E=BY:rewrite]
    <Directory "${htdocs}/pages">
        Options +Includes
        SetOutputFilter INCLUDES
    </Directory>
    <Directory "${htdocs}/deflated">
        SetOutputFilter DEFLATE
    </Directory>
    <Directory "${htdocs}/header">
        Header set X-Ours "%{X-App}e"
        Header merge X-Same ours
        Header always append X-Always ours
        ExpiresActive On
        ExpiresDefault "access plus 1 day"
    </Directory>
""" + wsgi_conf(more=MORE) + "".join(
    wsgi_conf(f'<Directory "${{htdocs}}/{name}">', more=f"{MORE}\n{more}") for name, more in [
        ("override", "WSGIErrorOverride On"), ("own", "WSGIApplicationGroup own"), ("strict", "WSGIChunkedRequest Off"),
        ("head", "WSGIMapHEADToGET On"), ("limited", "LimitRequestBody 10"), ("sendfile", "WSGIEnableSendfile On")])

SCRIPT = APP + r'''
from urllib.parse import parse_qs

def raw_environ(environ, start_response):
    shown = {key: value if isinstance(value, (str, int, float, tuple)) else
             f"{type(value).__module__}.{type(value).__qualname__}" for key, value in sorted(environ.items())}
    return answer(start_response, shown)

def query(environ):
    found = parse_qs(environ["QUERY_STRING"], keep_blank_values=True, encoding="latin-1")
    return lambda name, default="": found.get(name, [default])[0]

def raw_say(environ, start_response):
    "What the query says: status, headers (a list in Python), body (pieces, between commas), how."
    ask = query(environ)
    how = ask("how")
    if how == "reads":
        environ["wsgi.input"].read()
    status = ask("status", "200 OK")
    write = start_response(status if " " in status else status + " Said", eval(ask("headers", "[]")))
    body = [piece.encode("latin-1") for piece in ask("body").split(",")] if ask("body") else []
    if how == "write":
        for piece in body:
            write(piece)
        return []
    if how == "generator":
        return (piece for piece in body)
    if how == "large":
        return [b"x" * int(ask("body"))]
    if how == "file":
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    if how == "echo":
        return iter(lambda: environ["wsgi.input"].read(1000), b"")
    return body

say = raw_say

def raw_fails(environ, start_response):
    where = query(environ)("where")
    if where == "call":
        raise LookupError("secret")
    write = start_response("202 Begun", [("Content-Type", "text/plain")])
    if where == "written":
        write(b"begun")
        raise LookupError("secret")
    if where == "close":
        class Closes(list):
            def close(self):
                raise LookupError("secret")
        return Closes([b"whole"])
    def items():
        if where == "item":
            yield b"begun"
        raise LookupError("secret")
    return items()

def raw_timeout(environ, start_response):
    import mod_wsgi
    raise mod_wsgi.RequestTimeout()
'''
FILES = {
    **{f"htdocs/{directory}app.wsgi": SCRIPT for directory in (
        "", "override/", "own/", "deflated/", "header/", "strict/", "head/", "limited/", "sendfile/")},
    "htdocs/broken.wsgi": "raise LookupError('secret')\n", "htdocs/empty.wsgi": "",
    "htdocs/pages/page.html": '[<!--#include virtual="/app.wsgi/raw_say?body=one,two" -->|'
                              '<!--#include virtual="/app.wsgi/raw_say?status=404&body=none" -->|'
                              '<!--#include virtual="/app.wsgi/raw_fails?where=call" -->]',
}

OK = {"Content-Type": "text/plain"}


@dataclass(frozen=True)
class Answer:
    """What came over the wire, but for the cuts between chunks."""

    line: bytes
    headers: tuple[bytes, ...]
    body: bytes
    ends: bool      # it says that it is whole


def dechunked(data: bytes) -> tuple[bytes, bool]:
    body = b""
    while match := re.match(rb"([0-9a-f]+) *\r\n", data):
        size = int(match[1], 16)
        if not size:
            return body, True
        body += data[match.end():match.end() + size]
        data = data[match.end() + size + 2:]
    assert not data, data
    return body, False


def parsed(data: bytes, method: str) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    headers = sorted(header for header in headers if not header.lower().startswith((b"date:", b"expires:")))
    length = [header for header in headers if header.lower().startswith(b"content-length:")]
    ends = True
    if b"Transfer-Encoding: chunked" in headers and method != "HEAD":
        body, ends = dechunked(body)
    elif length and method != "HEAD":
        ends = len(body) == int(length[0].split(b":")[1])
    return Answer(line, tuple(headers), body, ends)


def both(httpd: Httpd, path: str, *lines: str, method: str = "GET", version: str = "1.1", body: bytes = b"",
         half: bool = False) -> tuple[Answer, Answer]:
    """The answers in a child and in the group to one request that is sent as it is given."""
    answers = []
    for mode in ("%{GLOBAL}", "shop"):
        head = [f"{method} {path} HTTP/{version}", "Host: a.example", f"X-Mode: {mode}", *lines, "Connection: close"]
        with httpd.raw() as client:
            client.send("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)
            if half:
                client.half_close()
            answers.append(parsed(client.receive_all(), method))
    return answers[0], answers[1]


def say(**words: object) -> str:
    return "raw_say?" + "&".join(f"{name}={quote(str(word))}" for name, word in words.items())


def header_list(*pairs: tuple[str, str]) -> str:
    return repr(list(pairs))


SAID = [
    *(say(status=status, body="page") for status in (
        "200 OK", "200", "201 Made", "204 No Content", "205 Reset", "206 Partial", "299 \xe9", "301 Moved", "304 Same",
        "400 Bad", "401 Who", "404 None", "410 Gone", "418 I'm a teapot", "500 Broken", "503 Later", "599 x", "999 x")),
    say(), say(body="one"), say(body="one,two,three"), say(body="one,two", how="write"),
    say(body="one", how="generator"),
    say(body=100000, how="large"), say(body=3000000, how="large"), say(how="file"), say(how="file", status="404 x"),
    *(say(headers=header_list(*pairs), body="page", how=how) for how in ("", "generator") for pairs in [
        [("Content-Type", "text/html; charset=latin-1"), ("X-Text", "caf\xe9 \t  two")],
        [("content-type", "text/x"), ("x-lower", "1"), ("X-UPPER", "2")],
        [("X-Same", "1"), ("x-same", "2"), ("X-SAME", "3")],
        [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("WWW-Authenticate", "Basic"), ("WWW-Authenticate", "Digest")],
        [("Location", "/app.wsgi/raw_say?body=other")], [("Location", "http://elsewhere/")],
        [("Status", "404 None")], [("Transfer-Encoding", "chunked")], [("Connection", "X-Hop"), ("X-Hop", "1")],
        [("Connection", "close")], [("Keep-Alive", "timeout=9")], [("Trailer", "X")], [("Upgrade", "x")],
        [("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Server", "mine")],
        [("X-Empty", ""), ("X-Blank", "   "), ("X-Blanks", "  a  b  "), ("X-Colon", "a: b"), ("X-Tab", "\tx\t")],
        [("ETag", '"tag"'), ("Last-Modified", "Thu, 01 Jan 2015 00:00:00 GMT"), ("Cache-Control", "no-store")],
        [("Content-Length", "4")], [("Content-Length", " +4 ")], [("Content-Length", "2")], [("Content-Length", "")],
        [("Content-Encoding", "x"), ("Content-Language", "de"), ("Content-Range", "bytes 0-3/9"), ("Vary", "X")],
        [("X-Long", "y" * 20000)],
    ]),
]


@pytest.mark.parametrize("path", SAID)
def test_answers(httpd: Httpd, path: str) -> None:
    for method, version in (("GET", "1.1"), ("GET", "1.0"), ("HEAD", "1.1"), ("POST", "1.1"), ("BREW", "1.1")):
        lines = ("Content-Length: 4",) if method == "POST" else ()
        child, group = both(httpd, f"/app.wsgi/{path}", *lines, method=method, version=version,
                            body=b"body" if lines else b"")
        assert child == group
        assert child.line.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("length", ["9", "-1", "4x", "99999999999999999999"])
def test_bad_lengths(httpd: Httpd, length: str) -> None:
    child, group = both(httpd, "/app.wsgi/" + say(headers=header_list(("Content-Length", length)), body="page"))
    assert child == group
    for _ in range(2):
        httpd.claim("MP0335" if length == "9" else r"MP0332: (.*\n)+?.*ValueError: invalid Content-Length")
    if length == "9":
        assert not child.ends
        httpd.claim("MP0438")


@pytest.mark.parametrize("directory", ["override", "own", "deflated", "header", "head", "sendfile"])
def test_answers_where_httpd_has_its_say(httpd: Httpd, directory: str) -> None:
    for path in (say(body="one"), say(body="a,b" * 3000), say(status="404 None", body="ours"), say(how="file"),
                 say(status="401 x", headers=header_list(("WWW-Authenticate", "Basic"), ("X-Same", "app"))),
                 say(status="410 Gone", body="gone"), say(status="304 x"), say(body=200000, how="large"),
                 say(headers=header_list(("Content-Encoding", "br"), ("X-Same", "app"), ("X-Always", "app"))),
                 say(headers=header_list(("Content-Length", "4")), body="page"), "raw_timeout"):
        for method in ("GET", "HEAD"):
            child, group = both(httpd, f"/{directory}/app.wsgi/{path}", "Accept-Encoding: gzip", method=method)
            assert child == group, path


@pytest.mark.parametrize(("where", "status", "whole"), [
    ("call", b"500", True), ("started", b"500", True), ("written", b"202", False), ("item", b"202", False),
    ("close", b"202", True)])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_failures(httpd: Httpd, where: str, status: bytes, whole: bool, version: str) -> None:
    child, group = both(httpd, f"/app.wsgi/raw_fails?where={where}", version=version)
    assert child == group
    assert child.line[9:12] == status and child.ends == (whole or version == "1.0") and b"secret" not in child.body
    for _ in range(2):
        httpd.claim(r"MP033[23]: (.*\n)+?.*LookupError: secret\n")
    if not whole:
        httpd.claim("MP0438")


@pytest.mark.parametrize(("path", "status", "logged"), [
    ("/broken.wsgi", b"500", r"MP0331: (.*\n)+?.*LookupError: secret\n"),
    ("/empty.wsgi", b"500", r"MP0331: (.*\n)+?.*does not contain WSGI application 'application'\n"),
    ("/missing.wsgi", b"404", "MP0305"),
    ("/app.wsgi/raw_timeout", b"504", "recovered")])
def test_scripts_that_have_no_answer(httpd: Httpd, path: str, status: bytes, logged: str) -> None:
    child, group = both(httpd, path)
    assert child == group and child.line[9:12] == status
    for _ in range(2):
        httpd.claim(logged)


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(("path", "lines", "body", "status"), [
    ("/app.wsgi/" + say(how="echo"), ["Content-Length: 5"], b"hello", b"200"),
    ("/app.wsgi/" + say(how="echo"), [CHUNKED], b"5\r\nhello\r\n0\r\n\r\n", b"200"),
    ("/app.wsgi/" + say(how="echo"), ["Content-Length: 100000"], b"x" * 100000, b"200"),
    ("/app.wsgi/" + say(how="reads", body="page"), ["Content-Length: 9"], b"part", b"400"),
    ("/app.wsgi/" + say(how="reads", body="page"), [CHUNKED], b"zz\r\n", b"400"),
    ("/app.wsgi/" + say(how="reads", body="page"), [CHUNKED], b"5\r\nhel", b"400"),
    ("/app.wsgi/" + say(body="page"), ["Content-Length: 9"], b"part", b"200"),
    ("/strict/app.wsgi/" + say(body="page"), [CHUNKED], b"0\r\n\r\n", b"411"),
    ("/app.wsgi/" + say(body="page"), ["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n", b"501"),
    ("/app.wsgi/" + say(body="page"), ["Content-Length: x"], b"", b"400"),
    ("/limited/app.wsgi/" + say(body="page"), ["Content-Length: 11"], b"x" * 11, b"413"),
    ("/limited/app.wsgi/" + say(how="reads", body="page"), [CHUNKED], b"b\r\nhello hello\r\n0\r\n\r\n", b"413"),
    ("/app.wsgi/" + say(body="page"), ["Content-Length: 4", "Expect: 100-continue"], b"", b"200"),
    ("/app.wsgi/" + say(body="page"), ["Expect: nonsense"], b"", b"417"),
])
def test_bodies(httpd: Httpd, path: str, lines: list[str], body: bytes, status: bytes) -> None:
    """But for chunks that httpd refuses and the application does not read: a group gets the body unasked."""
    child, group = both(httpd, path, *lines, method="POST", body=body, half=True)
    assert child == group and child.line[9:12] == status
    if "MP0330" in httpd.unclaimed():
        for _ in range(2):
            httpd.claim("MP0330")


@pytest.mark.parametrize("lines", [["Range: bytes=10-19"], ["Range: bytes=0-4,10-19"], ["Range: bytes=9999999-"],
                                   ['If-None-Match: "tag"'], ['If-Match: "other"'],
                                   ["If-Modified-Since: Thu, 01 Jan 2015 00:00:00 GMT"],
                                   ["If-Unmodified-Since: Thu, 01 Jan 2014 00:00:00 GMT"]])
def test_parts_and_conditions_are_httpds(httpd: Httpd, lines: list[str]) -> None:
    headers = header_list(("ETag", '"tag"'), ("Last-Modified", "Thu, 01 Jan 2015 00:00:00 GMT"))
    for path in (say(headers=headers, body="0123456789" * 10), say(headers=headers, how="file"),
                 say(headers=headers, body=300000, how="large"), say(headers=headers, body="a,b", how="generator")):
        answers = both(httpd, f"/app.wsgi/{path}", *lines)
        boundaries = [re.search(rb"boundary=(\w+)", b"\n".join(answer.headers)) for answer in answers]
        child, group = (Answer(a.line, tuple(h.replace(b[1], b"") if b else h for h in a.headers),
                               a.body.replace(b[1], b"") if b else a.body, a.ends)
                        for a, b in zip(answers, boundaries, strict=True))
        assert child == group
        if lines[0].startswith("Range") and "large" in path:
            assert child.line.startswith(b"HTTP/1.1 416" if "9999" in lines[0] else b"HTTP/1.1 206")


def test_pages_that_include_applications(httpd: Httpd) -> None:
    child, group = both(httpd, "/pages/page.html", "Content-Length: 4", method="POST", body=b"body")
    assert child == group
    assert child.body.startswith(b"[onetwo|none|[an error occurred")
    for _ in range(2):
        httpd.claim(r"MP0332: (.*\n)+?.*LookupError: secret\n")
        httpd.claim("unable to include")


# What may differ (spec: WSGI behaviour 2.3, 2.4), and what belongs to one request.
OWN = {"HTTP_X_MODE", "MODE", "REMOTE_PORT", "wsgi.multiprocess", "mod_wsgi.process_group", "mod_wsgi.thread_id",
       "mod_wsgi.request_start", "mod_wsgi.queue_start", "mod_wsgi.daemon_start", "mod_wsgi.application_start",
       "mod_wsgi.request_id", "mod_wsgi.connection_id", "UNIQUE_ID"}


def environ_of(answer: Answer) -> dict[str, Any]:
    assert b" 200 " in answer.line, answer
    found: dict[str, Any] = eval(answer.body)
    return found


@pytest.mark.parametrize(("path", "lines"), [
    ("/app.wsgi/raw_environ?a=%20b&c", []), ("//app.wsgi//raw_environ///x", []),
    ("/app.wsgi/raw_environ/%C3%A9%ff%20%0a", []), ("/rewritten/raw_environ/x?q", []),
    ("/own/app.wsgi/raw_environ", ["Authorization: Basic YTpi", "Cookie: a=1", "Proxy: x", "X_Under: 1"]),
    ("/app.wsgi/raw_environ", ["Content-Type: text/x", "Content-Length: 3"]),
    ("/app.wsgi/raw_environ", [CHUNKED]), ("/app.wsgi/raw_environ", ["X-A: 1", "x-a: 2", "X-Latin: \xe9", "X-Empty:"]),
    ("/app.wsgi/raw_environ", [f"X-{n}: {'v' * n}" for n in range(90)]),
])
def test_environ(httpd: Httpd, path: str, lines: list[str]) -> None:
    body = b"0\r\n\r\n" if CHUNKED in lines else b"abc"
    child, group = (environ_of(answer) for answer in both(httpd, path, *lines, method="POST", body=body))
    assert child.keys() == group.keys()
    assert {key for key in child if child[key] != group[key]} <= OWN
    assert (child["mod_wsgi.process_group"], group["mod_wsgi.process_group"]) == ("", "shop")


@pytest.mark.parametrize("path", [say(body="one"), say(body="one,two"), say(status="204 x"), say(status="404 x")])
def test_connections_are_kept_alike(httpd: Httpd, path: str) -> None:
    received = []
    for mode in ("%{GLOBAL}", "shop"):
        with httpd.raw() as client:
            request = f"POST /app.wsgi/{path} HTTP/1.1\r\nHost: a\r\nX-Mode: {mode}\r\n".encode()
            client.send((request + b"Content-Length: 4\r\n\r\nbody") * 3 + request + b"Connection: close\r\n\r\n")
            received.append(re.sub(rb"Date: .*\r\n", b"", client.receive_all()))
    assert received[0] == received[1] and received[0].count(b"HTTP/1.1 ") == 4
