"""Load, while processes are killed, scripts touched, httpd restarted gracefully: every request is accounted for."""

from __future__ import annotations

import http.client
import os
import random
import signal
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from fake import Groups
from httpd import processes, wait_for

SIZE = 200000


class Load:
    """Clients that ask until they are told to stop, and count what came."""

    def __init__(self, server: Groups, clients: int) -> None:
        self.server = server
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.is_over = False
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(clients)]
        for thread in self.threads:
            thread.start()

    def ask(self, number: int, dice: random.Random) -> str:
        kind = dice.randrange(3)
        body = b"b" * dice.choice((1, 5000, 100000))
        try:
            if kind == 0:
                r = self.server.get(f"/shop?head+say=me{number}")
                return "whole" if r.status != 200 or r.text == f"me{number}" else "wrong"
            if kind == 1:
                r = self.server.get(f"/shop?head+many={SIZE}")
                whole = len(r.body) == SIZE
            else:
                r = self.server.post("/shop?head+echo", body)
                whole = r.body == body
            if r.status >= 500:
                return str(r.status)
            return "whole" if whole else "wrong"
        except http.client.IncompleteRead:
            return "cut"
        except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
            return type(error).__name__

    def run(self, number: int) -> None:
        dice = random.Random(number)
        while not self.is_over:
            result = self.ask(number, dice)
            with self.lock:
                self.counts["sent"] += 1
                self.counts[result] += 1

    def stop(self) -> Counter[str]:
        self.is_over = True
        for thread in self.threads:
            thread.join()
        return self.counts

    def wait_for_more(self, count: int) -> None:
        goal = self.counts["sent"] + count
        wait_for(lambda: self.counts["sent"] >= goal)


def test_graceful_restarts_under_load_lose_nothing(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop processes=2 threads=4", children=2) as server:
        server.ready(2)
        before = len(os.listdir(f"/proc/{server.pid}/fd"))
        load = Load(server, 4)
        for restart in range(50):
            server.signal(signal.SIGUSR1)
            wait_for(lambda restart=restart: server._starts() > restart + 1)     # type: ignore[misc]
            load.wait_for_more(10)
        counts = load.stop()
        lost = {name: count for name, count in counts.items() if name not in ("sent", "whole")}
        assert counts["whole"] == counts["sent"] and not lost
        wait_for(lambda: len(list((tmp_path / "run").rglob("*.sock"))) == 1, what="old sockets to go")
        assert len(os.listdir(f"/proc/{server.pid}/fd")) <= before
        wait_for(lambda: sum(session == server.pid for _, _, session, _ in processes()) <= 8, what="old ones to go")


def test_every_request_is_accounted_for_while_processes_die(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop processes=3 threads=3 listen-backlog=5", children=2,
                conf="Alias /shop ${root}/shop.wsgi") as server:
        server.write("shop.wsgi", "")
        server.ready(3)
        load = Load(server, 6)
        dice = random.Random(1)
        for turn in range(12):
            load.wait_for_more(30)
            if turn % 3 == 2:
                server.write("shop.wsgi", "x" * turn)
            else:
                with suppress(ProcessLookupError):
                    os.kill(dice.choice(server.started("shop")[-3:]), signal.SIGKILL)
        counts = load.stop()
        assert set(counts) <= {"sent", "whole", "cut", "502", "IncompleteRead"}
        assert sum(counts.values()) == 2 * counts["sent"] and counts["whole"] > counts["sent"] * 0.8
        faults = counts["cut"] + counts["502"]
        for _ in range(faults):
            server.claim("MP043[89]: .* its process has ended")
        while "has died" in server.unclaimed():
            server.claim("MP041[67]: Process 'shop' .* has died.* signal 9")
        while "keep dying" in server.unclaimed():
            server.claim("MP0414: processes of group 'shop' keep dying")
