"""A request as CGI programs see it: environment variables, standard input and standard output.

os.environ, sys.stdin, sys.stdout and sys.argv belong to the whole process or interpreter: only one request at a time
may be served this way.
"""

import io
import os
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mod_python._apache import mp_request, table

MAX_HEADER_LINE = 65536     # bytes; more without a line end is no header
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class NullIO(io.TextIOBase):
    """A text stream that swallows what is written, and is at its end when it is read."""

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> str:
        return ""

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        return ""

    def write(self, text: str, /) -> int:
        return len(text)

    def tell(self) -> int:
        return 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return 0


class _Body(io.BufferedIOBase):
    """The body of a request."""

    name = "<stdin>"

    def __init__(self, req: "mp_request") -> None:
        self.req = req

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        return self.req.read(-1 if size is None else size)

    def read1(self, size: int = -1, /) -> bytes:
        return self.req.read(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        return self.req.readline(-1 if size is None else size)


class CGIStdin(io.TextIOWrapper):
    """The body of a request as a text stream: UTF-8, with other bytes as os.fsdecode() has them.

    Line ends are as they were sent. Its buffer gives the bytes.
    """

    def __init__(self, req: "mp_request") -> None:
        super().__init__(_Body(req), encoding="utf-8", errors="surrogateescape", newline="\n")
        self.req = req


class _Answer(io.BufferedIOBase):
    """Header lines, an empty line, then the body of an answer."""

    name = "<stdout>"

    def __init__(self, req: "mp_request") -> None:
        self.req = req
        self.started = False            # something was written
        self.headers_sent = False       # the empty line came: what follows is the body
        self._line = b""                # of the header, not yet at its end
        self._status = False            # there was a Status line
        self._location = ""
        self._discard = False           # the answer is that of another URL

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        if isinstance(data, str):
            raise TypeError("a bytes-like object is required, not 'str'")
        chunk = bytes(data)
        if chunk:
            self.started = True
        body = chunk if self.headers_sent else self._take_headers(chunk)
        if body and not self._discard:
            self.req.write(body, 0)
        return len(chunk)

    def flush(self) -> None:
        if self.headers_sent and not self._discard:
            self.req.flush()

    def close(self) -> None:
        """Nothing: the answer ends with the handler."""

    def finish(self) -> None:
        """The program has ended: an unfinished header line counts, the empty line may be missing."""
        if not self.headers_sent:
            line, self._line = self._line, b""
            if not self.started:
                raise ValueError("premature end of headers: the program wrote nothing")
            if line.rstrip(b"\r"):
                self._header(line)
            self._end_headers()
        if self._discard:
            location, self._location = self._location, ""
            if location:
                self.req.internal_redirect(location)

    def _take_headers(self, chunk: bytes) -> bytes:
        """Read header lines; return what is behind the empty line."""
        data = self._line + chunk
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            line = data[start:end].rstrip(b"\r")
            start = end + 1
            if not line:
                self._line = b""
                self._end_headers()
                return data[start:]
            self._line = b""
            self._header(line)
        self._line = data[start:]
        if len(self._line) > MAX_HEADER_LINE:
            raise ValueError(f"premature end of headers: a line of more than {MAX_HEADER_LINE} bytes")
        return b""

    def _header(self, line: bytes) -> None:
        name, colon, value = line.partition(b":")
        value = value.strip()
        if not colon or not TOKEN.fullmatch(name) or b"\r" in value:
            raise ValueError(f"premature end of headers: {line[:80]!r} is none; print headers such as"
                             " 'Content-Type: text/plain' and an empty line before the text")
        match name.lower():
            case b"status":
                self._set_status(value)
            case b"content-type":
                self.req.content_type = value.decode("latin-1")
            case lower:
                if lower == b"location":
                    self._location = value.decode("latin-1")
                self.req.headers_out.add(name, value)

    def _set_status(self, value: bytes) -> None:
        number, _, reason = value.partition(b" ")
        if len(number) != 3 or not number.isdigit() or number < b"100":
            raise ValueError(f"bad header 'Status: {value.decode('latin-1')}': write a number such as 404, and a text"
                             " if you like")
        self._status = True
        self.req.status = int(number)
        self.req.status_line = value.decode("latin-1") if reason.strip() else None

    def _end_headers(self) -> None:
        self.headers_sent = True
        if not self._location or self._status:
            return
        if not self._location.startswith("/"):
            self.req.status = 302
        elif self.req.method in ("GET", "HEAD"):
            self._discard = True                # RFC 3875: the server answers as for that path
            del self.req.headers_out["Location"]
        else:
            self.req.status = 303               # the path is to be had by GET, so the client asks


class CGIStdout(io.TextIOWrapper):
    """The answer to a request as a text stream: header lines, an empty line, the body. Its buffer takes bytes.

    Status and Content-Type set the answer's; a Location without a Status is a redirect, of the client or, for a path,
    in the server. Other headers are added. ValueError for a line that is no header. Text goes out as UTF-8.
    """

    def __init__(self, req: "mp_request") -> None:
        self._answer = _Answer(req)
        super().__init__(self._answer, encoding="utf-8", errors="surrogateescape", newline="\n", write_through=True)
        self.req = req

    @property
    def headers_sent(self) -> bool:
        return self._answer.headers_sent

    def close(self) -> None:
        """Nothing: the answer ends with the handler."""

    def finish(self) -> None:
        """Says that the program has ended: an answer may consist of headers only, without the empty line.

        ValueError if nothing was written.
        """
        self.flush()
        self._answer.finish()


class _Environ(dict[str, str]):
    """What os.environ was, and sys.argv."""

    argv: list[str]


def build_cgi_env(req: "mp_request") -> "table":
    """The variables of CGI (RFC 3875, section 4.1) for a request, as a table of their own.

    What req.add_cgi_vars() gives, with GATEWAY_INTERFACE "Python-CGI/1.1", SCRIPT_NAME without the path info, and
    HTTP_AUTHORIZATION if the client sent that header.
    """
    req.add_cgi_vars()
    environ = req.subprocess_env.copy()
    path_info = req.path_info or ""
    uri = req.uri
    environ["SCRIPT_NAME"] = uri[:-len(path_info)] if path_info and uri.endswith(path_info) else uri
    environ["GATEWAY_INTERFACE"] = "Python-CGI/1.1"
    authorization = req.headers_in.get("Authorization")
    if authorization is not None:
        environ["HTTP_AUTHORIZATION"] = authorization
    return environ


def setup_cgi(req: "mp_request") -> tuple[dict[str, str], Any, Any]:
    """Makes os.environ, sys.stdin, sys.stdout and sys.argv those of a CGI program that answers the request.

    Returns what restore_nocgi() takes: os.environ as it was, sys.stdin and sys.stdout. They belong to the process and
    to the interpreter: only one request at a time may do this.
    """
    saved = _Environ(os.environ)
    saved.argv = sys.argv
    variables = _variables(build_cgi_env(req).items())
    streams = sys.stdin, sys.stdout
    os.environ.update(variables)
    sys.stdin, sys.stdout, sys.argv = CGIStdin(req), CGIStdout(req), []
    return saved, *streams


def _variables(items: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Without those that no environment can have (SetEnv takes any name)."""
    return {name: value for name, value in items if name and "=" not in name and value is not None}


def restore_nocgi(env: dict[str, str], si: Any, so: Any) -> None:
    """Undoes setup_cgi(). Ends the answer that the program printed, as CGIStdout.finish() does, unless an exception is
    on its way.
    """
    stdout = sys.stdout
    for name in os.environ.keys() - env.keys():
        del os.environ[name]
    os.environ.update({name: value for name, value in env.items() if os.environ.get(name) != value})
    sys.stdin, sys.stdout, sys.argv = si, so, getattr(env, "argv", ["mod_python"])
    if isinstance(stdout, CGIStdout) and stdout is not so and stdout._answer.started and sys.exc_info()[1] is None:
        stdout.finish()
