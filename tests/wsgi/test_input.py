"""wsgi.input: all ways to read, bodies of all sizes and codings, and clients that stop in the middle."""

from __future__ import annotations

import hashlib

import pytest
from httpd import Httpd
from wsgi_site import APP, value, wsgi_conf

MPMS = ("event", "prefork")
MODULES = ("env", "reqtimeout", "deflate", "filter")

CONF = wsgi_conf() + wsgi_conf('<Directory "${htdocs}/strict">', more="WSGIChunkedRequest Off") + """
    <Directory "${htdocs}/small">
        LimitRequestBody 1000
    </Directory>
    <Directory "${htdocs}/inflated">
        SetInputFilter DEFLATE
    </Directory>
    RequestReadTimeout body=2
"""

APPLICATION = APP + r'''
import hashlib

def do(environ, start_response):
    "What the expression in the query gives; f is wsgi.input."
    from urllib.parse import unquote
    f = environ["wsgi.input"]
    return answer(start_response, eval(unquote(environ["QUERY_STRING"]), {"f": f, "raised": raised, "iter": iter}))

raw_do = do

def digest(environ, start_response):
    data = environ["wsgi.input"].read(-1)
    return answer(start_response, (len(data), hashlib.sha256(data).hexdigest(), environ.get("CONTENT_LENGTH")))

def pieces(environ, start_response):
    "The body read in many ways in turn."
    f, total, n = environ["wsgi.input"], hashlib.sha256(), 0
    while True:
        n += 1
        data = [lambda: f.read(1), lambda: f.read(n * 37), lambda: f.readline(n), lambda: f.readline(),
                lambda: b"".join(f.readlines(n)), lambda: f.read(8192)][n % 6]()
        if not data:
            break
        total.update(data)
    return answer(start_response, (total.hexdigest(), f.read(10), f.readline(), f.readlines(1)))

def raw_unread(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"not read"]

def raw_twice(environ, start_response):
    f = environ["wsgi.input"]
    kept["read"] = [raised(f.read), raised(f.read), raised(f.readline)]
    return answer(start_response, "coped")

def raw_escapes(environ, start_response):
    environ["wsgi.input"].read()
    raise SystemError("not reached")

def raw_type(environ, start_response):
    kind = type(environ["wsgi.input"])
    return answer(start_response, f"{kind.__module__}.{kind.__name__}")

def raw_threads(environ, start_response):
    "Two threads read; each byte comes to one of them."
    f, got = environ["wsgi.input"], []
    def read():
        while data := f.read(1000):
            got.append(len(data))
    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return answer(start_response, sum(got))
'''

FILES = {f"htdocs/{directory}app.wsgi": APPLICATION for directory in ("", "small/", "strict/", "inflated/")}

BODY = b"first\nsecond\n\nlast without end"


def do(httpd: Httpd, expression: str, body: bytes = BODY, raw: str = "") -> object:
    from urllib.parse import quote
    return value(httpd, f"{raw}do?" + quote(expression), "POST", body)


def chunked(data: bytes, size: int) -> bytes:
    pieces = [data[i:i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def head(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: a", *lines, "", ""]).encode()


@pytest.mark.parametrize(("expression", "result"), [
    ("f.read(3), f.read(0), f.read(4), f.read(-1), f.read(5)", (b"fir", b"", b"st\ns", BODY[7:], b"")),
    ("f.readline(), f.readline(3), f.readline(), f.readline(), f.readline(), f.readline()",
     (b"first\n", b"sec", b"ond\n", b"\n", b"last without end", b"")),
    ("f.readlines()", [b"first\n", b"second\n", b"\n", b"last without end"]),
    ("f.readlines(7), f.read(2)", ([b"first\n", b"second\n"], b"\nl")),
    ("list(f)", [b"first\n", b"second\n", b"\n", b"last without end"]),
    ("f.readline(0), next(iter(f)), f.read(3), f.readline(-1), f.readlines(0)",
     (b"", b"first\n", b"sec", b"ond\n", [b"\n", b"last without end"])),
])
def test_the_ways_to_read(httpd: Httpd, expression: str, result: object) -> None:
    assert do(httpd, expression.replace("f.readline(),", "f.readline(-1),"), raw="raw_") == result


def test_arguments(httpd: Httpd) -> None:
    assert do(httpd, "[raised(f.read, x)[0] for x in ('1', 1.5)] + [f.read(None)]", raw="raw_") == [
        "TypeError", "TypeError", BODY]
    assert do(httpd, "f.close(), f.read(size=5)", raw="raw_") == (None, b"first")


def test_the_type(httpd: Httpd) -> None:
    assert value(httpd, "raw_type") == "mod_wsgi.Input"


def test_without_a_body(httpd: Httpd) -> None:
    assert value(httpd, "raw_do?f.read(),f.readline(),f.readlines(),list(f)") == (b"", b"", [], [])


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 8193, 65535, 65536, 65537, 1048576, 3000001])
@pytest.mark.parametrize("chunk", [0, 1000, 65536])
def test_bodies_arrive_byte_by_byte(httpd: Httpd, size: int, chunk: int) -> None:
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    digest = hashlib.sha256(body).hexdigest()
    with httpd.raw() as client:
        if chunk:
            client.send(head("/app.wsgi/digest", "Transfer-Encoding: chunked") + chunked(body, chunk))
        else:
            client.send(head("/app.wsgi/digest", f"Content-Length: {size}") + body)
        assert client.response().text == repr((size, digest, None if chunk else str(size)))


def test_reads_of_all_kinds_take_turns(httpd: Httpd) -> None:
    body = b"".join(b"%d\n" % n * (n % 50) for n in range(2000))
    assert value(httpd, "pieces", "POST", body) == (hashlib.sha256(body).hexdigest(), b"", b"", [])


def test_a_body_that_a_filter_changed(httpd: Httpd) -> None:
    import gzip
    body = b"".join(b"%d " % n for n in range(20000))
    r = httpd.post("/inflated/app.wsgi/raw_do?len(f.read())", gzip.compress(body), {"Content-Encoding": "gzip"})
    assert r.text == str(len(body))


def test_expect_is_answered_by_the_first_read(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send(head("/app.wsgi/digest", "Content-Length: 3", "Expect: 100-continue"))
        line = client.receive(len(b"HTTP/1.1 100 Continue\r\n\r\n"))
        assert line == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert client.send(b"abc").response().text.startswith("(3, ")
    with httpd.raw() as client:
        client.send(head("/app.wsgi/raw_unread", "Content-Length: 3", "Expect: 100-continue", "Connection: close"))
        assert client.receive_all().startswith(b"HTTP/1.1 200")


def test_an_unread_body_does_not_become_a_request(httpd: Httpd) -> None:
    with httpd.session() as ask:
        for _ in range(2):
            assert ask("POST", "/app.wsgi/raw_unread", b"GET /evil HTTP/1.1\r\n\r\n" * 1000).text == "not read"


def test_a_large_body_that_is_not_read(httpd: Httpd) -> None:
    assert httpd.post("/app.wsgi/raw_unread", b"x" * 30_000_000).text == "not read"


def test_sec_18_chunked_and_length(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send(head("/app.wsgi/digest", "Content-Length: 100", "Transfer-Encoding: chunked") + chunked(b"abc", 3)
                    + b"GET /app.wsgi/raw_unread HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = client.receive_all()
    assert answer.count(b"HTTP/1.1 ") == 1 and b"(3, " in answer and b"None)" in answer


def test_chunks_may_be_forbidden(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send(head("/strict/app.wsgi/digest", "Transfer-Encoding: chunked") + chunked(b"abc", 3))
        assert client.response().status == 411
    httpd.claim("chunked Transfer-Encoding forbidden")


def test_a_body_beyond_the_limit_is_refused_before_the_application_runs(httpd: Httpd) -> None:
    assert httpd.post("/small/app.wsgi/digest", b"x" * 1001).status == 413
    httpd.claim("MP0330: a body of 1001 bytes; LimitRequestBody allows 1000")
    assert httpd.post("/small/app.wsgi/digest", b"x" * 1000).status == 200


def test_a_chunked_body_beyond_the_limit(httpd: Httpd) -> None:
    for name in ("digest", "raw_twice"):
        with httpd.raw() as client:
            client.send(head(f"/small/app.wsgi/{name}", "Transfer-Encoding: chunked") + chunked(b"x" * 5000, 500))
            answer = client.receive_all()
        assert answer.startswith(b"HTTP/1.1 413") and answer.count(b"HTTP/1.1") == 1
        httpd.claim("LimitRequestBody|larger than the configured limit")
    httpd.claim("MP0334: ")


@pytest.mark.parametrize("lines", [["Content-Length: 100"], ["Transfer-Encoding: chunked"]])
def test_a_client_that_stops_in_the_middle(httpd: Httpd, lines: list[str]) -> None:
    part = b"part" if lines == ["Content-Length: 100"] else b"64\r\npart"
    with httpd.raw() as client:
        client.send(head("/app.wsgi/raw_twice", *lines) + part).half_close()
        assert b"coped" in client.receive_all()
    first, second, third = value(httpd, "ask?kept.pop('read',None)")
    assert first[0] == second[0] == third[0] == "OSError"
    assert first[1].startswith("mod_wsgi request data read error: ")
    assert second[1] == third[1] == "mod_wsgi request data read error: input is already in error state"


def test_a_client_that_hangs_up(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send(head("/app.wsgi/raw_twice", "Content-Length: 100") + b"part").hang_up()
    first, *_ = value(httpd, "ask?kept.pop('read',None)")
    assert first[0] == "OSError" and "read error" in first[1]


@pytest.mark.parametrize(("lines", "body", "status"), [
    (["Transfer-Encoding: chunked"], b"zz\r\n", 400), (["Content-Length: 9"], b"part", 400)])
def test_an_error_that_escapes_has_httpds_status(httpd: Httpd, lines: list[str], body: bytes, status: int) -> None:
    with httpd.raw() as client:
        client.send(head("/app.wsgi/raw_escapes", *lines) + body).half_close()
        assert client.response().status == status
    httpd.claim("MP0334: ")


def test_a_body_that_does_not_come(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send(head("/app.wsgi/raw_escapes", "Content-Length: 9") + b"slow")
        assert client.response().status == 408
    httpd.claim("MP0334: ")


def test_two_threads_share_a_body(httpd: Httpd) -> None:
    assert value(httpd, "raw_threads", "POST", b"x" * 300_000) == 300_000
