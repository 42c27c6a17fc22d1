"""start_response() and write(): what they take, what they refuse, and what of it reaches the wire."""

from __future__ import annotations

import pytest
from httpd import Httpd
from wsgi_site import APP, value, wsgi_conf

MPMS = ("event", "prefork")
MODULES = ("env",)

CONF = wsgi_conf() + wsgi_conf('<Directory "${htdocs}/override">', more="WSGIErrorOverride On") + """
    ErrorDocument 404 "our own page"
    Alias /elsewhere "${htdocs}/elsewhere.txt"
"""

FILES = {
    "htdocs/elsewhere.txt": "an internal redirect", "htdocs/override/app.wsgi": APP + r'''
def status(environ, start_response):
    code = environ["QUERY_STRING"]
    start_response(code + " Text", [("Content-Type", "text/plain"), ("WWW-Authenticate", "Basic realm=x")])
    return [b"the application's page"]
''',
    "htdocs/app.wsgi": APP + r'''
GOOD = [("Content-Type", "text/plain")]

def raw_refused(environ, start_response):
    "What start_response() raises for code in the query, which gives its arguments."
    from urllib.parse import unquote
    arguments = eval("(" + unquote(environ["QUERY_STRING"]) + ",)")
    return answer(start_response, raised(start_response, *arguments))

def raw_status(environ, start_response):
    from urllib.parse import unquote
    start_response(unquote(environ["QUERY_STRING"]), [("Content-Type", "text/plain")])
    return [b"body"]

def raw_headers(environ, start_response):
    from urllib.parse import unquote
    start_response("200 OK", eval(unquote(environ["QUERY_STRING"])))
    return [b"body"]

def twice(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html"), ("X-First", "1")])
    try:
        raise ValueError
    except ValueError:
        start_response("404 Not Found", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"second"]

def raw_twice(environ, start_response):
    start_response("200 OK", [("X-First", "1")])
    start_response("404 Not Found", [("Content-Type", "text/plain")], None)
    return [b"second"]

def raw_too_late(environ, start_response):
    write = start_response("200 OK", GOOD)
    write(b"begun ")
    kept["again"] = raised(start_response, "500 X", GOOD)
    try:
        raise KeyError("first")
    except KeyError:
        info = sys.exc_info()
    kept["exc_info"] = raised(start_response, "500 X", GOOD, info)
    return [b"done"]

def writes(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "9")])
    write(b"one")
    write(b"")
    write(b"two")
    return [b"six"]

def raw_write_types(environ, start_response):
    write = start_response("200 OK", GOOD)
    return answer(start_response, [raised(write, data) for data in ("text", bytearray(b"x"), None)])

def raw_keep(environ, start_response):
    write = start_response("200 OK", GOOD)
    kept.update(write=write, start_response=start_response, input=environ["wsgi.input"],
                errors=environ["wsgi.errors"])
    return [b"kept"]

def raw_use_kept(environ, start_response):
    stream, errors = kept["input"], kept["errors"]
    return answer(start_response, [
        raised(kept["write"], b"x"), raised(kept["start_response"], "200 OK", []), raised(stream.read),
        raised(stream.readline), raised(stream.readlines), raised(stream.close), raised(next, stream),
        raised(errors.write, "x\n"), raised(errors.flush), raised(errors.writelines, ["x"])])

def raw_long(environ, start_response):
    start_response("200 OK", [("X-" + str(n), "v" * 1000) for n in range(200)])
    return [b"long"]

def raw_types(environ, start_response):
    n = int(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "x/" + "y" * n), ("X-N", str(n))])
    return [str(n).encode()]
'''}


def refused(httpd: Httpd, arguments: str) -> tuple[str, str]:
    from urllib.parse import quote
    result: tuple[str, str] = value(httpd, "raw_refused?" + quote(arguments))
    return result


def get(httpd: Httpd, path: str, query: str) -> tuple[bytes, bytes]:
    """Head and body of an answer, as they came over the wire."""
    from urllib.parse import quote
    with httpd.raw() as client:
        client.send(f"GET /app.wsgi/{path}?{quote(query)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        head, _, body = client.receive_all().partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize(("arguments", "exception", "text"), [
    ("'200 OK', ()", "TypeError", "start_response() argument 2 must be list, not tuple"),
    ("'200 OK', None", "TypeError", "start_response() argument 2 must be list, not NoneType"),
    ("b'200 OK', []", "TypeError", "must be str, not bytes"),
    ("'200 \\u20ac', []", "UnicodeEncodeError", "'latin-1' codec can't encode character"),
    ("'20 OK', []", "ValueError", "status code must be a 3 digit integer: b'20 OK'"),
    ("'2000 OK', []", "ValueError", "status code must be a 3 digit integer: b'2000 OK'"),
    ("'', []", "ValueError", "status code must be a 3 digit integer: b''"),
    ("'099 X', []", "ValueError", "status code must be a 3 digit integer: b'099 X'"),
    ("'200OK', []", "ValueError", "no space following status code: b'200OK'"),
    ("'200 a\\tb', []", "ValueError", "control character in status reason phrase: b'200 a\\tb'"),
    ("'200 a\\r\\nX: 1', []", "ValueError", "control character in status reason phrase: b'200 a\\r\\nX: 1'"),
    ("'200 OK', [['A', 'b']]", "TypeError", "each header must be a 2-tuple, not list"),
    ("'200 OK', [('A',)]", "ValueError", "each header must be a 2-tuple, got length 1"),
    ("'200 OK', [(b'A', 'b')]", "TypeError", "must be str, not bytes"),
    ("'200 OK', [('A', 1)]", "TypeError", "must be str, not int"),
    ("'200 OK', [('A', '\\u20ac')]", "UnicodeEncodeError", "'latin-1' codec can't encode character"),
    ("'200 OK', [('', 'b')]", "ValueError", "header name is empty"),
    ("'200 OK', [('A\\n', 'b')]", "ValueError", "control character in header name: b'A\\n'"),
    ("'200 OK', [('A b', 'b')]", "ValueError", "space character in header name: b'A b'"),
    ("'200 OK', [('A', 'b\\nC: d')]", "ValueError",
     "carriage return/line feed character in header value: b'b\\nC: d'"),
    ("'200 OK', [], 'x'", "RuntimeError", "start_response() argument 'exc_info' must be a 3-tuple or None"),
    ("'200 OK', [], (1, 2)", "RuntimeError", "start_response() argument 'exc_info' must be a 3-tuple or None"),
])
def test_arguments_are_checked_at_the_call(httpd: Httpd, arguments: str, exception: str, text: str) -> None:
    kind, message = refused(httpd, arguments)
    assert kind == exception and message.startswith(text)


@pytest.mark.parametrize("arguments", ["'200 OK', [('A', 'b\\0c')]", "'200 OK', [('A:', 'b')]",
                                       "'200 OK', [('A(', 'b')]", "'200 OK', [('A\\0', 'b')]",
                                       "'200 OK', [('A', '\\x01')]", "'200 OK', [('A', '\\x7f')]",
                                       "'200 OK', [('\\xe9', 'b')]", "'200 \\0', []"])
def test_sec_31_what_would_corrupt_the_answer_is_refused(httpd: Httpd, arguments: str) -> None:
    assert refused(httpd, arguments)[0] == "ValueError"


@pytest.mark.parametrize(("status", "line"), [
    ("200", b"HTTP/1.1 200 OK"), ("200 ", b"HTTP/1.1 200 "), ("200 Fine", b"HTTP/1.1 200 Fine"),
    ("418 I'm a teapot", b"HTTP/1.1 418 I'm a teapot"), ("404 Gone fishing", b"HTTP/1.1 404 Gone fishing"),
    ("299 \xe9", b"HTTP/1.1 299 \xe9"), ("999 x", b"HTTP/1.1 999 x")])
def test_the_status_line_is_kept(httpd: Httpd, status: str, line: bytes) -> None:
    head, body = get(httpd, "raw_status", status)
    assert head.split(b"\r\n")[0] == line and body == b"body"


def test_sec_30_nothing_of_a_refused_text_reaches_the_wire(httpd: Httpd) -> None:
    head, _ = get(httpd, "raw_headers", "[('A', 'x\\r\\nEvil: 1')]")
    assert head.startswith(b"HTTP/1.1 500") and b"Evil" not in head
    httpd.claim_failure(f"processing WSGI script '{httpd.htdocs}/app.wsgi'", "ValueError")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_status_without_body_sends_none(httpd: Httpd, status: str) -> None:
    head, body = get(httpd, "raw_status", status)
    assert body == b"" and b"content-length" not in head.lower() and b"chunked" not in head.lower()


def test_headers_are_as_given_and_repeated_ones_are_joined(httpd: Httpd) -> None:
    head, _ = get(httpd, "raw_headers", "[('X-A', '1'), ('x-b', '\\xe9'), ('X-A', '2'), ('Set-Cookie', 'a=1'), "
                  "('Set-Cookie', 'b=2'), ('WWW-Authenticate', 'Basic'), ('WWW-Authenticate', 'Digest')]")
    lines = head.split(b"\r\n")
    assert b"X-A: 1, 2" in lines and b"x-b: \xe9" in lines
    assert b"Set-Cookie: a=1" in lines and b"Set-Cookie: b=2" in lines
    assert b"WWW-Authenticate: Basic" in lines and b"WWW-Authenticate: Digest" in lines
    assert not [line for line in lines if line.lower().startswith(b"content-type")]


def test_sec_32_status_and_transfer_encoding_are_dropped(httpd: Httpd) -> None:
    head, body = get(httpd, "raw_headers", "[('Status', '404 X'), ('Transfer-Encoding', 'chunked')]")
    assert head.startswith(b"HTTP/1.1 200 OK") and body == b"body"
    assert b"Status" not in head and b"Transfer-Encoding" not in head


def test_sec_33_a_location_is_only_a_header(httpd: Httpd) -> None:
    head, body = get(httpd, "raw_headers", "[('Location', '/elsewhere')]")
    assert head.startswith(b"HTTP/1.1 200") and b"\r\nLocation: /elsewhere" in head and body == b"body"


@pytest.mark.parametrize(("length", "sent"), [(" 4", "4"), ("+4", "4"), ("\\t4", "4"), ("", "0")])
def test_content_length_is_read_as_a_number(httpd: Httpd, length: str, sent: str) -> None:
    head, body = get(httpd, "raw_headers", f"[('Content-Length', '{length}')]")
    assert f"\r\nContent-Length: {sent}".encode() in head and body == b"body"[:int(sent)]


@pytest.mark.parametrize("length", ["-1", "4x", "1 2", "9" * 30, "+", "0x4"])
def test_a_bad_content_length_is_an_error(httpd: Httpd, length: str) -> None:
    head, _ = get(httpd, "raw_headers", f"[('Content-Length', '{length}')]")
    assert head.startswith(b"HTTP/1.1 500")
    httpd.claim_failure(f"processing WSGI script '{httpd.htdocs}/app.wsgi'",
                        f"ValueError: invalid Content-Length header value: '{length}'")


@pytest.mark.parametrize("name", ["twice", "raw_twice"])
def test_before_anything_is_sent_the_answer_can_be_replaced(httpd: Httpd, name: str) -> None:
    r = httpd.get(f"/app.wsgi/{name}")
    assert (r.status, r.text, r.headers["X-First"], r.headers["Content-Type"]) == (404, "second", None, "text/plain")


def test_after_the_first_bytes_it_cannot(httpd: Httpd) -> None:
    assert httpd.get("/app.wsgi/raw_too_late").text == "begun done"
    assert value(httpd, "ask?kept['again']") == ("RuntimeError",
                                                 "start_response() called more than once without exc_info")
    assert value(httpd, "ask?kept['exc_info']") == ("KeyError", "'first'")


def test_what_is_written_comes_first(httpd: Httpd) -> None:
    r = httpd.get("/app.wsgi/writes")
    assert (r.text, r.headers["Content-Length"]) == ("onetwosix", "9")


def test_write_takes_bytes(httpd: Httpd) -> None:
    assert value(httpd, "raw_write_types") == [
        ("TypeError", f"write() argument must be bytes, not {name}") for name in ("str", "bytearray", "NoneType")]


def test_sec_82_objects_that_are_kept_raise(httpd: Httpd) -> None:
    assert httpd.get("/app.wsgi/raw_keep").text == "kept"
    names = ["write() called", "start_response() called", *(f"{name}() called on wsgi.input" for name in (
        "read", "readline", "readlines", "close", "next")), *(f"{name}() called on wsgi.errors" for name in (
            "write", "flush", "write"))]
    assert value(httpd, "raw_use_kept") == [("RuntimeError", f"{name} after request completed") for name in names]


def test_sec_90_two_hundred_long_headers(httpd: Httpd) -> None:
    head, body = get(httpd, "raw_long", "")
    assert head.count(b"v" * 1000) == 200 and body == b"long"


def test_sec_02_headers_belong_to_their_request(httpd: Httpd) -> None:
    with httpd.session() as ask:
        for n in [*range(0, 200, 7), *range(200, 0, -11)]:
            r = ask("GET", f"/app.wsgi/raw_types?{n}")
            assert (r.headers["Content-Type"], r.headers["X-N"], r.text) == ("x/" + "y" * n, str(n), str(n))


@pytest.mark.parametrize(("status", "text"), [("404", "our own page"), ("200", "the application's page")])
def test_error_override_gives_httpds_page(httpd: Httpd, status: str, text: str) -> None:
    r = httpd.get(f"/override/app.wsgi/status?{status}")
    assert (r.status, r.text) == (int(status), text)


def test_error_override_keeps_the_challenge(httpd: Httpd) -> None:
    r = httpd.get("/override/app.wsgi/status?401")
    assert r.status == 401 and r.headers["WWW-Authenticate"] == "Basic realm=x" and "application" not in r.text
