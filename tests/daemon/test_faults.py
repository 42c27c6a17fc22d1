"""Load, while processes are killed and stopped, scripts touched, httpd restarted gracefully: every request is accounted
for. Each has a number of its own; the application writes it into a journal when it is called."""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import random
import re
import signal
import socket
import threading
from collections import Counter
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import cast

from client import RawClient
from httpd import Httpd, processes, wait_for

SCRIPT = """
import hashlib, os, time

journal = os.open(os.path.join(os.path.dirname(__file__), "journal"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def pieces(number):
    yield number.encode()
    for _ in range(40):
        time.sleep(0.001)
        yield b"p" * 5000

def application(environ, start_response):
    kind, number = environ["PATH_INFO"][1:], environ["QUERY_STRING"]
    os.write(journal, (number + "\\n").encode())
    if kind == "slow":
        time.sleep(0.02)
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("X-Number", number)])
    if kind == "pieces":
        return pieces(number)
    return [hashlib.sha256(body).hexdigest().encode()]
"""
ALLOWED = '<Directory "${root}/site">\n  Require all granted\n</Directory>\n'
ALIAS = 'WSGIScriptAlias /shop "${root}/site/app.wsgi" process-group=shop application-group=%{GLOBAL}\n'


class Bytes:
    """A socket for http.client to read an answer from that is all there."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


def outcome(data: bytes, kind: str, number: str, body: bytes) -> str:
    """What has become of a request, by all that came on its connection."""
    if not data:
        return "lost"
    answer = http.client.HTTPResponse(cast(socket.socket, Bytes(data)))
    try:
        answer.begin()
        stream = answer.fp
        text = answer.read()
    except http.client.IncompleteRead:
        return "cut"
    if answer.status >= 500:
        return str(answer.status)
    expected = number.encode() + b"p" * 200_000 if kind == "pieces" else hashlib.sha256(body).hexdigest().encode()
    is_alone = not stream.closed or data.endswith((text, b"0\r\n\r\n"))
    if answer.status == 200 and answer.headers["X-Number"] == number and text == expected and is_alone:
        return "whole"
    return f"wrong: {answer.status} {answer.headers} {text[:100]!r}"


class Load:
    """Clients that ask until they are told to stop, and keep what became of each request."""

    def __init__(self, server: Httpd, clients: int) -> None:
        self.server = server
        self.numbers = count(1)
        self.outcomes: dict[str, str] = {}
        self.is_over = False
        self.threads: list[threading.Thread] = []
        self.add(clients)

    def add(self, clients: int) -> None:
        for _ in range(clients):
            self.threads.append(threading.Thread(target=self.run, args=(len(self.threads),)))
            self.threads[-1].start()

    def ask(self, dice: random.Random) -> None:
        number = str(next(self.numbers))
        kind = dice.choice(("hello", "slow", "pieces", "upload"))
        body = dice.randbytes(dice.choice((1, 5000, 300_000))) if kind == "upload" else b""
        self.outcomes[number] = "unanswered"
        with RawClient(self.server.port) as client:
            headers = {"Connection": "close", "Content-Length": str(len(body))}
            with suppress(ConnectionError):     # an answer that comes before the body is read ends the sending
                client.send_request("POST" if body else "GET", f"/shop/{kind}?{number}", headers, body)
            self.outcomes[number] = outcome(client.receive_all(), kind, number, body)

    def run(self, seed: int) -> None:
        dice = random.Random(seed)
        while not self.is_over:
            self.ask(dice)

    def wait_for_more(self, number: int) -> None:
        goal = len(self.outcomes) + number
        wait_for(lambda: len(self.outcomes) >= goal)

    def stop(self) -> Counter[str]:
        self.is_over = True
        for thread in self.threads:
            thread.join()
        return Counter(self.outcomes.values())

    def check_journal(self) -> None:
        """No request ran twice, and what was answered ran."""
        runs = Counter((self.server.root / "site/journal").read_text().split())
        assert not [number for number, times in runs.items() if times > 1]
        for number, what in self.outcomes.items():
            if what in ("whole", "cut"):
                assert runs[number] == 1, (number, what)


def started(server: Httpd) -> list[int]:
    """The processes that have been ready, in order."""
    return [int(pid) for pid in re.findall(r"Process 'shop' \(pid=(\d+)\) is ready", server.log_text())]


def alive(server: Httpd) -> list[int]:
    return [pid for pid in started(server) if Path(f"/proc/{pid}").exists()]


def touch(server: Httpd, text: str) -> None:
    """A changed script, which is never there in part."""
    server.write("site/new.wsgi", f"{SCRIPT}\n# {text}\n")
    os.replace(server.root / "site/new.wsgi", server.root / "site/app.wsgi")


def serve(directory: Path, options: str, **more: int) -> Httpd:
    conf = f"WSGIDaemonProcess shop {options}\n{ALIAS}{ALLOWED}"
    return Httpd(directory, conf, {"site/app.wsgi": SCRIPT}, **more)    # type: ignore[arg-type]


def test_graceful_restarts_under_load_lose_nothing(tmp_path: Path) -> None:
    with serve(tmp_path, "processes=2 threads=4", children=2) as server:
        wait_for(lambda: len(started(server)) >= 2)
        before = len(os.listdir(f"/proc/{server.pid}/fd"))
        load = Load(server, 4)
        for restart in range(50):
            server.signal(signal.SIGUSR1)
            wait_for(lambda restart=restart: server._starts() > restart + 1)     # type: ignore[misc]
            load.wait_for_more(10)
        assert set(load.stop()) == {"whole"}
        load.check_journal()
        wait_for(lambda: len(list((tmp_path / "run").rglob("*.sock"))) == 1, what="old sockets to go")
        assert len(os.listdir(f"/proc/{server.pid}/fd")) <= before
        wait_for(lambda: sum(session == server.pid for _, _, session, _ in processes()) <= 8, what="old ones to go")


def fill_the_queue(server: Httpd, load: Load) -> None:
    """The processes stand still until clients hear that nobody can be reached."""
    pids: set[int] = set()

    def is_full() -> bool:
        for pid in set(alive(server)) - pids:       # more may become ready
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
            pids.add(pid)
        return "503" in load.outcomes.values()
    is_full()
    load.add(24)
    wait_for(is_full, what="a full queue")
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def test_every_request_is_accounted_for_whatever_happens(tmp_path: Path) -> None:
    with serve(tmp_path, "processes=2 threads=2 listen-backlog=2 connect-timeout=1", children=2) as server:
        wait_for(lambda: len(started(server)) >= 2)
        load = Load(server, 12)
        dice = random.Random(1)
        for turn in range(15):
            load.wait_for_more(40)
            if turn % 5 == 1:
                touch(server, str(turn))
            elif turn % 5 == 3:
                starts = server._starts()
                server.signal(signal.SIGUSR1)
                wait_for(lambda starts=starts: server._starts() > starts)       # type: ignore[misc]
            elif turn == 10:
                fill_the_queue(server, load)
            else:
                with suppress(ProcessLookupError):
                    os.kill(dice.choice(alive(server)), signal.SIGKILL)
        counts = load.stop()
        load.check_journal()
        assert set(counts) <= {"whole", "cut", "502", "503"} and counts["whole"] > sum(counts.values()) * 0.8
        assert counts["503"] and counts["cut"] + counts["502"]
        for _ in range(counts["cut"] + counts["502"]):          # one line for each
            server.claim("MP043[89]: .* its process has ended")
        for _ in range(counts["503"]):
            server.claim("MP043[06]: no process of group 'shop'")
        while "has died" in server.unclaimed():
            server.claim("MP041[67]: Process 'shop' .* has died.* signal 9")
        while "keep dying" in server.unclaimed():
            server.claim("MP0414: processes of group 'shop' keep dying")
