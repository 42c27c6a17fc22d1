"""parse_qs and parse_qsl, against a reference that goes through the text character by character."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from mod_python import _forms
from steps import grows_with_length

HEX = "0123456789abcdefABCDEF"


def decoded(quoted: str) -> str:
    """A name or value: `+`, then runs of %XX as UTF-8 or, if one of them is none, all as Latin-1."""
    def decode(encoding: str) -> str:
        out, run, at = "", b"", 0
        while at <= len(quoted):
            if quoted[at:at + 1] == "%" and len(two := quoted[at + 1:at + 3]) == 2 and set(two) <= set(HEX):
                run += bytes([int(two, 16)])
                at += 3
                continue
            char = quoted[at:at + 1]
            if char and char < "\x80" and run:          # escapes and ASCII between them make up one run
                run += char.encode()
            else:
                out += run.decode(encoding) + char
                run = b""
            at += 1
        return out
    quoted = quoted.replace("+", " ")
    try:
        return decode("utf-8")
    except UnicodeDecodeError:
        return decode("latin-1")


def decoded_bytes(quoted: str) -> bytes:
    """The same for bytes, given as Latin-1: an escape is a byte."""
    out, at = b"", 0
    while at < len(quoted):
        two = quoted[at + 1:at + 3]
        if quoted[at] == "%" and len(two) == 2 and set(two) <= set(HEX):
            out += bytes([int(two, 16)])
            at += 3
        else:
            out += b" " if quoted[at] == "+" else quoted[at].encode("latin-1")
            at += 1
    return out


def reference(qs: str, keep: int, decode: Callable[[str], Any] = decoded) -> list[tuple[Any, Any]]:
    fields = []
    piece = ""
    for char in qs + "&":
        if char not in "&;":
            piece += char
            continue
        if "=" in piece:
            at = piece.index("=")
            name, value = piece[:at], piece[at + 1:]
        else:
            name, value = piece, ""
        if piece and (value or keep):
            fields.append((decode(name), decode(value)))
        piece = ""
    return fields


PARTS = ["a", "b", "=", "&", ";", "+", "%", "%4", "%41", "%e9", "%c3%a9", "%zz", "%00", "%26", "%3D", "%25", "\xe9",
         "\u20ac", "\0", " ", "%E2%82%AC", "%ff", "#", "\udce9"]


def test_random_strings() -> None:
    pick = random.Random(4)
    for _ in range(10000):
        qs = "".join(pick.choices(PARTS, k=pick.randrange(12)))
        for keep in (0, 1):
            expected = reference(qs, keep)
            assert _forms.parse_qsl(qs, keep) == expected, qs
            fields: dict[str, list[str]] = {}
            for name, value in expected:
                fields[name] = [*fields.get(name, []), value]
            assert _forms.parse_qs(qs, keep) == fields, qs


def test_random_bytes() -> None:
    pick = random.Random(5)
    parts = [part.encode("utf-8", "surrogateescape") for part in PARTS]
    for _ in range(5000):
        qs = b"".join(pick.choices(parts, k=pick.randrange(12)))
        expected = reference(qs.decode("latin-1"), 1, decoded_bytes)
        assert _forms.parse_qsl(qs, 1) == expected, qs


@pytest.mark.parametrize(("qs", "keep", "fields"), [
    ("a=1&b=2;a=3", 0, [("a", "1"), ("b", "2"), ("a", "3")]),
    ("a=b=c", 0, [("a", "b=c")]),
    ("a+b=c+d%2B", 0, [("a b", "c d+")]),
    ("a=%zz&b=%", 0, [("a", "%zz"), ("b", "%")]),
    ("c=%e9", 0, [("c", "\xe9")]),
    ("c=%c3%a9&d=%e9%c3%a9", 0, [("c", "\xe9"), ("d", "\xe9\xc3\xa9")]),
    ("\u20ac=\xe9%e9", 0, [("\u20ac", "\xe9\xe9")]),
    ("a=x%00y", 0, [("a", "x\0y")]),
    ("a&b=&c=1", 0, [("c", "1")]),
    ("a&b=&c=1", 1, [("a", ""), ("b", ""), ("c", "1")]),
    ("=x&=", 0, [("", "x")]),
    ("=", 1, [("", "")]),
    ("", 1, []), ("&", 1, []), ("&&;;", 1, []),
])
def test_the_rules(qs: str, keep: int, fields: list[tuple[str, str]]) -> None:
    assert _forms.parse_qsl(qs, keep) == fields
    if qs.isascii() and "%" not in qs:
        assert _forms.parse_qsl(qs.encode(), keep) == [(name.encode(), value.encode()) for name, value in fields]


def test_bytes_give_bytes() -> None:
    assert _forms.parse_qs(b"a=%e9+\xff&a=2") == {b"a": [b"\xe9 \xff", b"2"]}


@pytest.mark.parametrize("wrong", [None, 5, ["a=b"], bytearray(b"a=b")])
def test_other_types_are_refused(wrong: Any) -> None:
    for function in (_forms.parse_qs, _forms.parse_qsl):
        with pytest.raises(TypeError, match="must be str or bytes"):
            function(wrong)


def test_the_number_of_fields_is_limited() -> None:
    many = "&".join(["a=1"] * 10001)
    with pytest.raises(ValueError, match="more than 10000 fields"):
        _forms.parse_qs(many)
    assert len(_forms.parse_qs(many, 0, 0, None)["a"]) == 10001
    assert len(_forms.parse_qsl(many[4:])) == 10000
    with pytest.raises(ValueError, match="more than 1 fields"):
        _forms.parse_qsl("a=1&b=2", max_num_fields=1)
    assert _forms.parse_qsl("&" * 65536 + "a" * 9 + "&b" * 20000) == []      # no fields


@pytest.mark.parametrize("piece", ["&", "a=%e9%", "%", "a=b&", "+", "=", "\xe9%41", ";", b"a=%e9%", b"%", b"&", b"a="])
def test_steps_grow_with_the_length_only(piece: str | bytes) -> None:
    assert grows_with_length(lambda length: partial(_forms.parse_qsl, piece * length, 1, 0, None))


@pytest.mark.parametrize("piece", [b"%41", b"%%", b"%4", b"a%", b"a%e9+", b"%%41b"])
def test_a_long_value_is_decoded_as_a_short_one(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _forms.parse_qsl(piece * 50)
    for size in range(3, 20):
        monkeypatch.setattr(_forms, "_PIECE", size)
        assert _forms.parse_qsl(piece * 50) == whole


def test_they_are_the_c_modules_too(apache: Any, fake: Any) -> None:
    forms = sys.modules["mod_python._forms"]
    assert (fake.parse_qs, fake.parse_qsl) == (forms.parse_qs, forms.parse_qsl)
