"""A raw HTTP client on one socket: what http.client refuses to do (odd bytes, half a request, hanging up)."""

from __future__ import annotations

import http.client
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

TIMEOUT = 20.0      # seconds until a silent server fails the test


@dataclass(frozen=True)
class Response:
    """A whole answer."""

    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: bytes
    version: int

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def response_of(answer: http.client.HTTPResponse) -> Response:
    """Reads an answer to its end."""
    body = answer.read()
    return Response(answer.status, answer.reason, answer.headers, body, answer.version)


def receive_until(stream: socket.socket, end: bytes) -> bytes:
    """All that comes up to these bytes, and none behind them; AssertionError if the stream ends before."""
    data = b""
    while not data.endswith(end):
        piece = stream.recv(1)
        assert piece, f"it ended before {end!r} with {data[-1000:]!r}"
        data += piece
    return data


class RawClient:
    """One connection to the server; closed at the end of its `with` block."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(TIMEOUT)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def send(self, data: bytes) -> RawClient:
        self.socket.sendall(data)
        return self

    def send_request(self, method: str, target: str, headers: Mapping[str, str] | None = None,
                     body: bytes = b"") -> RawClient:
        """Sends a request head as it is given, in Latin-1, and the body after it."""
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def half_close(self) -> RawClient:
        """Sends the end of our side; the answer can still be read."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def hang_up(self) -> None:
        """Cuts the connection with a reset, as a client that died."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def receive(self, size: int) -> bytes:
        """Exactly `size` bytes, or fewer at the end of the stream."""
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                break
            data += piece
        return data

    def receive_until(self, end: bytes) -> bytes:
        return receive_until(self.socket, end)

    def receive_all(self) -> bytes:
        """Everything until the server closes or resets the connection."""
        data = b""
        try:
            while piece := self.socket.recv(65536):
                data += piece
        except ConnectionResetError:
            pass
        return data

    def response(self, method: str = "GET") -> Response:
        """The next answer on this connection."""
        answer = http.client.HTTPResponse(self.socket, method=method)
        answer.begin()
        return response_of(answer)
