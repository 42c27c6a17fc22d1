"""Much of everything through a group: bodies, variables, header lines, streams of HTTP/2."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator

import pytest
from fake import Groups
from h2client import H2Client
from httpd import at_once, sanitizer

CONF = """
    Protocols h2c http/1.1
    LimitRequestBody 2500000000
    LimitRequestFields 0
    <Location /many>
        {variables}
    </Location>
""".format(variables="\n".join(f"SetEnv VARIABLE_{number} value-{number}" for number in range(3000)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groups]:
    lines = ("shop threads=4", "tiny threads=2 send-buffer-size=4096 receive-buffer-size=4096",
             "many threads=2 header-buffer-size=8192")
    with Groups(tmp_path_factory.mktemp("httpd"), *lines, conf=CONF, modules=["http2"]) as server:
        yield server.ready(3)


@pytest.mark.parametrize("group", ["shop", "tiny"])
def test_large_bodies_go_both_ways_at_once(server: Groups, group: str) -> None:
    """SEC-47: 100 MiB in and out, also through buffers of the smallest size, by their digests."""
    size = 16 << 20 if sanitizer() else 100 << 20
    pieces = [random.Random(number).randbytes(1 << 20) for number in range(7)]
    sent, received = hashlib.sha256(), hashlib.sha256()
    with server.raw() as client:
        def send() -> None:
            for number in range(size >> 20):
                sent.update(pieces[number % 7])
                client.send(pieces[number % 7])
            client.half_close()
        client.send(f"POST /{group}?head+echo HTTP/1.0\r\nContent-Length: {size}\r\n\r\n".encode())
        thread = threading.Thread(target=send)
        thread.start()
        stream = client.socket.makefile("rb")
        assert b" 200 " in stream.readline()
        while stream.readline().strip():
            pass
        count = 0
        while piece := stream.read(1 << 20):
            received.update(piece)
            count += len(piece)
        thread.join()
        stream.close()
    assert (count, received.digest()) == (size, sent.digest())


def test_thousands_of_variables_arrive(server: Groups) -> None:
    """SEC-48"""
    headers = {f"X-Header-{number}": f"text-{number}" for number in range(1500)}
    lines = server.get("/many?head+variables", headers).text.splitlines()
    assert {f"VARIABLE_{number}=value-{number}" for number in range(3000)} <= set(lines)
    assert {f"HTTP_X_HEADER_{number}=text-{number}" for number in range(1500)} <= set(lines)


def test_a_limit_above_a_gigabyte_is_obeyed(server: Groups) -> None:
    """SEC-80"""
    for length, query, status in ((2_600_000_000, "head+count", 413), (2_400_000_000, "head+say=early", 200),
                                  (5_000_000_000, "head+count", 413)):
        with server.raw() as client:
            client.send_request("POST", f"/shop?{query}", {"Content-Length": str(length)}, b"begin")
            assert client.receive(12) == f"HTTP/1.1 {status}".encode()
        if status == 413:
            server.claim(f"MP0330: a body of {length} bytes; LimitRequestBody allows 2500000000")
    assert server.get("/shop?head+say=well").text == "well"


def test_as_many_header_lines_as_there_is_room_for(server: Groups) -> None:
    """SEC-90: 64 times header-buffer-size in all; then it is an error."""
    r = server.get("/many?fields=90")
    assert r.status == 200 and len([name for name in r.headers if name.startswith("X-Field-")]) == 90
    for count in (6000, 60000):
        assert server.get(f"/many?fields={count}").status == 500
        server.claim("MP0439: no answer of group 'many': its head is too long")
    assert server.get("/many?head").status == 200


def test_http2_streams_go_through_a_group(server: Groups) -> None:
    """mod_http2: many at once on one connection, bodies, streams that are reset."""
    with H2Client(server.port) as client:
        streams = [client.start(f"/shop?head+say={number}+many={number * 1000}+say=end") for number in range(40)]
        for number, stream in enumerate(streams):
            answer = client.finish(stream)
            assert (answer.status, answer.body) == (200, f"{number}{'x' * number * 1000}end".encode())
        body = random.Random(2).randbytes(3_000_000)
        assert client.ask("/shop?head+echo", "POST", body=body).body == body
        assert client.ask("/shop?head+say=early", "POST", body=body[:10000]).body == b"early"
        gone = client.start("/shop?head+say=begin+many=50000000")
        client.until(gone, b"begin")
        client.reset(gone)
        server.claim("FAKE: the client is gone")
        assert client.ask("/shop?head+say=well").body == b"well"
    assert at_once(4, lambda _: server.get("/shop?head+sleep=0.1").status) == [200] * 4


def test_a_cut_answer_is_a_reset_stream(server: Groups) -> None:
    """SEC-36"""
    with H2Client(server.port) as client:
        answer = client.ask("/shop?head+say=part+cut")
        assert answer.status in (0, 200) and answer.reset is not None
        assert client.ask("/shop?head+say=well").body == b"well"
    server.claim("MP0438: the answer of group 'shop' is cut")
