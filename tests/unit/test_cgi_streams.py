"""setup_cgi() and restore_nocgi(), and the streams of CGI programs, with a request that keeps what it is told."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import pytest


class Table(dict[str, str]):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.added: list[tuple[bytes, bytes]] = []

    def copy(self) -> Table:
        return Table(self)

    def add(self, name: bytes, value: bytes) -> None:
        self.added.append((name, value))

    def __delitem__(self, name: str) -> None:
        self.added = [one for one in self.added if one[0].lower() != name.lower().encode()]


class FakeRequest:
    def __init__(self, body: bytes = b"", method: str = "GET") -> None:
        self._body = io.BytesIO(body)
        self.method = method
        self.uri, self.path_info = "/app.cgi/more", "/more"
        self.subprocess_env = Table({"REQUEST_METHOD": method, "MP_TEST": "cgi", "no=name": "x", "": "x"})
        self.headers_in, self.headers_out = Table(), Table()
        self.status = 200
        self.status_line = self.content_type = None
        self.sent = b""
        self.flushes = 0
        self.redirects: list[str] = []

    def add_cgi_vars(self) -> None:
        self.subprocess_env["ADDED"] = "by add_cgi_vars"

    def read(self, size: int = -1) -> bytes:
        return self._body.read(size)

    def readline(self, size: int = -1) -> bytes:
        return self._body.readline(size)

    def write(self, data: bytes, flush: int = 1) -> None:
        self.sent += data
        self.flushes += flush

    def flush(self) -> None:
        self.flushes += 1

    def internal_redirect(self, uri: str) -> None:
        self.redirects.append(uri)


@pytest.fixture
def req() -> FakeRequest:
    return FakeRequest()


def test_the_environment_is_that_of_the_request_and_then_as_before(
        apache: Any, req: FakeRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MP_TEST", "before")
    monkeypatch.setenv("MP_OTHER", "other")
    before, streams, argv = dict(os.environ), (sys.stdin, sys.stdout), sys.argv
    env, si, so = apache.setup_cgi(req)
    assert (env, si, so) == (before, *streams)
    assert type(os.environ).__name__ == "_Environ"
    assert os.environ["MP_TEST"] == "cgi" and os.getenv("ADDED") == "by add_cgi_vars"
    assert os.environ["SCRIPT_NAME"] == "/app.cgi" and os.environ["GATEWAY_INTERFACE"] == "Python-CGI/1.1"
    assert sys.argv == []
    assert isinstance(sys.stdin, apache.CGIStdin) and isinstance(sys.stdout, apache.CGIStdout)
    os.environ["MP_OF_THE_PROGRAM"] = "1"
    del os.environ["MP_OTHER"]
    apache.restore_nocgi(env, si, so)
    assert dict(os.environ) == before
    assert (sys.stdin, sys.stdout) == streams and sys.argv is argv
    assert req.sent == b"" and req.headers_out.added == []


def test_a_plain_dict_will_do_to_restore(apache: Any, req: FakeRequest) -> None:
    before = dict(os.environ)
    _, si, so = apache.setup_cgi(req)
    apache.restore_nocgi(dict(before), si, so)
    assert dict(os.environ) == before and sys.argv == ["mod_python"]


def test_the_body_is_standard_input(apache: Any) -> None:
    body = b"name=\xc3\xa9\r\nsecond \xff line\nthird"
    stdin = apache.CGIStdin(FakeRequest(body))
    assert stdin.readline() == "name=\xe9\r\n"
    assert stdin.readlines() == ["second \udcff line\n", "third"]
    assert stdin.read() == ""
    assert apache.CGIStdin(FakeRequest(body)).buffer.read() == body
    assert apache.CGIStdin(FakeRequest(body)).buffer.readline() == b"name=\xc3\xa9\r\n"
    assert list(apache.CGIStdin(FakeRequest(body)).buffer) == body.splitlines(keepends=True)
    assert apache.CGIStdin(FakeRequest(body)).read(6) == "name=\xe9"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_headers_come_first_and_then_the_body(apache: Any, req: FakeRequest, end: str, size: int) -> None:
    text = end.join(["Status: 404 Nothing Here", "content-type: text/x-test", "X-One: 1", "Set-Cookie: a=b",
                     "Set-Cookie: c=d: e", "", f"body{end}{end}\xe9\udcff"])
    stdout = apache.CGIStdout(req)
    for at in range(0, len(text), size):
        stdout.write(text[at:at + size])
    assert (req.status, req.status_line, req.content_type) == (404, "404 Nothing Here", "text/x-test")
    assert req.headers_out.added == [(b"X-One", b"1"), (b"Set-Cookie", b"a=b"), (b"Set-Cookie", b"c=d: e")]
    assert req.sent == f"body{end}{end}\xe9".encode() + b"\xff"
    assert stdout.headers_sent and req.flushes == 0
    stdout.flush()
    assert req.flushes == 1


def test_text_and_bytes_keep_their_order(apache: Any, req: FakeRequest) -> None:
    stdout = apache.CGIStdout(req)
    stdout.write("Content-Type: text/plain\n\none ")
    stdout.buffer.write(b"two ")
    print("three", file=stdout)
    stdout.buffer.write(memoryview(b"four"))
    assert req.sent == b"one two three\nfour"
    with pytest.raises(TypeError):
        stdout.buffer.write("text")


@pytest.mark.parametrize("text", [
    "Location: /else\n\n", "Location: /else\n", "Location: /else", "location:/else\r\n\r\nx"])
def test_headers_alone_are_an_answer(apache: Any, text: str) -> None:
    req = FakeRequest()
    env, si, so = apache.setup_cgi(req)
    sys.stdout.write(text)
    apache.restore_nocgi(env, si, so)
    assert req.redirects == ["/else"] and req.sent == b"" and req.headers_out.added == [] and req.status == 200


@pytest.mark.parametrize(("headers", "method", "status"), [
    ("Location: http://other/", "GET", 302), ("Location: //other/", "POST", 303), ("Location: /else", "POST", 303),
    ("Status: 301\nLocation: /else", "GET", 301), ("Location: /else\nStatus: 301", "GET", 301)])
def test_other_locations_are_for_the_client(apache: Any, headers: str, method: str, status: int) -> None:
    req = FakeRequest(method=method)
    stdout = apache.CGIStdout(req)
    stdout.write(headers + "\n\nmoved")
    stdout.finish()
    assert (req.status, req.redirects, req.sent) == (status, [], b"moved")
    assert req.headers_out.added == [(b"Location", headers.split("Location: ")[1].split("\n")[0].encode())]


@pytest.mark.parametrize("text", [
    "hello\n", "hello", " X: y\n\n", "X y: z\n\n", "\xe9: x\n\n", "X: a\rb\n\n", "Status: x\n", "Status: 99\n",
    "Status: 1000\n", "Status: \xb2\xb2\xb2\n", "X" * 70000])
def test_what_is_no_header_is_an_error(apache: Any, req: FakeRequest, text: str) -> None:
    def program() -> None:
        stdout = apache.CGIStdout(req)
        print(text, file=stdout, end="")
        stdout.finish()
    with pytest.raises(ValueError, match=r"^premature end of headers|^bad header 'Status"):
        program()


def test_a_program_that_writes_nothing_has_not_answered(apache: Any, req: FakeRequest) -> None:
    with pytest.raises(ValueError, match="premature end of headers"):
        apache.CGIStdout(req).finish()


def test_an_exception_on_its_way_is_not_replaced(apache: Any, req: FakeRequest) -> None:
    streams = sys.stdin, sys.stdout

    def program() -> None:
        env, si, so = apache.setup_cgi(req)
        try:
            sys.stdout.write("Location: /else\n\n")
            raise LookupError
        finally:
            apache.restore_nocgi(env, si, so)
    with pytest.raises(LookupError):
        program()
    assert req.redirects == [] and (sys.stdin, sys.stdout) == streams


def test_an_empty_line_alone_begins_the_body(apache: Any, req: FakeRequest) -> None:
    apache.CGIStdout(req).write("\nbody")
    assert (req.sent, req.content_type, req.status) == (b"body", None, 200)


def test_the_streams_may_be_subclassed_and_closed(apache: Any, req: FakeRequest) -> None:
    class Loud(apache.CGIStdout):  # type: ignore[misc, name-defined]
        def write(self, text: str) -> int:
            count: int = super().write(text.upper())
            return count
    stdout = Loud(req)
    print("x: y\n\nquiet", file=stdout)
    stdout.close()
    print("more", file=stdout)
    del stdout
    assert req.sent == b"QUIET\nMORE\n" and req.flushes == 0


def test_null_io(apache: Any) -> None:
    stream = apache.NullIO()
    assert (stream.read(), stream.readline(), stream.readlines(), list(stream)) == ("", "", [], [])
    print("gone", file=stream)
    assert (stream.write("gone"), stream.tell(), stream.isatty()) == (4, 0, False)
