"""The text of a page, or of a file that it includes: read, decoded, and counted as Python counts source code."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_left, bisect_right
from functools import cached_property
from itertools import accumulate
from typing import Any

# A block or a comment, as far as the first two lines have it; <%= and <%@ are neither.
_BLOCK = re.compile(rb"<%(--|(?![=@]))((?:(?!%>).)*)", re.DOTALL)
_IN_COMMENT = re.compile(rb"coding[:=][ \t]*([-\w.]+)")
_IN_CODE = re.compile(rb"#[^\r\n]*?coding[:=][ \t]*([-\w.]+)")


class Lines:
    """Lines of a text and bytes of UTF-8 within a line, which is how Python counts, and characters of the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._columns_of: dict[int, list[int] | None] = {}

    @cached_property
    def starts(self) -> list[int]:
        return [0, *(end.end() for end in re.finditer("[\r\n]", self.text))]

    def line(self, number: int) -> str:
        """The line without its end; numbers begin at 1."""
        start, end = self._span(number)
        return self.text[start:end].rstrip("\r\n")

    def offset(self, line: int, column: int) -> int:
        """The character at that byte of that line; what is beyond it is its end."""
        line = min(max(line, 1), len(self.starts))
        start, end = self._span(line)
        columns = self._columns(line)
        return min(start + (max(column, 0) if columns is None else bisect_left(columns, column)), end)

    def position(self, offset: int) -> tuple[int, int]:
        """The line and the byte in it."""
        line = bisect_right(self.starts, offset)
        index = offset - self.starts[line - 1]
        columns = self._columns(line)
        return line, index if columns is None else columns[index]

    def _span(self, line: int) -> tuple[int, int]:
        return self.starts[line - 1], self.starts[line] if line < len(self.starts) else len(self.text)

    def _columns(self, line: int) -> list[int] | None:
        """For each character, and the end, of a line the bytes before it; None if that is the character's index."""
        if line not in self._columns_of:
            start, end = self._span(line)
            text = self.text[start:end]
            self._columns_of[line] = None if text.isascii() else [
                0, *accumulate(len(char.encode("utf-8", "surrogatepass")) for char in text)]
        return self._columns_of[line]


class File(Lines):
    """A page or an included file. `name` is for messages and tracebacks; `identity` is the same for the same file."""

    def __init__(self, name: str, text: str | bytes, path: str | None = None, identity: object = None) -> None:
        text = decoded(text, name) if isinstance(text, bytes) else text
        super().__init__(text.replace("\r\n", "\n"))
        self.name = name
        self.path = path
        self.identity = identity

    def error(self, offset: int, message: str, kind: type[SyntaxError] = SyntaxError) -> SyntaxError:
        """A SyntaxError at that character."""
        line = bisect_right(self.starts, offset)
        return kind(message, (self.name, line, offset - self.starts[line - 1] + 1, self.line(line) + "\n"))


def decoded(data: bytes, name: str) -> str:
    """The text by the encoding that its first two lines declare, else UTF-8. Raises SyntaxError."""
    data = data.removeprefix(codecs.BOM_UTF8)
    encoding = declared_encoding(data) or "utf-8"
    where: tuple[Any, ...] = (name, 1, None, None)
    try:
        return data.decode(encoding)
    except LookupError:
        raise SyntaxError(f"unknown encoding {encoding!r}", where) from None
    except UnicodeDecodeError as error:
        line = len(re.findall(b"\r\n|\r|\n", data[:error.start])) + 1
        raise SyntaxError(f"(unicode error) {error}; a page is UTF-8, or says what it is in its first line:"
                          " <%-- coding: latin-1 --%>", (name, line, None, None)) from error
    except ValueError as error:
        raise SyntaxError(f"(unicode error) {encoding}: {error}", where) from error


def declared_encoding(data: bytes) -> str | None:
    """What a comment of Python's, or of the page's, in the first two lines says after "coding:"."""
    head = b"\n".join(re.split(b"\r\n|\r|\n", data, maxsplit=2)[:2])
    for block in _BLOCK.finditer(head):
        found = (_IN_COMMENT if block[1] else _IN_CODE).search(block[2])
        if found:
            return found[1].decode()
    return None
