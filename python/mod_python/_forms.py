"""Forms as browsers encode them: `_apache.parse_qs` and `_apache.parse_qsl`.

The input comes from the network: the time it takes grows with its length only, and nothing in it is an error but more
fields than the limit.
"""

from collections.abc import Callable
from typing import AnyStr
from urllib.parse import unquote, unquote_to_bytes

MAX_FIELDS = 10000
_PIECE = 65536


def parse_qs(qs: AnyStr, keep_blank_values: int = 0, strict_parsing: int = 0,
             max_num_fields: int | None = MAX_FIELDS) -> dict[AnyStr, list[AnyStr]]:
    """The fields of a query string by name, each with the list of its values. For the arguments see parse_qsl()."""
    fields: dict[AnyStr, list[AnyStr]] = {}
    for name, value in parse_qsl(qs, keep_blank_values, strict_parsing, max_num_fields):
        fields.setdefault(name, []).append(value)
    return fields


def parse_qsl(qs: AnyStr, keep_blank_values: int = 0, strict_parsing: int = 0,
              max_num_fields: int | None = MAX_FIELDS) -> list[tuple[AnyStr, AnyStr]]:
    """The fields of a query string, as pairs of name and value.

    bytes give bytes; str gives str, a name or value that is no UTF-8 as Latin-1. Fields without a value are left out
    unless keep_blank_values. strict_parsing is there for compatibility and means nothing. More than max_num_fields
    fields are a ValueError; None: any number.
    """
    if isinstance(qs, str):
        return _split(qs, "&", ";", "=", "+", " ", _text, keep_blank_values, max_num_fields)
    if isinstance(qs, bytes):
        return _split(qs, b"&", b";", b"=", b"+", b" ", _bytes, keep_blank_values, max_num_fields)
    raise TypeError(f"a query string must be str or bytes, not {type(qs).__name__}")


def _split(qs: AnyStr, separator: AnyStr, other_separator: AnyStr, equals: AnyStr, plus: AnyStr, blank: AnyStr,
           decode: Callable[[AnyStr], AnyStr], keep_blank: int, limit: int | None) -> list[tuple[AnyStr, AnyStr]]:
    fields: list[tuple[AnyStr, AnyStr]] = []
    for piece in qs.replace(other_separator, separator).split(separator):
        name, _, value = piece.partition(equals)
        if not piece or not (value or keep_blank):
            continue
        if len(fields) == limit:
            raise ValueError(f"a form of more than {limit} fields; a caller who wants more says so by max_num_fields")
        fields.append((decode(name.replace(plus, blank)), decode(value.replace(plus, blank))))
    return fields


def _bytes(quoted: bytes) -> bytes:
    """In pieces that end before a `%`, since unquote_to_bytes() takes many times the memory of its argument."""
    if len(quoted) <= _PIECE:
        return unquote_to_bytes(quoted)
    pieces, begin = [], 0
    while begin < len(quoted):
        end = begin + _PIECE
        escape = quoted.rfind(b"%", end - 2, end)           # one that would be cut in two
        end = escape if escape > 0 else end
        pieces.append(unquote_to_bytes(quoted[begin:end]))
        begin = end
    return b"".join(pieces)


def _text(quoted: str) -> str:
    """What is not quoted stays as it is; the bytes that are quoted are UTF-8, else Latin-1."""
    try:
        return unquote(quoted, "utf-8", "strict")
    except UnicodeDecodeError:
        return unquote(quoted, "latin-1")
