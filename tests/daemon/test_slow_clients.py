"""Clients that do not read as fast as a process answers: response-buffer-size and response-socket-timeout."""

from __future__ import annotations

import gzip
import http.client
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from client import RawClient
from fake import Groups, location
from h2client import H2Client
from httpd import sanitizer, wait_for
from tls import certificate

MEBI = 1048576


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groups]:
    directory = tmp_path_factory.mktemp("httpd")
    cert, key = certificate(directory)
    conf = location("packed", "one") + f"""
        SendBufferSize 65536
        <Location /packed>
            SetOutputFilter DEFLATE
        </Location>
        Protocols h2c http/1.1
        Listen 127.0.0.1:${{tls}}
        <VirtualHost 127.0.0.1:${{tls}}>
            SSLEngine On
            SSLCertificateFile "{cert}"
            SSLCertificateKeyFile "{key}"
        </VirtualHost>
    """
    lines = ("one threads=1", "small threads=1 response-buffer-size=65536", "old threads=1 proxy-buffer-size=65536",
             "now threads=1 response-flush-delay=0", "late threads=1 response-flush-delay=500",
             "never threads=1 response-flush-delay=60000",
             "hasty threads=1 response-socket-timeout=1.5 response-buffer-size=65536")
    with Groups(directory, *lines, conf=conf, ports=["tls"], modules=("deflate", "ssl", "socache_shmcb", "http2"),
                files={"htdocs/packed": ""}) as server:
        yield server.ready(7)


def numbered(size: int) -> bytes:
    """The body of the fake engine's numbered=SIZE."""
    pieces = [b"%015d" % left + b"x" * (min(left, 65536) - 15) for left in range(size, 0, -65536)]
    return b"".join(pieces)[:size]


def bodies(data: bytes) -> Iterator[bytes]:
    """Of chunked answers, one behind the other."""
    while data:
        data, body = data.partition(b"\r\n\r\n")[2], b""
        while not data.startswith(b"0\r\n"):
            size, _, data = data.partition(b"\r\n")
            body, data = body + data[:int(size, 16)], data[int(size, 16) + 2:]
        data = data[5:]
        yield body


def slow(server: Groups, target: str) -> RawClient:
    """A client whose answer has begun, and that has not read any of it."""
    return begun(server.raw(receive_buffer=4096).send_request("GET", target))


def begun(client: RawClient) -> RawClient:
    assert client.socket.recv(1, socket.MSG_PEEK)
    return client


def is_free(server: Groups, group: str) -> bool:
    """Whether the group's only thread answers, within a while."""
    with server.raw() as client:
        client.socket.settimeout(0.3)
        client.send_request("GET", f"/{group}?head+say=free")
        try:
            return client.receive(15) == b"HTTP/1.1 200 OK"
        except TimeoutError:
            return False


def peak_memory(server: Groups) -> int:
    """Of httpd's children."""
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in server.child_pids()]
    return max(1024 * int(kilobytes) for status in statuses for kilobytes in re.findall(r"VmHWM:\s*(\d+) kB", status))


def test_a_slow_client_does_not_hold_the_only_thread(server: Groups) -> None:
    with slow(server, f"/one?head+numbered={4 * MEBI}") as client:
        assert server.get("/one?head+say=free").text == "free"
        assert client.response().body == numbered(4 * MEBI)


def test_answers_follow_each_other_on_a_connection(server: Groups) -> None:
    sizes = (3 * MEBI, 10, 2 * MEBI, 100000)
    with server.raw(receive_buffer=4096) as client:
        for size in sizes:
            headers = {"Connection": "close"} if size == sizes[-1] else {}
            client.send_request("GET", f"/one?head+numbered={size}", headers)
        begun(client)
        assert server.get("/one?head+say=free").text == "free"
        assert list(bodies(client.receive_all())) == [numbered(size) for size in sizes]


@pytest.mark.parametrize("group", ["small", "old"])     # old: by the option's old name
def test_beyond_the_buffer_the_process_waits(server: Groups, group: str) -> None:
    before = peak_memory(server)
    with slow(server, f"/{group}?head+numbered={64 * MEBI}") as client:
        assert not is_free(server, group)
        assert client.response().body == numbered(64 * MEBI)
    wait_for(lambda: is_free(server, group))
    assert sanitizer() or peak_memory(server) - before < 16 * MEBI


def test_filters_of_httpd_see_all_of_it(server: Groups) -> None:
    body = os.urandom(3 * MEBI)
    with server.raw(receive_buffer=4096) as client:
        client.send_request("POST", "/packed?head+echo", {"Content-Length": str(len(body)), "Accept-Encoding": "gzip"})
        begun(client.send(body))
        assert server.get("/one?head+say=free").text == "free"
        answer = client.response()
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.body) == body


def test_bytes_come_in_time_behind_filters(server: Groups) -> None:
    with server.raw() as client:
        client.send_request("POST", "/packed?head+say=first+count", {"Content-Length": "4", "Accept-Encoding": "gzip"})
        client.receive_until(b"\r\n\r\n")
        assert len(client.receive(10)) == 10    # of a body, while the application waits for us
        client.send(b"more")


def first_bytes(server: Groups, group: str, wait: str) -> float:
    """Seconds until a client has the first bytes of an answer whose application waits for so long after them."""
    with server.raw() as client:
        start = time.monotonic()
        client.send_request("GET", f"/{group}?head+say=first+sleep={wait}+say=last")
        client.receive_until(b"first")
        took = time.monotonic() - start
        client.receive_until(b"last")
    return took


def test_response_flush_delay(server: Groups) -> None:
    """0: what there is goes out at once; else it waits for more for that long, or for the end."""
    wait_for(lambda: first_bytes(server, "now", "0.03") < 0.004, what="an answer without the usual 5 ms")
    wait_for(lambda: 0.1 <= first_bytes(server, "late", "0.1") < 0.5, what="an answer that goes out at its end")
    assert first_bytes(server, "never", "1") >= 1
    with server.raw() as client:        # the application waits for us, so this comes before the end
        start = time.monotonic()
        client.send_request("POST", "/late?head+say=first+count", {"Content-Length": "4"})
        client.receive_until(b"first")
        assert time.monotonic() - start >= 0.5
        assert client.send(b"more").receive_until(b"4\r\n0\r\n\r\n")


def test_a_cut_answer_is_cut_behind_what_was_kept(server: Groups) -> None:
    with slow(server, f"/one?head+numbered={3 * MEBI}+cut") as client:
        server.claim("MP0438: the answer of group 'one' is cut: the application failed")
        with pytest.raises(http.client.IncompleteRead) as caught:
            client.response()
    assert caught.value.partial == numbered(3 * MEBI)


def test_a_process_that_dies_leaves_a_cut_answer(server: Groups) -> None:
    with slow(server, f"/one?head+numbered={3 * MEBI}+kill") as client:
        server.claim("MP0438: the answer of group 'one' is cut: its process has ended")
        server.claim("MP0417: Process 'one' .* signal 9")
        with pytest.raises(http.client.IncompleteRead) as caught:
            client.response()
    assert numbered(3 * MEBI).startswith(caught.value.partial) and caught.value.partial


@pytest.mark.parametrize("size", [400000, 50 * MEBI])
def test_a_client_that_reads_nothing_is_given_up(server: Groups, size: int) -> None:
    """Whether the process waits for it, or only what was kept."""
    with slow(server, f"/hasty?head+numbered={size}") as client:
        server.claim("MP0475: the answer of group 'hasty' is cut: the client has not read for 1500 ms")
        wait_for(lambda: is_free(server, "hasty"))
        assert len(client.receive_all()) < size
    assert "MP0475" not in server.unclaimed()


def test_a_client_that_reads_a_little_is_not_given_up(server: Groups) -> None:
    with slow(server, f"/hasty?head+numbered={4 * MEBI}") as client:
        stop = threading.Event()
        data = b""
        while len(data) < 2 * MEBI:
            piece = client.receive(400000)
            assert piece, "it was given up"
            data += piece
            stop.wait(0.3)
        data += client.receive(4 * MEBI - len(data))
        assert len(data) == 4 * MEBI
    assert "MP0475" not in server.unclaimed()


def test_a_client_that_hangs_up_leaves_the_process_free(server: Groups) -> None:
    with slow(server, f"/small?head+numbered={50 * MEBI}") as client:
        client.receive(100)
        client.hang_up()
        server.claim("FAKE: the client is gone")
    wait_for(lambda: is_free(server, "small"))


def test_over_tls(server: Groups) -> None:
    context = ssl.create_default_context(cafile=server.root / "cert.pem")
    with RawClient(server.ports["tls"], receive_buffer=4096) as client:
        client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
        client.send_request("GET", f"/one?head+numbered={4 * MEBI}", {"Connection": "close"})
        assert client.receive(15) == b"HTTP/1.1 200 OK"
        assert server.get("/one?head+say=free").text == "free"
        assert list(bodies(client.receive_all())) == [numbered(4 * MEBI)]


def test_over_http2(server: Groups) -> None:
    with H2Client(server.port) as client:
        stream = client.ask(f"/small?head+numbered={4 * MEBI}")
        assert stream.body == numbered(4 * MEBI)
