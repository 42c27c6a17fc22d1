"""An HTTP/2 client on one connection, over TLS or in clear ("prior knowledge"), on top of the library h2."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import h2.config
import h2.connection
import h2.events
from client import TIMEOUT


@dataclass
class Stream:
    """What has come of one answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None


class H2Client:
    """Use it as `with H2Client(port, cert) as client`; without a certificate's file it speaks in clear."""

    def __init__(self, port: int, certificate: Path | None = None) -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        if certificate:
            context = ssl.create_default_context(cafile=certificate)
            context.set_alpn_protocols(["h2"])
            wrapped = context.wrap_socket(self.socket, server_hostname="localhost")
            assert wrapped.selected_alpn_protocol() == "h2"
            self.socket = wrapped
        self.scheme = "https" if certificate else "http"
        self.streams: dict[int, Stream] = {}
        self._protocol = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="latin-1"))
        self._protocol.initiate_connection()
        self._flush()

    def __enter__(self) -> H2Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.socket.close()

    def start(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None,
              body: bytes | None = None) -> int:
        """Sends a whole request; returns the number of its stream."""
        number = self._protocol.get_next_available_stream_id()
        self.streams[number] = Stream()
        head = [(":method", method), (":scheme", self.scheme), (":authority", "localhost"), (":path", path),
                *((headers or {}).items())]
        self._protocol.send_headers(number, head, end_stream=body is None)
        self._flush()
        while body is not None:
            room = min(self._protocol.local_flow_control_window(number), self._protocol.max_outbound_frame_size)
            if room or not body:
                self._protocol.send_data(number, body[:room], end_stream=len(body) <= room)
                self._flush()
                if len(body) <= room:
                    break
                body = body[room:]
            else:
                self._receive()
        return number

    def finish(self, number: int) -> Stream:
        """Waits until the answer on a stream is there, or the stream was reset."""
        while not self.streams[number].ended:
            self._receive()
        return self.streams[number]

    def ask(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None,
            body: bytes | None = None) -> Stream:
        return self.finish(self.start(path, method, headers, body))

    def until(self, number: int, data: bytes) -> None:
        """Waits until the body on a stream has that; an endless one may end anywhere in a frame."""
        while data not in self.streams[number].body:
            assert not self.streams[number].ended
            self._receive()

    def reset(self, number: int) -> None:
        self._protocol.reset_stream(number)
        self.streams[number].ended = True
        self._flush()

    def _flush(self) -> None:
        self.socket.sendall(self._protocol.data_to_send())

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server has closed the connection")
        for event in self._protocol.receive_data(data):
            self._take(event)
        self._flush()

    def _take(self, event: h2.events.Event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", None) or 0, Stream())
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = {str(name): str(value) for name, value in event.headers}
            stream.status = int(stream.headers[":status"])
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            self._protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.ended, stream.reset = True, int(event.error_code)
