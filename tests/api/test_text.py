"""Text between bytes of the wire and str: valid UTF-8 as such, else Latin-1; never an exception or a crash."""

import ast
import os
from collections.abc import Iterator
from typing import Any

import pytest
from cases import CASES, CASES_CONF
from httpd import Httpd

CONF = CASES_CONF + """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler cases::by_query
        PythonDebug On
    </Directory>
"""

FILES = {
    "htdocs/page.txt": "",
    "cases.py": CASES + r'''
def by_query(req):
    value = globals()[req.args.partition("&")[0]](req)
    req.write(ascii(value))
    return apache.OK

def dispatch(req):
    req.write(ascii(globals()[req.uri.split("/")[2]](req)))
    return apache.OK

def line(req):
    return [req.uri, req.unparsed_uri, req.args, req.the_request, req.parsed_uri[6], req.filename]

def header(req):
    t = req.headers_in
    return [t["X"], t.get("X"), "X" in t, dict(t.items())["X"], "X" in repr(t),
            [v for v in t.values() if v == t["X"]] != []]

def opens(req):
    with open(req.filename) as file:
        return file.read()

def stored(req):
    req.notes["a"] = "\xe9"
    req.notes["b"] = "\u20ac"
    req.notes["c"] = b"\xff\xfe"
    req.notes["d"] = "\udce9x"
    req.notes["e"] = "\xc3\xa9"
    req.headers_out["X-Latin"] = "\xe9"
    req.headers_out["X-Euro"] = "\u20ac"
    req.headers_out["X-Bytes"] = b"\xfe\xff"
    return [req.notes[key] for key in "abcde"]

def written(req):
    req.write("\xe9\u20ac")
    req.write("\udce9")
    req.write(b"\xff")
    req.write("")
    req.write(b"")
    req.write(bytearray(b"array"))
    req.write(memoryview(b"view"))
    return [raised(req.write, "\ud800")[0], raised(req.write, 5)[0], raised(req.write, None)[0], raised(req.write)[0]]

def echoed(req):
    req.headers_out["X-Echo"] = req.headers_in["X"]
    return None
'''}


@pytest.fixture(autouse=True)
def the_child_lives(httpd: Httpd) -> Iterator[None]:
    pids = httpd.child_pids()
    yield
    assert httpd.child_pids() == pids


def ask(httpd: Httpd, target: bytes, value: bytes = b"") -> Any:
    with httpd.raw() as client:
        r = client.send(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nX: " + value + b"\r\n\r\n").response()
    assert r.status == 200, r.body
    return ast.literal_eval(r.text)


@pytest.mark.parametrize(("value", "text"), [
    (b"plain", "plain"), (b"\xc3\xa9", "\xe9"), (b"\xe9", "\xe9"), (b"\xe2\x82\xac", "\u20ac"),
    (b"\xff\xfe", "\xff\xfe"), (b"\xc3", "\xc3"), (b"\xed\xa0\x80", "\xed\xa0\x80"),
    (b"\xf0\x9f\x98\x80", "\U0001f600"), (b"\xc0\x80", "\xc0\x80"),
])
def test_header_values_are_utf8_or_latin1(httpd: Httpd, value: bytes, text: str) -> None:
    assert ask(httpd, b"/case/header", value) == [text, text, True, text, True, True]


@pytest.mark.parametrize("raw", [b"%e9", b"%c3%a9", b"\xe9", b"%ff%fe", b"\xc3\xa9"])
def test_the_request_line_is_readable(httpd: Httpd, raw: bytes) -> None:
    uri, unparsed, args, line, path, _ = ask(httpd, b"/page.txt/" + raw + b"?line&" + raw)
    decoded = {b"%e9": "\xe9", b"%c3%a9": "\xe9", b"\xe9": "\xe9", b"%ff%fe": "\xff\xfe", b"\xc3\xa9": "\xe9"}[raw]
    assert uri == "/page.txt/" + decoded
    as_sent = decoded if b"%" not in raw else raw.decode()
    assert args == "line&" + as_sent and as_sent in unparsed and as_sent in line and path == uri


def test_file_names_can_be_opened_whatever_their_bytes(httpd: Httpd) -> None:
    for name in (b"\xe9.txt", "\u20ac.txt".encode(), b"\xff\xfe.txt"):
        with open(os.path.join(os.fsencode(httpd.htdocs), name), "wb") as file:
            file.write(b"found")
        target = b"/" + b"".join(b"%%%02x" % byte if byte > 127 else bytes([byte]) for byte in name)
        assert ask(httpd, target + b"?opens") == "found"
        assert ask(httpd, target + b"?line")[5].endswith(os.fsdecode(name))


def test_text_is_stored_as_latin1_if_it_fits_and_else_as_utf8(httpd: Httpd) -> None:
    with httpd.raw() as client:
        answer = client.send(b"GET /case/stored HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").receive_all()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\xe9" in head and b"X-Latin: \xe9\r\n" in head and b"X-Euro: \xe2\x82\xac\r\n" in head
    assert b"X-Bytes: \xfe\xff" in head
    assert b"['\\xe9', '\\u20ac', '\\xff\\xfe', '\\xe9x', '\\xe9']" in body


def test_bodies_are_utf8_with_escaped_bytes_as_they_were(httpd: Httpd) -> None:
    with httpd.raw() as client:
        r = client.send_request("GET", "/case/written").response()
    assert r.body == ("\xe9\u20ac".encode() + b"\xe9\xffarrayview"
                      b"['UnicodeEncodeError', 'TypeError', 'TypeError', 'TypeError']")


@pytest.mark.parametrize("value", [b"\xe9", b"abc"])
def test_what_was_read_can_be_echoed(httpd: Httpd, value: bytes) -> None:
    with httpd.raw() as client:
        answer = client.send(b"GET /case/echoed HTTP/1.1\r\nHost: x\r\nX: " + value +
                             b"\r\nConnection: close\r\n\r\n").receive_all()
    assert b"X-Echo: " + value + b"\r\n" in answer
