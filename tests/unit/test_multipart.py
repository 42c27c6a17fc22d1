"""The parser of multipart bodies: each tolerance, any borders of the pieces, and another parser's opinion."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import multipart
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mod_python._headers import decoded, filename_of, parse_header
from mod_python._multipart import HeadersTooLarge, MultipartParser, boundary_of
from steps import grows_with_length

Part = tuple[list[bytes], bytes]


class Collected:
    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.largest = 0
        self.is_open = False

    def begin(self, headers: list[bytes]) -> None:
        assert not self.is_open
        self.is_open = True
        self.parts.append((list(headers), b""))

    def data(self, data: bytes) -> None:
        assert self.is_open and data
        headers, content = self.parts[-1]
        self.parts[-1] = headers, content + data
        self.largest = max(self.largest, len(data))

    def end(self) -> None:
        assert self.is_open
        self.is_open = False


def parsed(pieces: Iterable[bytes], boundary: bytes = b"B", max_header_size: int = 16384) -> list[Part]:
    collected = Collected()
    parser = MultipartParser(boundary, collected, max_header_size)
    for piece in pieces:
        parser.feed(piece)
    parser.close()
    assert not collected.is_open
    return collected.parts


A = b'Content-Disposition: form-data; name="a"\r\n'
HELLO: Part = ([A], b"hello")


@pytest.mark.parametrize(("body", "parts"), [
    (b"--B\r\n" + A + b"\r\nhello\r\n--B--\r\n", [HELLO]),
    (b"--B\r\n" + A + b"\r\nhello\r\n--B--", [HELLO]),                         # no line end at the end
    (b"--B\r\n" + A + b"\r\nhello\r\n--B", [HELLO]),
    (b"--B\r\n" + A + b"\r\nhello\r\n--B--\r", [HELLO]),
    (b"--B\r\n" + A + b"\r\nhello", [HELLO]),                                  # broken off
    (b"--B\r\n" + A + b"\r\nhello\r\n--", [([A], b"hello\r\n--")]),
    (b"--B\r\n" + A + b"\r\nhello\r\n", [([A], b"hello\r\n")]),
    (b"--B\r\n" + A + b"\r\n", [([A], b"")]),
    (b"--B\r\n" + A, [([A], b"")]),
    (b"--B\r\n" + A + b"Content-Ty", [([A], b"")]),
    (b"--B\r\n", []),
    (b"", []),
    (b"--B--\r\n", []),
    (b"no delimiter at all", []),
    (b"preamble\r\n--B\r\n" + A + b"\r\nhello\r\n--B--\r\n", [HELLO]),
    (b"\r\n--B\r\n" + A + b"\r\nhello\r\n--B--\r\n", [HELLO]),
    (b" --B\r\n" + A + b"\r\nhello\r\n--B--\r\n", []),                         # not at the beginning of a line
    (b"--B\r\n" + A + b"\r\nhello\r\n--B--\r\nafter\r\n--B\r\n" + A + b"\r\nnot this\r\n--B--\r\n", [HELLO]),
    (b"--B\n" + A.replace(b"\r", b"") + b"\nhello\n--B--\n", [([A.replace(b"\r", b"")], b"hello")]),
    (b"--B\r\n" + A.replace(b"\r", b"") + b"\nhello\r\n--B--\r\n", [([A.replace(b"\r", b"")], b"hello")]),
    (b"--B\r\n\r\nhello\r\n--B--\r\n", [([], b"hello")]),                      # no headers
    (b"--B\r\nno colon\r\n" + A + b"\r\nhello\r\n--B--\r\n", [([b"no colon\r\n", A], b"hello")]),
    (b"--B\r\nX: a\r\n b\r\n\tc\r\n\r\nhello\r\n--B--\r\n", [([b"X: a\r\n b\r\n\tc\r\n"], b"hello")]),
    (b"--B\r\n" + A + b"\r\n\r\n--B--\r\n", [([A], b"")]),                     # empty
    (b"--B\r\n" + A + b"\r\n--B--\r\n", [([A], b"")]),                         # not even an empty line of its own
    (b"--B\r\n" + A + b"--B\r\n" + A + b"\r\nhello\r\n--B--", [([A], b""), HELLO]),     # headers without their end
    (b"--B\r\n--B\r\n" + A + b"\r\nhello\r\n--B--", [HELLO]),
    (b"--B\r\n" + A + b"\r\nhello\r\n--BC\r\n--B-\r\n--B--x\r\n--B--\r\n",
     [([A], b"hello\r\n--BC\r\n--B-\r\n--B--x")]),                              # lines that only begin like one
    (b"--B\r\n" + A + b"\r\n\r\r\n\n\r\r\n--B--\r\n", [([A], b"\r\r\n\n\r")]),  # one line end belongs to the delimiter
    (b"--B\r\n" + A + b"\r\n\n--B\r\n" + A + b"\r\n\r\r\n--B--", [([A], b""), ([A], b"\r")]),
])
def test_bodies(body: bytes, parts: list[Part]) -> None:
    assert parsed([body]) == parts
    assert parsed(body[at:at + 1] for at in range(len(body))) == parts
    for cut in range(len(body)):
        assert parsed([body[:cut], body[cut:]]) == parts


@st.composite
def pieces_of(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> tuple[bytes, list[bytes]]:
    body = draw(bodies)
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=8)))
    return body, [body[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


SHREDS = st.lists(st.sampled_from(
    [b"--B", b"--", b"-", b"B", b"\r", b"\n", b"\r\n", b"\r\n--B", b"\r\n--B--", b"x", b": ", b" ", A, b"\0", b"\xff"]
)).map(b"".join)


@given(pieces_of(SHREDS))
def test_borders_of_pieces_mean_nothing(case: tuple[bytes, list[bytes]]) -> None:
    body, pieces = case
    assert parsed(pieces) == parsed([body])


CONTENT = SHREDS.map(lambda content: content.replace(b"\n--B", b"")) | st.binary(max_size=300)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters='\\"\r\n\0', exclude_categories=("Cc",)), min_size=1)


def encoded(fields: list[tuple[str, str | None, bytes]], boundary: bytes) -> bytes:
    body = b""
    for name, filename, content in fields:
        tail = b"" if filename is None else b'; filename="%s"' % filename.encode()
        body += b'--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (
            boundary, name.encode(), tail, content)
    return body + b"--%s--\r\n" % boundary


def as_fields(parts: list[Part]) -> list[tuple[str, str | None, bytes]]:
    fields = []
    for headers, content in parts:
        options = parse_header(headers[0].partition(b":")[2])[1]
        fields.append((decoded(options[b"name"]), filename_of(options), content))
    return fields


def by_the_library(pieces: list[bytes], boundary: bytes) -> list[tuple[str, str | None, bytes]]:
    fields: list[tuple[str, str | None, bytes]] = []
    with multipart.PushMultipartParser(boundary, max_segment_count=1000) as parser:
        content = b""
        for piece in pieces:
            for event in parser.parse(piece):
                if isinstance(event, multipart.MultipartSegment):
                    segment, content = event, b""
                elif event is None:
                    fields.append((segment.name, segment.filename, content))
                else:
                    content += event
    return fields


@given(st.lists(st.tuples(NAMES, st.none() | NAMES, CONTENT), min_size=1, max_size=5), st.data())
def test_another_parser_agrees(fields: list[tuple[str, str | None, bytes]], data: st.DataObject) -> None:
    boundary = b"B-x9"
    fields = [(name, filename, content) for name, filename, content in fields if b"B-x9" not in content]
    _, pieces = data.draw(pieces_of(st.just(encoded(fields, boundary))))
    assert as_fields(parsed(pieces, boundary)) == fields
    if fields:
        assert by_the_library([piece for piece in pieces if piece], boundary) == fields


@pytest.mark.parametrize("unit", [b"\n--B", b"\r\n--B-", b"\n", b"\r", b"\r\n", b"-", b"\n--B\r", b"x", b"--B\r\n\r\n",
                                  b"--B\r\n\r\n\r\n", b"--B\r\nX: y\r\n\r\n\r\n", b"X: y\n", b"\n--B\n \n"])
@pytest.mark.parametrize("begin", [b"", b"--B\r\n", b"--B\r\n" + A + b"\r\n"], ids=["outside", "headers", "content"])
def test_steps_grow_with_the_length_only(begin: bytes, unit: bytes) -> None:
    def work(length: int) -> Callable[[], None]:
        body = begin + unit * length

        def run() -> None:
            parser = MultipartParser(b"B", Ignored(), 10 ** 9)
            for at in range(0, len(body), 500):
                parser.feed(body[at:at + 500])
            parser.close()
        return run
    assert grows_with_length(work)


class Ignored:
    """Only looks at sizes."""

    def begin(self, headers: list[bytes]) -> None:
        pass

    def data(self, data: bytes) -> None:
        assert len(data) <= 500 + 10

    def end(self) -> None:
        pass


def test_headers_have_a_limit() -> None:
    body = b"--B\r\n" + A + b"X: " + b"y" * 53 + b"\r\n\r\nhello\r\n--B--\r\n"
    size = len(A) + 58
    assert [content for _, content in parsed([body], max_header_size=size + 2)] == [b"hello"]
    for pieces in ([body], [body[at:at + 1] for at in range(len(body))], [body[:50], body[50:]]):
        with pytest.raises(HeadersTooLarge):
            parsed(pieces, max_header_size=size - 1)
    with pytest.raises(HeadersTooLarge):
        parsed([b"--B\r\n", *[b"x" * 10] * 10], max_header_size=90)


def test_the_limit_is_for_each_part() -> None:
    body = (b"--B\r\n" + A + b"\r\nhello\r\n") * 100 + b"--B--"
    assert parsed([body], max_header_size=len(A) + 2) == [HELLO] * 100


@pytest.mark.parametrize(("content_type", "boundary"), [
    ("multipart/form-data; boundary=abc", b"abc"),
    ("multipart/form-data; BOUNDARY=aBc", b"aBc"),
    ('multipart/form-data; boundary="a b;c"; charset=utf-8', b"a b;c"),
    ("multipart/form-data; boundary=abc; charset=utf-8", b"abc"),
    ("multipart/form-data; boundary=----=_Part/1:2'", b"----=_Part/1:2'"),
    ("multipart/form-data; boundary=first; boundary=last", b"last"),
    ('multipart/form-data; boundary="abc', b"abc"),
    ("multipart/form-data; boundary=", None),
    ('multipart/form-data; boundary=""', None),
    ("multipart/form-data", None),
])
def test_boundaries(content_type: str, boundary: bytes | None) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(("line", "main", "options"), [
    (b"text/plain", "text/plain", {}),
    (b" Form-Data; NAME=x \r\n", "form-data", {b"name": b"x"}),
    (b'form-data; name="a;b"; filename="c\\"d\\\\e"', "form-data", {b"name": b"a;b", b"filename": b'c"d\\e'}),
    (b'form-data; filename="C:\\new\\a.txt"', "form-data", {b"filename": b"C:\\new\\a.txt"}),
    (b'form-data; filename="C:\\new\\"; name=x', "form-data", {b"filename": b"C:\\new\\", b"name": b"x"}),
    (b'form-data;\r\n\tname="x";;=;y; z=', "form-data", {b"name": b"x", b"z": b""}),
    (b'form-data; name="', "form-data", {b"name": b'"'}),
    (b"form-data; name=1; name=2", "form-data", {b"name": b"2"}),
    (b"", "", {}),
])
def test_headers(line: bytes, main: str, options: dict[bytes, bytes]) -> None:
    assert parse_header(line) == (main, options)


@pytest.mark.parametrize(("options", "filename"), [
    ({b"filename": b"a.txt"}, "a.txt"),
    ({b"filename": b""}, ""),
    ({}, None),
    ({b"filename": "é".encode()}, "é"),
    ({b"filename": b"\xe9"}, "é"),
    ({b"filename": b"x", b"filename*": b"UTF-8''%e2%82%ac%20b.txt"}, "\u20ac b.txt"),
    ({b"filename*": b"iso-8859-1'en'%a3"}, "£"),
    ({b"filename*": b"no-charset'en'%e9"}, "é"),
    ({b"filename": b"x", b"filename*": b"nonsense"}, "x"),
])
def test_file_names(options: dict[bytes, bytes], filename: str | None) -> None:
    assert filename_of(options) == filename


def test_parse_header_takes_bytes_only() -> None:
    with pytest.raises(TypeError, match="parse_header"):
        parse_header("text/plain")  # type: ignore[arg-type]


@given(st.binary())
def test_no_header_is_an_error(line: bytes) -> None:
    main, options = parse_header(line)
    assert isinstance(main, str)
    filename_of(options)


@pytest.mark.parametrize(("raw", "charset", "text"), [
    (b"\xe9", None, "é"), ("é".encode(), None, "é"), (b"\xe9", "iso-8859-1", "é"), (b"\x80", "windows-1252", "\u20ac"),
    ("é".encode(), "latin1", "Ã©"), (b"\x82\xa0", "Shift_JIS", "あ"), (b"\x82", "shift_jis", "\x82"),
    (b"abc", "hex", "abc"), (b"abc", "idna", "abc"), (b"\\x41", "unicode_escape", "\\x41"), (b"ab", "no-such", "ab"),
    (b"a\0", "utf-16le", "a"), (b"\xff\xfe\xff", "utf-8", "ÿþÿ"),
])
def test_charsets(raw: bytes, charset: str | None, text: str) -> None:
    assert decoded(raw, charset) == text


def test_unknown_charsets_leave_no_trace_in_python() -> None:
    import encodings
    before = set(encodings._cache)  # type: ignore[attr-defined]
    for number in range(100):
        decoded(b"x", f"no-such-charset-{number}")
    assert set(encodings._cache) == before  # type: ignore[attr-defined]
