"""util.FieldStorage: multipart bodies of real requests, what their fields have, callbacks, clients that break off."""

from __future__ import annotations

import ast
import os
from typing import Any

import pytest
from cases import CASES, CASES_CONF
from formdata import END, MULTIPART, chunk, multipart, part
from httpd import Httpd, at_once, wait_for
from hypothesis import given, settings
from hypothesis import strategies as st

MPMS = ("event", "prefork")

CONF = CASES_CONF

FILES = {"cases.py": CASES + r'''
import hashlib
import io
import os
import tempfile
from mod_python import util

def fields(req):
    form = util.FieldStorage(req)
    return [(field.name, field.filename, field.value) for field in form.list]

def texts(req):
    return [str(field) for field in util.FieldStorage(req).list]

def members(req):
    return [(type(field).__name__, field.name, field.filename, field.type, field.type_options, field.disposition,
             field.disposition_options, type(field.headers).__name__,
             list(field.headers.items()) if field.headers else [], field.file is not None and field.file.read())
            for field in util.FieldStorage(req).list]

def digests(req):
    return [hashlib.sha256(field.file.read()).hexdigest() for field in util.FieldStorage(req).list]

def upload(req):
    form = util.FieldStorage(req)
    field, file = form["f"], form["f"].file
    named = hasattr(file, "name") and isinstance(file.name, str)
    seen = [repr(field), isinstance(field, util.Field), file.tell(), field.value, file.read(3), field.value,
            file.tell(), raised(field.__getattribute__, "nonsense")[0], named]
    form.clear()
    del field
    return seen + [file.closed]

calls = []

def file_for(filename):
    calls.append(filename)
    return tempfile.TemporaryFile("w+b")

class Upper(io.BytesIO):
    def write(self, data):
        return super().write(data.upper())

def field_for():
    calls.append("field")
    return Upper()

def called(req):
    calls.clear()
    form = util.FieldStorage(req, file_callback=file_for, field_callback=field_for)
    return calls, [(type(field).__name__, field.value) for field in form.list]

def called_by_position(req):
    calls.clear()
    form = util.FieldStorage(req, 0, 0, file_for, field_for)
    return calls, [(type(field).__name__, field.value) for field in form.list]

def saved(req):
    def destination(filename):
        return open(os.path.join(os.path.dirname(__file__), "saved-" + os.path.basename(filename)), "w+b")
    util.FieldStorage(req, file_callback=destination)

def failing(req):
    def destination(filename):
        raise PermissionError("no room for " + filename)
    util.FieldStorage(req, file_callback=destination)

def broken_off(req):
    try:
        util.FieldStorage(req)
    except OSError as error:
        req.log_error("broken off: " + type(error).__name__, apache.APLOG_NOTICE)
        raise apache.SERVER_RETURN(apache.DONE)

def descriptors(req):
    return len(os.listdir("/proc/self/fd"))
'''}


def ask(httpd: Httpd, name: str, body: bytes, headers: dict[str, str] | None = None, query: str = "") -> Any:
    r = httpd.post(f"/case/{name}{query}", body, headers or MULTIPART)
    assert r.status == 200, r.text
    return ast.literal_eval(r.text)


def test_fields_and_files(httpd: Httpd) -> None:
    body = multipart(part("a", b"1"), part("f", b"content", "notes.txt"), part("a", b""), part("g", b"", "empty"))
    assert ask(httpd, "fields", body, query="?q=0") == [
        ("q", None, "0"), ("a", None, b"1"), ("f", "notes.txt", b"content"), ("a", None, b""), ("g", "empty", b"")]


CONTENTS = [
    b"", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"a\rb\nc\r\nd", b"--B-x9x", b"\r\n--B-x", b"-" * 70000, b"\0\xff" * 40000,
    b"x" * 65368 + b"\r", b"x" * 65367 + b"\r\n", b"x" * 65367 + b"\ry", b"x" * 200000, b"\r" * 70000, b"\n" * 70000,
    *(b"y" * (65368 - 120 + cut) + b"\r\n--B-x8\r\n" for cut in range(0, 40, 3)),
    # The body's first block ends within the line end of the delimiter.
    *(b"z" * (65368 - len(part("f", b"", "x")) + cut) for cut in range(-4, 14)),
]


def test_contents_come_as_they_are(httpd: Httpd) -> None:
    for content in CONTENTS:
        assert ask(httpd, "fields", multipart(part("f", content, "x"), part("s", content))) == [
            ("f", "x", content), ("s", None, content)]


def test_what_an_upload_has(httpd: Httpd) -> None:
    body = multipart(part("f", b"content", "a.txt"))
    assert ask(httpd, "upload", body) == [
        "Field('f', b'content')", True, 0, b"content", b"con", b"content", 0, "AttributeError", False, True]


def test_members(httpd: Httpd) -> None:
    body = multipart(
        part("f", b"1", "a.txt", b"Content-Type: image/PNG; q=1\r\nX-Long: a\r\n b\r\nx-long: c\r\n"),
        part("s", b"2", None, b"Content-Type: nonsense\r\n"), part("e", b"", ""), part("p", b"3", "b"))
    upload, text, empty, plain = ask(httpd, "members", body)
    assert upload == (
        "Field", "f", "a.txt", "image/png", {b"q": b"1"}, "form-data", {b"name": b"f", b"filename": b"a.txt"},
        "mp_table", [("Content-Disposition", ' form-data; name="f"; filename="a.txt"\r\n'),
                     ("Content-Type", " image/PNG; q=1\r\n"), ("X-Long", " a\r\n b\r\n"), ("x-long", " c\r\n")], b"1")
    assert text[:7] == ("StringField", "s", None, "application/octet-stream", {}, "form-data", {b"name": b"s"})
    assert text[9] == b"2"
    assert empty[:4] == ("StringField", "e", None, "text/plain") and empty[9] == b""
    assert plain[:4] == ("Field", "p", "b", "text/plain")


@pytest.mark.parametrize(("name", "filename", "seen"), [
    ("é", "\u20ac.txt", ("é", "\u20ac.txt")), (b"\xe9", b"\xe9.txt", ("é", "é.txt")),
    (b'a\\"b;c', b'x;y\\"z.txt', ('a"b;c', 'x;y"z.txt')), ("n", "C:\\new\\a.txt", ("n", "C:\\new\\a.txt")),
    ("n", b"x\"; filename*=UTF-8''%e2%82%ac.txt; y=\"", ("n", "\u20ac.txt")), ("", "f", ("", "f")),
])
def test_names(httpd: Httpd, name: str | bytes, filename: str | bytes, seen: tuple[str, str]) -> None:
    assert [field[:2] for field in ask(httpd, "fields", multipart(part(name, b"1", filename)))] == [seen]


@pytest.mark.parametrize(("body", "fields"), [
    (b"preamble\r\n" + multipart(part("a", b"1")) + b"epilogue\r\n", [("a", None, b"1")]),
    (part("a", b"1") + b"--B-x9--", [("a", None, b"1")]),                                   # no line end at the end
    (part("a", b"1") + b"--B-x9", [("a", None, b"1")]),
    (part("a", b"1")[:-2], [("a", None, b"1")]),                                            # truncated
    (part("a", b"1") + part("f", b"23", "x")[:-3], [("a", None, b"1"), ("f", "x", b"2")]),
    (part("a", b"1").replace(b"\r\n", b"\n") + b"--B-x9--\n", [("a", None, b"1")]),         # LF only
    (b"--B-x9\r\nX: y\r\n\r\n1\r\n" + END, [(None, None, b"1")]),                           # no Content-Disposition
    (b"--B-x9\r\n\r\n1\r\n" + END, [(None, None, b"1")]),                                   # no headers
    (multipart(part("a", b"1", None, b"no colon\r\n: no name\r\n\0: nul\r\n")), [("a", None, b"1")]),
    (b"--B-x9\r\ncontent-DISPOSITION:form-data;NAME=a\r\n\r\n1\r\n" + END, [("a", None, b"1")]),
    (b"", []), (END, []), (b"nonsense", []), (b"--B-x9\r\n", []),
])
def test_odd_bodies(httpd: Httpd, body: bytes, fields: list[Any]) -> None:
    assert ask(httpd, "fields", body) == fields


@pytest.mark.parametrize("content_type", [
    "multipart/form-data; boundary=B-x9; charset=utf-8", 'multipart/form-data; boundary="B-x9"',
    "Multipart/Form-Data; Boundary=B-x9", "multipart/mixed; boundary=x; boundary=B-x9", "multipart/x;boundary=B-x9",
])
def test_boundaries(httpd: Httpd, content_type: str) -> None:
    assert ask(httpd, "fields", multipart(part("a", b"1")), {"Content-Type": content_type}) == [("a", None, b"1")]


def test_the_charset_of_parts(httpd: Httpd) -> None:
    body = multipart(part("a", b"\xc3\xa9"), part("b", b"\xe9\xff"),
                     part("c", b"\x80", None, b"Content-Type: text/plain; charset=windows-1252\r\n"),
                     part("d", b"\x82\xa0", None, b'Content-Type: text/plain; charset="Shift_JIS"\r\n'))
    assert ask(httpd, "texts", body) == ["é", "éÿ", "\u20ac", "あ"]
    assert ask(httpd, "texts", multipart(part("_charset_", b"koi8-r"), part("a", b"\xc1"))) == ["koi8-r", "\u0430"]
    assert [value for _, _, value in ask(httpd, "fields", body)][1] == b"\xe9\xff"      # nothing is lost


@pytest.mark.parametrize("name", ["called", "called_by_position"])
def test_callbacks(httpd: Httpd, name: str) -> None:
    body = multipart(part("a", b"one"), part("f", b"two", "x.txt"), part("e", b"three", ""), part("b", b"four"))
    assert ask(httpd, name, body) == (
        ["field", "x.txt", "", "field"],
        [("StringField", b"ONE"), ("Field", b"two"), ("StringField", b"three"), ("StringField", b"FOUR")])


def test_a_callback_chooses_where_a_file_goes(httpd: Httpd) -> None:
    content = os.urandom(300_000)
    ask(httpd, "saved", multipart(part("f", content, "upload.bin")))
    assert (httpd.root / "saved-upload.bin").read_bytes() == content


def test_a_callback_may_fail(httpd: Httpd) -> None:
    assert httpd.post("/case/failing", multipart(part("f", b"x", "y")), MULTIPART).status == 500
    httpd.claim_failure("PythonHandler cases::dispatch", "PermissionError: no room for y")


def test_chunked_uploads(httpd: Httpd) -> None:
    content = os.urandom(100_000)
    body = multipart(part("a", b"1"), part("f", content, "x"))
    with httpd.raw() as client:
        client.send_request("POST", "/case/fields", {**MULTIPART, "Transfer-Encoding": "chunked"})
        for at in range(0, len(body), 7001):
            client.send(chunk(body[at:at + 7001]))
        assert ast.literal_eval(client.send(chunk(b"")).response().text) == [("a", None, b"1"), ("f", "x", content)]


def test_every_byte_for_itself(httpd: Httpd) -> None:
    body = multipart(part("a", b"1"), part("f", b"\r\n-", "x"))
    with httpd.raw() as client:
        client.send_request("POST", "/case/fields", {**MULTIPART, "Transfer-Encoding": "chunked"})
        for at in range(len(body)):
            client.send(chunk(body[at:at + 1]))
        assert ast.literal_eval(client.send(chunk(b"")).response().text) == [("a", None, b"1"), ("f", "x", b"\r\n-")]


@pytest.mark.parametrize("end", ["half_close", "hang_up"])
def test_clients_that_break_off_leave_nothing(httpd: Httpd, end: str) -> None:
    pids, before = httpd.child_pids(), ask(httpd, "descriptors", b"")
    body = multipart(*(part("f", b"x" * 100, "y") for _ in range(5)))
    for length in (0, 30, 200, len(body) - 1):
        with httpd.raw() as client:
            client.send_request("POST", "/case/broken_off", {**MULTIPART, "Content-Length": str(len(body))},
                                body[:length])
            getattr(client, end)()
            if end == "half_close":
                client.receive_all()
        httpd.claim("broken off: (?:OSError|Connection)")
    wait_for(lambda: ask(httpd, "descriptors", b"") <= before + 2)
    assert httpd.child_pids() == pids


def test_a_broken_chunk_is_an_error_of_the_client(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send_request("POST", "/case/broken_off", {**MULTIPART, "Transfer-Encoding": "chunked"},
                            chunk(part("a")) + b"nonsense\r\n").half_close().receive_all()
    httpd.claim("broken off: ")


def test_files_are_closed_when_the_request_is_over(httpd: Httpd) -> None:
    body = multipart(*(part("f", b"x", "y") for _ in range(50)))
    before = ask(httpd, "descriptors", b"")
    for _ in range(5):
        ask(httpd, "digests", body)
    assert ask(httpd, "descriptors", b"") <= before + 2


def test_fifty_uploads_at_once(httpd: Httpd) -> None:
    def work(number: int) -> bool:
        content = bytes([number]) * 100_000
        return bool(ask(httpd, "fields", multipart(part("n", b"%d" % number), part("f", content, f"{number}.bin"))) == [
            ("n", None, b"%d" % number), ("f", f"{number}.bin", content)])
    assert all(at_once(50, work))


NAMES = st.text(st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=("Cc",)), max_size=10)
CONTENT = st.binary(max_size=50) | st.lists(st.sampled_from([b"\r", b"\n", b"--B-x", b"--", b"9", b"x"])).map(b"".join)


@settings(max_examples=40)
@given(st.lists(st.tuples(NAMES, st.none() | NAMES.filter(bool), CONTENT), max_size=5))
def test_what_was_sent_comes_back(httpd: Httpd, fields: list[tuple[str, str | None, bytes]]) -> None:
    fields = [(name, filename, content) for name, filename, content in fields if b"--B-x9" not in content]
    body = multipart(*(part(name, content, filename) for name, filename, content in fields))
    assert ask(httpd, "fields", body) == fields


SHREDS = st.lists(st.sampled_from([
    b"--B-x9", b"--", b"\r\n", b"\n", b"\r", b"Content-Disposition: form-data; ", b'name="x"', b'; filename="f"', b": ",
    b"Content-Type: text/plain; charset=", b"utf-16", b"\xe9", b"\0", b" ", part("a", b"1")])).map(b"".join)


@settings(max_examples=60)
@given(SHREDS | st.binary(), st.sampled_from(["fields", "texts", "members", "called"]))
def test_no_body_ends_a_child(httpd: Httpd, body: bytes, name: str) -> None:
    pids = httpd.child_pids()
    ask(httpd, name, body)
    assert httpd.child_pids() == pids
