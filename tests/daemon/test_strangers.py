"""Peers that speak nonsense, are slow, or hang up: on both ends of a group's wire, and behind httpd."""

from __future__ import annotations

import http.client
import os
import random
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fake import Groups
from httpd import processes, sanitizer, wait_for

CONF = """
    Timeout 3
    RequestReadTimeout body=3
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groups]:
    lines = ("shop threads=3", "alone threads=1", "taken threads=1 connect-timeout=1 header-buffer-size=8192")
    with Groups(tmp_path_factory.mktemp("httpd"), *lines, conf=CONF, modules=["reqtimeout"]) as server:
        yield server.ready(3)


def socket_file(server: Groups, number: int) -> Path:
    [file] = [file for file in (server.root / "run").rglob(f"*.{number}.sock") if file.is_socket()]
    return file


def record(kind: int, content: bytes = b"", number: int = 1) -> bytes:
    return bytes([1, kind]) + number.to_bytes(2, "big") + len(content).to_bytes(2, "big") + b"\0\0" + content


def pair(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + (0x80000000 | len(value)).to_bytes(4, "big") + name + value


BEGIN = record(1, b"\0\1\1\0\0\0\0\0")
OUT, END, NOTE = 6, 3, 200
HEAD = b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n"
WHOLE = record(OUT, HEAD + b"hello") + record(OUT) + record(END, b"\0" * 8)


def mutated(dice: random.Random, data: bytes) -> bytes:
    """The data with some bytes changed, taken out, doubled or put in."""
    found = bytearray(data)
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(found) + 1)
        match dice.randrange(5):
            case 0:
                found[at:at + 1] = dice.randbytes(1)
            case 1:
                del found[at:at + dice.randrange(1, 30)]
            case 2:
                found[at:at] = found[at:at + dice.randrange(1, 30)]
            case 3:
                found[at:at] = dice.randbytes(dice.randrange(1, 30))
            case 4:
                found[at:at + 4] = dice.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"))
    return bytes(found)


def exchange(file: Path, data: bytes) -> bytes:
    """What a process says to this, until it closes the connection or waits for more."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(file))
        with suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: client.recv(65536), b""))
    return b""


def claim_all(server: Groups, pattern: str) -> None:
    for _ in [line for line in server.unclaimed().splitlines() if re.search(pattern, line)]:
        server.claim(pattern)


def memory_of(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_nothing_that_a_peer_says_harms_a_process(server: Groups) -> None:
    """SEC-45: even if it knows the secret, as children do."""
    pid = server.pid_of("shop")
    secret = server.get("/shop?head+secrets").text.partition("\n")[0].removeprefix("shop=").encode()
    facts = b"\0".join([secret, b"main_interpreter", b"", b"/x.wsgi", b"/x.wsgi", b"application", b"wsgi-script", b"",
                        b"", b"", b"", b"127.0.0.1", b"80", b"0", b"1", b"1", b"\1", b"a", b"b", b"1", b"-1",
                         b"1", b"0", b"\1"]) + b"\0"
    params = pair(b"MOD_PYTHON_FACTS", facts) + pair(b"QUERY_STRING", b"head+say=hello+echo")
    request = BEGIN + record(4, params) + record(4) + record(5, b"body") + record(5)
    file = socket_file(server, 0)
    assert b"hello" in exchange(file, request) and b"body" in exchange(file, request)
    before = memory_of(pid)
    dice = random.Random(45)
    for _ in range(400):
        exchange(file, mutated(dice, request))
        exchange(file, BEGIN + record(4, mutated(dice, params)) + record(4) + record(5))
        exchange(file, BEGIN + record(4, pair(b"MOD_PYTHON_FACTS", secret + mutated(dice, facts[64:]))) + record(4))
    for _ in range(50):
        exchange(file, dice.randbytes(dice.randrange(3000)))
    exchange(file, BEGIN + record(4, b"\xff\xff\xff\xff" * 16000) * 400)
    exchange(file, BEGIN + record(4, b"x" * 65535) * 300)
    assert server.pid_of("shop") == pid
    if not sanitizer():
        assert memory_of(pid) < before + (64 << 20)
    claim_all(server, "MP0424")


class Impostor:
    """Takes the place of a group's process: what it is told to say is its answer to every request."""

    def __init__(self, file: Path) -> None:
        file.unlink()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(file))
        self.listener.listen(50)
        self.answer = b""
        self.asked = 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while True:
            client, _ = self.listener.accept()
            with client, suppress(OSError):
                client.settimeout(10)
                data = b""
                while record(5) not in data:
                    if not (piece := client.recv(65536)):
                        break
                    data += piece
                if not data:
                    return
                self.asked += 1
                client.sendall(self.answer)

    def stop(self) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.listener.getsockname())
            client.shutdown(socket.SHUT_WR)
        self.thread.join()
        self.listener.close()


@pytest.fixture(scope="module")
def ask(server: Groups) -> Iterator[Callable[[bytes], tuple[int, int]]]:
    """Asks the group whose process is an impostor that says this: status (0: it is cut), and how often it was asked."""
    impostor = Impostor(socket_file(server, 2))

    def ask(answer: bytes) -> tuple[int, int]:
        impostor.answer, impostor.asked = answer, 0
        try:
            status = server.get("/taken?x").status
        except (http.client.HTTPException, ConnectionError):
            status = 0
        claim_all(server, "MP043[6789]|MP0440")
        return status, impostor.asked
    yield ask
    impostor.stop()


def field(n: int) -> bytes:
    return b"".join(b"X-%d: %s\r\n" % (i, b"v" * 4000) for i in range(n))


def records(data: bytes) -> bytes:
    return b"".join(record(OUT, data[at:at + 60000]) for at in range(0, len(data), 60000))


@pytest.mark.parametrize(("answer", "status"), [
    (WHOLE, 200), (b"", 502), (b"HTTP/1.1 200 OK\r\n\r\nhello", 502), (WHOLE[:-1], 0), (WHOLE[:30], 502),
    (record(OUT, HEAD + b"part"), 0), (record(OUT, HEAD + b"part") + record(END, b"\0\0\0\1\0\0\0\0"), 0),
    (record(END, b"\0" * 8), 500), (record(END, b"\0"), 502), (record(END, b"\0" * 8, 7) + WHOLE, 200),
    (record(NOTE) + record(NOTE, b"S") + record(NOTE, b"L\xff") + record(NOTE, b"?") + WHOLE, 200),
    (record(NOTE, b"S\xff\xff") + record(END, b"\0" * 8), 500), (record(99, b"x") + WHOLE, 200),
    (record(NOTE, b"S\1\x94") + record(END, b"\0" * 8), 404),
    (record(OUT, b"no colon\r\n\r\n") + record(END, b"\0" * 8), 500),
    (record(OUT, b"Status: many\r\n\r\n") + record(END, b"\0" * 8), 500),
    (record(OUT, b"Status: 99\r\n\r\n") + record(END, b"\0" * 8), 500),
    (record(OUT, b": empty\r\n\r\n") + record(END, b"\0" * 8), 500),
    (records(b"X: " + b"v" * 9000 + b"\r\n\r\n") + record(END, b"\0" * 8), 500),
    (records(b"Status: 200 OK\r\n" + field(1000) + b"\r\n") + record(END, b"\0" * 8), 500),
    (records(b"Status: 200 OK\r\n" + field(20) + b"\r\n") + record(END, b"\0" * 8), 200)])
def test_no_answer_of_a_process_harms_a_child(
        server: Groups, ask: Callable[[bytes], tuple[int, int]], answer: bytes, status: int) -> None:
    """SEC-45, SEC-90, SEC-36: an error, or an answer that is seen as cut."""
    children = server.child_pids()
    assert ask(answer) == (status, 1)
    assert server.child_pids() == children


def test_random_answers_harm_no_child(server: Groups, ask: Callable[[bytes], tuple[int, int]]) -> None:
    """SEC-45"""
    children = server.child_pids()
    dice = random.Random(46)
    begin = record(NOTE, b"T") + record(NOTE, b"L\6a line\0")
    for _ in range(400):
        status, _ = ask(mutated(dice, begin + WHOLE))
        assert status == 0 or status == 200 or 400 <= status < 600
    assert server.child_pids() == children
    claim_all(server, r"AH024(29|30): |\[python:\w+\] .*\[client ")      # what httpd refused, and what was to be logged


@pytest.mark.parametrize("reason", [b"end", b"script"])
def test_a_process_that_always_rejects_is_not_asked_for_ever(
        ask: Callable[[bytes], tuple[int, int]], reason: bytes) -> None:
    """SEC-49"""
    status, asked = ask(record(NOTE, b"R" + reason) + record(END, b"\0" * 8))
    assert status == 503 and 1 < asked < 200


def test_a_slow_body_frees_its_thread(server: Groups) -> None:
    """SEC-86: by mod_reqtimeout if it trickles, by Timeout if it stalls; others are served meanwhile."""
    with server.raw() as slow, server.raw() as stalled:
        slow.send_request("POST", "/alone?head+say=x+count", {"Content-Length": "1000"}, b"x")
        stalled.send_request("POST", "/shop?head+say=x+count", {"Content-Length": "1000"}, b"x")
        assert server.get("/shop?head+say=others").text == "others"
        assert slow.receive(15) == stalled.receive(15) == b"HTTP/1.1 200 OK"
        slow.socket.settimeout(0.1)

        def is_cut() -> bool:
            try:
                return slow.socket.recv(1000) == b""
            except TimeoutError:
                slow.send(b"x")
            except ConnectionError:
                return True
            return False
        wait_for(is_cut)
        assert b"\r\n0\r\n" not in stalled.receive_all()
    assert server.get("/alone?head+say=free").text == "free"


def test_a_client_that_never_reads_frees_its_thread(server: Groups) -> None:
    """SEC-86"""
    with server.raw(receive_buffer=4096) as slow:
        slow.send_request("GET", "/alone?head+many=50000000")
        assert server.get("/shop?head+say=others").text == "others"
        server.claim("FAKE: the client is gone")
    assert server.get("/alone?head+say=free").text == "free"


def test_a_thousand_aborts_in_each_stage_leave_nothing(server: Groups) -> None:
    """SEC-88: descriptors and threads of everything that takes part are as many as before."""
    file = socket_file(server, 0)
    parents = {pid: parent for pid, parent, _, _ in processes()}
    pid = server.pid_of("shop")
    everybody = {pid, parents[pid], server.pid, *server.child_pids()}

    def state() -> dict[int, tuple[int, int]]:
        return {one: (len(os.listdir(f"/proc/{one}/fd")), len(os.listdir(f"/proc/{one}/task"))) for one in everybody}

    def over_http(data: bytes, read: int = 0) -> Callable[[], None]:
        def run() -> None:
            with server.raw() as client:
                client.send(data)
                if read:
                    client.receive(read)
                client.hang_up()
        return run

    def to_the_group(data: bytes) -> Callable[[], None]:
        def run() -> None:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(file))
                client.sendall(data)
        return run
    line = b" HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
    stages = [over_http(b"POST /shop?head+co"), over_http(b"POST /shop?head+count" + line + b"half"),
              over_http(b"POST /shop?head+say=x+count" + line + b"half", read=15),
              over_http(b"GET /shop?head+say=x+many=300000" + line.replace(b"10", b"0"), read=100),
              to_the_group(b""), to_the_group(BEGIN[:5]), to_the_group(BEGIN + record(4, b"\5\1A"))]
    assert server.get("/shop?head").status == 200
    before = state()
    for stage in stages:
        for _ in range(1000):
            stage()
    wait_for(lambda: server.get("/shop?head").status == 200)

    def as_before() -> bool:
        now = state()
        return all(now[one][0] <= before[one][0] + 4 and now[one][1] <= before[one][1] for one in everybody)
    wait_for(as_before, what="everything to be closed")
    assert server.pid_of("shop") == pid
