"""multipart/form-data, taken apart as it arrives: RFC 7578, and what else clients have been seen to send.

The parser is pushed: feed() takes the body in pieces of any size. It holds back at most one delimiter, or one line of
the headers of a part; what a part contains is passed on at once. The time that it takes grows with the length of the
body only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol


class HeadersTooLarge(Exception):
    """The headers of one part are longer than the parser was told to accept."""


class Parts(Protocol):
    """Who takes the parts."""

    def begin(self, headers: list[bytes]) -> None:
        """A part begins; its header lines, each with its line end and the lines that continue it."""

    def data(self, data: bytes) -> None:
        """The next piece of its content, never empty."""

    def end(self) -> None:
        """It is complete, or the body is over."""


def boundary_of(content_type: str) -> bytes | None:
    """The boundary that a Content-Type names; None if there is none."""
    at = content_type.lower().rfind("boundary=")
    if at < 0:
        return None
    text = content_type[at + len("boundary="):].strip()
    text = text[1:].partition('"')[0] if text.startswith('"') else text.partition(";")[0].rstrip()
    return text.encode() or None


class MultipartParser:
    """Finds the parts of a body. A delimiter is a line `--BOUNDARY`, or `--BOUNDARY--` after the last part; lines end
    in CRLF or LF. The line end in front of a delimiter belongs to it; the end of the body stands for the one behind."""

    _line_end = re.compile(rb"(--)?\r?\n")
    _line_end_begun = (b"", b"-", b"--", b"--\r", b"\r")

    def __init__(self, boundary: bytes, parts: Parts, max_header_size: int) -> None:
        self._parts = parts
        self._max_header_size = max_header_size     # bytes
        self._delimiter = b"\n--" + boundary
        # What waits to be looked at begins at _at; with _borrowed = 1 by the line feed of the line before content, so
        # that each line of content has one in front of it.
        self._buffer = b"\n"
        self._at = 0
        self._borrowed = 1
        # Not a bound method: in a cycle, the files of a form would stay open until the garbage collector comes.
        self._read: Callable[[MultipartParser, bool], bool] = MultipartParser._content
        self._is_open = False                       # between begin() and end(); else content is skipped
        self._headers: list[list[bytes]] = []       # each of its lines
        self._header_size = 0

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body. Raises HeadersTooLarge, and what Parts raises."""
        self._buffer = self._buffer[self._at:] + data
        self._at = 0
        while self._read(self, False):
            pass

    def close(self) -> None:
        """The body is over. A part that has not come to its end is passed on as far as it came."""
        while self._read(self, True):
            pass
        self._end()

    # Each of these reads of the buffer what it can, and says whether another one is to go on.

    def _content(self, last: bool) -> bool:
        """The content of a part, or what stands before the first one."""
        buffer, begin = self._buffer, self._at + self._borrowed
        at = buffer.find(self._delimiter, self._at)
        while at >= 0:
            after = at + len(self._delimiter)
            line_end = self._line_end.match(buffer, after)
            end = at - 1 if at > begin and buffer[at - 1] == 0x0d else at
            if line_end or (last and buffer[after:after + 4] in self._line_end_begun):
                self._pass_on(begin, end)
                self._end()
                self._delimited(after, line_end.end() if line_end else len(buffer))
                return True
            if buffer[after:after + 4] in self._line_end_begun:
                break
            at = buffer.find(self._delimiter, at + 1)
        else:
            end = len(buffer) if last else len(buffer) - len(self._delimiter)
        if end > self._at:
            self._pass_on(begin, end)
            self._at, self._borrowed = end, 0
        return False

    def _header(self, last: bool) -> bool:
        """The headers of a part, up to the empty line."""
        buffer = self._buffer
        while True:
            end = buffer.find(b"\n", self._at) + 1
            line = buffer[self._at:end or len(buffer)]
            if self._header_size + len(line) > self._max_header_size:
                raise HeadersTooLarge
            if not end:
                if last and self._headers:
                    self._begin()
                return False
            self._header_size += len(line)
            if line in (b"\r\n", b"\n"):
                self._begin()
                self._at, self._borrowed = end - 1, 1
                self._read = MultipartParser._content
                return True
            if line.startswith(self._delimiter[1:]) and self._line_end.match(line, len(self._delimiter) - 1):
                if self._headers:                   # a part without its empty line
                    self._begin()
                    self._end()
                self._delimited(self._at + len(self._delimiter) - 1, end)
                return True
            self._at = end
            if self._headers and line.startswith((b" ", b"\t")):
                self._headers[-1].append(line)
            else:
                self._headers.append([line])

    def _rest(self, last: bool) -> bool:
        """What stands after the last part, or what is left of headers that broke off."""
        self._at = len(self._buffer)
        return False

    def _delimited(self, after: int, end: int) -> None:
        """There was a delimiter: `after` its boundary stands whether it is the last, and its line has an `end`."""
        self._read = (MultipartParser._rest if self._buffer.startswith(b"--", after) else MultipartParser._header)
        self._at = end
        self._headers, self._header_size = [], 0

    def _begin(self) -> None:
        self._is_open = True
        self._parts.begin([b"".join(lines) for lines in self._headers])

    def _pass_on(self, begin: int, end: int) -> None:
        if self._is_open and end > begin:
            self._parts.data(self._buffer[begin:end])

    def _end(self) -> None:
        if self._is_open:
            self._is_open = False
            self._parts.end()
