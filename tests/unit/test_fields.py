"""Fields and their list, and FieldStorage over a request that is none."""

from __future__ import annotations

import importlib
import io
import tempfile
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from fakes import FakeHttpd
from hypothesis import given
from hypothesis import strategies as st
from mod_python._fields import Field, FieldList, StringField
from mod_python._limits import Limits, limits_of
from steps import grows_with_length


class Table(list[tuple[bytes, bytes]]):
    def add(self, name: bytes, value: bytes) -> None:
        self.append((name, value))


class Request:
    """As much of a request as FieldStorage looks at."""

    def __init__(self, body: bytes = b"", content_type: str | None = None, args: str | None = None,
                 method: str = "POST", **options: str) -> None:
        self.args, self.method = args, method
        self.options = {f"mod_python.forms.{name}": value for name, value in options.items()}
        self.headers_in = {"Content-Length": str(len(body))}
        if content_type is not None:
            self.headers_in["Content-Type"] = content_type
        self.body = io.BytesIO(body)
        self.log: list[str] = []
        self.notes: dict[str, bytes] = {}

    def get_options(self) -> dict[str, str]:
        return self.options

    def read(self, size: int) -> bytes:
        return self.body.read(size)

    def log_error(self, message: str, level: int) -> None:
        self.log.append(message)


@pytest.fixture
def fresh(fake: FakeHttpd) -> Any:
    """mod_python.util over a stand-in for the C module."""
    fake.table = Table  # type: ignore[assignment]
    return importlib.import_module("mod_python.util")


@pytest.fixture(scope="module")
def util() -> Iterator[Any]:
    """The same for many examples."""
    import sys
    before = dict(sys.modules)
    for name in list(sys.modules):
        if name.partition(".")[0] == "mod_python":
            del sys.modules[name]
    sys.modules["_apache"] = fake = FakeHttpd()
    fake.table = Table  # type: ignore[assignment]
    yield importlib.import_module("mod_python.util")
    for name in set(sys.modules) - set(before):
        del sys.modules[name]
    sys.modules.update(before)


# StringField

def test_a_field_of_bytes_is_bytes_and_text() -> None:
    field = StringField("é".encode(), b"n")
    assert isinstance(field, bytes) and field.value == b"\xc3\xa9" and type(field.value) is bytes
    assert (str(field), f"{field}", "%s" % field) == ("é", "é", "é")        # noqa: UP031
    assert field == "é" and field == b"\xc3\xa9" and field != "e" and field != b"e" and field != 5
    assert repr(field) == "Field(b'n', b'\\xc3\\xa9')"
    assert (field.name, field.filename, field.type, field.file, field.headers) == (b"n", None, None, None, {})
    assert (field.type_options, field.disposition, field.disposition_options) == ({}, None, {})


def test_a_field_of_text_has_text() -> None:
    field = StringField("é", "n")
    assert isinstance(field, bytes) and field.value == "é" and bytes(field) == b"\xc3\xa9"
    assert str(field) == "é" and field == "é" and field == b"\xc3\xa9"
    assert repr(field) == "Field('n', 'é')"
    assert field == StringField(b"\xc3\xa9") and hash(field) == hash(StringField(b"\xc3\xa9"))
    assert StringField("abc") in {"abc": 1} and StringField(b"abc") in {b"abc": 1}


def test_bytes_that_are_no_text_are_kept() -> None:
    field = StringField(b"\xff\0\xe9")
    assert field.value == b"\xff\0\xe9" and str(field) == "ÿ\0é" and str(field).encode("latin-1") == field.value


@pytest.mark.parametrize("value", [5, None, ["a"], bytearray(b"x")])
def test_a_field_is_of_nothing_else(value: Any) -> None:
    with pytest.raises(TypeError, match="str or bytes"):
        StringField(value)


def test_a_field_without_an_attribute_says_so() -> None:
    with pytest.raises(AttributeError):
        _ = StringField("x").nonsense  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        _ = Field("x").nonsense  # type: ignore[attr-defined]


def test_an_upload_reads_its_file_and_closes_it() -> None:
    file = tempfile.TemporaryFile("w+b")  # noqa: SIM115
    file.write(b"content")
    field = Field("f", file)
    assert (field.value, file.tell(), field.value) == (b"content", 0, b"content")
    assert repr(field) == "Field('f', b'content')" and field.type == "text/plain" and field.type_options == {}
    del field
    assert file.closed
    assert Field("f").value is None


# FieldList

def test_the_list_finds_by_name_whatever_was_done_to_it() -> None:
    fields = FieldList()
    one, two, three = StringField("1", "a"), StringField(b"2", b"a"), StringField("3", "b")
    assert fields.named("a") == []
    fields.append(one)
    assert fields.named("a") == fields.named(b"a") == [one]
    fields.extend([two, three])
    assert [field.value for field in fields.named("a")] == ["1", b"2"] and fields.names() == ["a", "b"]
    fields.insert(0, three)
    assert fields.names() == ["b", "a"] and len(fields.named("b")) == 2
    fields.remove(three)
    assert fields.pop() is three and fields.named("b") == []
    fields[0] = three
    assert fields.names() == ["b", b"a"]
    fields[:] = [two]
    assert fields.names() == [b"a"]
    fields += [one]
    fields *= 2
    assert len(fields.named("a")) == 4
    fields.sort(key=str)
    fields.reverse()
    assert [field.value for field in fields.named("a")] == [b"2", b"2", "1", "1"]
    del fields[0]
    assert len(fields.named("a")) == 3
    fields.clear()
    assert fields.named("a") == [] and fields.names() == []


def test_names_of_no_text_are_kept_apart() -> None:
    fields = FieldList([StringField("1", None), StringField("2", b"\xe9"), StringField("3", "é"),
                        StringField("4", "\udce9")])
    assert [len(fields.named(name)) for name in (None, b"\xe9", "é", "\udce9", 5)] == [1, 2, 1, 2, 0]


# FieldStorage as a mapping

def test_the_mapping(fresh: Any) -> None:
    form = fresh.FieldStorage(Request(method="GET", args="x=1&y=2&x=3&blank="))
    assert repr(form.list) == "[Field('x', '1'), Field('y', '2'), Field('x', '3')]"
    assert form["x"] == ["1", "3"] and form["y"] == "2" and form[b"y"] == "2"
    assert (form.get("y"), form.get("z"), form.get("z", 5)) == ("2", None, 5)
    assert (form.getfirst("x"), form.getfirst("z"), form.getfirst("z", 5)) == ("1", None, 5)
    assert (form.getlist("x"), form.getlist("z")) == (["1", "3"], [])
    assert (form.keys(), form.items()) == (["x", "y"], [("x", "1"), ("y", "2"), ("x", "3")])
    assert form.values() == ["1", "2", "3"]
    assert (len(form), list(form), bool(form), "x" in form, b"x" in form, form.has_key("z")) == (
        2, ["x", "y"], True, True, True, False)
    assert repr(form) == "{'x': [Field('x', '1'), Field('x', '3')], 'y': [Field('y', '2')]}"
    with pytest.raises(KeyError):
        form["z"]
    with pytest.raises(KeyError):
        del form["z"]
    form.add_field("z", b"4")
    form["x"] = "5"
    form[b"w"] = "6"
    assert form.items() == [("y", "2"), ("z", "4"), ("x", "5"), (b"w", "6")]
    del form["w"]
    assert "w" not in form
    with pytest.raises(TypeError):
        form["x"] = 5
    with pytest.raises(TypeError):
        form[5] = "x"
    assert form["x"] == "5"
    form.clear()
    assert (len(form), bool(form), form.list) == (0, False, [])


def test_steps_grow_with_the_number_of_fields_only(fresh: Any) -> None:
    def work(length: int) -> Callable[[], None]:
        body = "&".join(f"n{number}={number}" for number in range(length)).encode()

        def run() -> None:
            form = fresh.FieldStorage(Request(body))
            for number in range(length):
                assert form.getfirst(f"n{number}") == str(number)
                form.add_field("x", str(number))
                assert len(form.getlist("x")) == number + 1
        return run
    assert grows_with_length(work, 100)


# FieldStorage and what is sent

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(st.lists(st.tuples(WORDS, WORDS), max_size=20), st.integers(1, 30))
def test_what_was_urlencoded_comes_back(util: Any, pairs: list[tuple[str, str]], block: int) -> None:
    body = urlencode(pairs).encode()
    util.readBlockSize = block
    form = util.FieldStorage(Request(body))
    assert [(field.name, field.value) for field in form.list] == [
        (name.encode(), value.encode()) for name, value in pairs]
    for name, _ in pairs:
        assert form.getlist(name) == [value for other, value in pairs if other == name]
    query = util.FieldStorage(Request(args=body.decode(), method="GET"))
    assert [(field.name, field.value) for field in query.list] == pairs


@given(st.binary(max_size=200), st.integers(1, 30), st.booleans())
def test_borders_of_blocks_mean_nothing(util: Any, body: bytes, block: int, keep: bool) -> None:
    util.readBlockSize = block
    form = util.FieldStorage(Request(body, "application/x-www-form-urlencoded"), keep)
    assert [(field.name, field.value) for field in form.list] == util.parse_qsl(body, keep)
    repr(form), [str(field) for field in form.list]


@given(st.lists(st.sampled_from([
    b"--B", b"--B--", b"\r\n", b"\n", b"\r", b"Content-Disposition: form-data; ", b'name="x"', b'; filename="f"', b": ",
    b"Content-Type: text/plain; charset=", b"utf-16", b"\xe9", b"_charset_", b"\0", b"=?", b" "])), st.integers(1, 30))
def test_no_multipart_body_is_an_error(util: Any, shreds: list[bytes], block: int) -> None:
    util.readBlockSize = block
    form = util.FieldStorage(Request(b"".join(shreds), "multipart/form-data; boundary=B"))
    repr(form), [str(field) for field in form.list], form.keys()


MULTIPART = "multipart/form-data; boundary=B"
TWO_PARTS = b"--B\r\n\r\n\r\n--B\r\n\r\n\r\n--B--"


@pytest.mark.parametrize(("options", "body", "content_type", "args", "status", "said"), [
    ({"max_fields": "3"}, b"a=1&b=2", None, "c=3&d=4", 413, "max_fields"),
    ({"max_fields": "3"}, b"", None, "a=1&b=2&c=3&d=4", 400, "max_fields"),
    ({"max_fields": "1"}, TWO_PARTS, MULTIPART, None, 413, "max_fields"),
    ({"max_parts": "1"}, TWO_PARTS, MULTIPART, None, 413, "max_parts"),
    ({"max_header_size": "9"}, b"--B\r\nX: 4567\r\n\r\n--B--", MULTIPART, None, 400, "max_header_size"),
    ({"max_memory": "9"}, b"a=12345678", None, None, 413, "max_memory"),
    ({"max_memory": "9"}, b"--B\r\n\r\n1234567890\r\n--B--", MULTIPART, None, 413, "max_memory"),
    ({"max_memory": "9"}, b"--B\r\nX: 1\r\n\r\n1234\r\n--B--", MULTIPART, None, 413, "max_memory"),
    ({"max_size": "9"}, b"a=12345678", None, None, 413, "max_size"),
    ({"max_files": "1"}, b"--B\r\nContent-Disposition: x; filename=f\r\n\r\n\r\n" * 2, MULTIPART, None, 413,
     "max_files"),
])
def test_each_limit_is_said_with_its_name(fresh: Any, fake: FakeHttpd, options: dict[str, str], body: bytes,
                                          content_type: str | None, args: str | None, status: int, said: str) -> None:
    req = Request(body, content_type, args, **options)
    with pytest.raises(fake.SERVER_RETURN) as refused:
        fresh.FieldStorage(req)
    assert refused.value.args == (status,)
    assert len(req.log) == 1 and f"PythonOption mod_python.forms.{said})" in req.log[0] and str(status) in req.log[0]
    larger = {name: str(int(value) + 10) for name, value in options.items()}
    fresh.FieldStorage(Request(body, content_type, args, **larger))


def test_a_size_is_counted_without_content_length_too(fresh: Any, fake: FakeHttpd) -> None:
    req = Request(b"a=12345678", max_size="9")
    req.headers_in = {"Transfer-Encoding": "chunked"}
    with pytest.raises(fake.SERVER_RETURN) as refused:
        fresh.FieldStorage(req)
    assert refused.value.args == (413,)


@pytest.mark.parametrize("text", ["0", "-1", "", "many", "1.5", "1e3", "\u0663", "9" * 30])
def test_a_limit_is_a_whole_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"mod_python\.forms\.max_parts must be a whole number above 0.*PythonOption"):
        limits_of({"mod_python.forms.max_parts": text})


def test_limits_have_defaults() -> None:
    assert limits_of({}) == Limits(10000, 1000, 100, 16384, 16777216, None)
    assert limits_of({"mod_python.forms.max_size": "5"}).max_size == 5
