"""sys.stdout and sys.stderr: lines to the error log of the request or server that the writing thread serves."""

import codecs
import io
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from mod_python import _apache

# httpd logs a notice whatever LogLevel says, so print() is never lost; and what is printed is no error.
STDOUT_LEVEL = 5
STDERR_LEVEL = 3


class LogStream(io.TextIOBase):
    """A text stream into the error log, one entry per line. Each thread has a line of its own in the making."""

    encoding = "utf-8"
    errors = "backslashreplace"
    line_buffering = True
    mode = "w"

    def __init__(self, name: str, level: int) -> None:
        self.name = name
        self._level = level
        self._partial: dict[int, str] = {}
        self.buffer = _Bytes(self)

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        head, newline, tail = text.rpartition("\n")
        me = threading.get_ident()
        if newline:
            for line in (self._partial.pop(me, "") + head).split("\n"):
                self._log(line)
        if tail:
            self._partial[me] = self._partial.get(me, "") + tail
        return len(text)

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Log the unfinished line of this thread."""
        line = self._partial.pop(threading.get_ident(), "")
        if line:
            self._log(line)

    def flush_all(self) -> None:
        """Log the unfinished lines of all threads, at the end of the interpreter."""
        for thread in list(self._partial):
            line = self._partial.pop(thread, "")
            if line:
                self._log(line)

    def _log(self, line: str) -> None:
        line = line.rstrip("\r").replace("\0", "\\x00")
        _apache._log(self._level, line.encode(self.encoding, self.errors).decode(self.encoding))

    def close(self) -> None:
        """Only flush: the log stays open, for what is still to be said."""
        self.flush()

    def reconfigure(self, **options: Any) -> None:
        """Flush; the log has its encoding and lines already."""
        self.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> NoReturn:
        raise io.UnsupportedOperation(f"{self.name} goes to httpd's error log: it has no file descriptor")

    def __repr__(self) -> str:
        return f"<mod_python log stream {self.name!r}>"


class _Bytes(io.BufferedIOBase):
    """The stream for those who write bytes: UTF-8, where a character may be cut between two writes."""

    def __init__(self, text: LogStream) -> None:
        self.raw: Any = self
        self._text = text
        self._local = threading.local()

    def write(self, data: Any, /) -> int:
        if isinstance(data, str):
            raise TypeError("a bytes-like object is required, not 'str'")
        chunk = bytes(memoryview(data))
        decode: Callable[[bytes], str] | None = getattr(self._local, "decode", None)
        if decode is None:
            decode = self._local.decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
        self._text.write(decode(chunk))
        return len(chunk)

    def flush(self) -> None:
        self._text.flush()

    def close(self) -> None:
        self.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> NoReturn:
        self._text.fileno()


def install() -> None:
    """Make the log this interpreter's standard output and error; its standard input is empty.

    httpd in the foreground has a standard input, and a request must not wait for what somebody may type there.
    """
    sys.stdout = sys.__stdout__ = LogStream("<stdout>", STDOUT_LEVEL)  # type: ignore[misc, assignment]
    sys.stderr = sys.__stderr__ = LogStream("<stderr>", STDERR_LEVEL)  # type: ignore[misc, assignment]
    sys.stdin = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    if sys.__stdin__ is None:
        sys.__stdin__ = sys.stdin  # type: ignore[misc]


def flush_thread() -> None:
    """At the end of a request: what this thread has not ended with a newline is a line, and the request's own."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if isinstance(stream, LogStream):
            stream.flush()


def flush() -> None:
    """At the end: nothing that was written stays behind."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if isinstance(stream, LogStream):
            stream.flush_all()
