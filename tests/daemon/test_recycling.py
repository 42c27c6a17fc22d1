"""maximum-requests and restart-interval: the next process is ready before the old one goes, and not all go at once."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from time import strptime

from fake import Groups
from httpd import Httpd, at_once, wait_for

SCRIPT = r"""
import os, time

while os.path.exists(__file__ + ".gate"):
    time.sleep(0.01)

def application(environ, start_response):
    start_response("200 OK", [("X-Pid", str(os.getpid())), ("X-Once", str(environ["wsgi.run_once"]))])
    return [b"x"]
"""
CONF = """
    WSGIDaemonProcess shop {}
    WSGIScriptAlias /shop "${{root}}/app.wsgi" process-group=shop application-group=%{{GLOBAL}}
    <Directory "${{root}}">
        Require all granted
    </Directory>
"""
LEAVES = r"{}, stopping process 'shop'\. \(pid=(\d+)\)"


def leaving(server: Httpd, why: str = "Maximum requests reached; it has served them") -> list[int]:
    return [int(pid) for pid in re.findall(LEAVES.format(why), server.log_text())]


def wait_until_gone(pid: int) -> None:
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), what="the process to end")


def test_at_maximum_requests_no_request_waits_for_the_next_process(tmp_path: Path) -> None:
    with Httpd(tmp_path, CONF.format("threads=2 maximum-requests=5"), {"app.wsgi": SCRIPT}) as server:
        old = server.get("/shop").headers["X-Pid"]
        server.write("app.wsgi.gate", "")
        for _ in range(4):
            server.get("/shop")
        wait_for(lambda: server.log_text().count("MP0426") == 2, what="the next process")
        for _ in range(20):
            answer = server.get("/shop")
            assert answer.status == 200 and answer.headers["X-Pid"] == old
        os.remove(tmp_path / "app.wsgi.gate")
        wait_for(lambda: server.get("/shop").headers["X-Pid"] != old)
        wait_until_gone(int(old))
        assert int(old) in leaving(server)


def test_a_process_whose_successor_is_in_time_serves_maximum_requests(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=3 maximum-requests=5") as server:
        for number in range(1, 4):
            server.ready(number)
            pids = {server.pid_of("shop") for _ in range(5)}
            assert len(pids) == 1
            wait_until_gone(pids.pop())
        assert len(leaving(server)) == 3


def test_no_request_is_lost_at_maximum_requests(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop processes=2 threads=3 maximum-requests=8") as server:
        pids = Counter(pid for several in at_once(8, lambda _: [server.pid_of("shop") for _ in range(40)])
                       for pid in several)
        assert sum(pids.values()) == 320 and len(pids) > 3
        assert all(pids[pid] >= 7 for pid in leaving(server))


def test_a_process_of_one_request_has_only_one(tmp_path: Path) -> None:
    with Httpd(tmp_path, CONF.format("threads=1 maximum-requests=1"), {"app.wsgi": SCRIPT}) as server:
        answers = [server.get("/shop").headers for _ in range(6)]
        assert len({headers["X-Pid"] for headers in answers}) == 6
        assert {headers["X-Once"] for headers in answers} == {"True"}


def test_processes_come_to_maximum_requests_one_after_the_other(tmp_path: Path) -> None:
    """The second one's share is an eighth less: 7 of 8 requests. While one has a request, others are the other's."""
    with Groups(tmp_path, "shop processes=2 threads=1 maximum-requests=8") as server:
        server.ready(2)
        first, second = server.started("shop")

        def head(count: int) -> bytes:
            return b"POST /shop?log=it-began+head+count HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % count
        with server.raw() as one, server.raw() as other:
            one.send(head(1))                   # the first request of one of them
            server.claim("] it-began")
            served = {server.pid_of("shop") for _ in range(6)}
            assert len(served) == 1             # 6 of the other one, and its 7th:
            other.send(head(1))
            server.claim("] it-began")
            held = int(one.send(b"x").response().headers["X-Pid"])
            assert {held} | served == {first, second}
            count = 1
            while count < 7 and not leaving(server):
                count += server.pid_of("shop") == held
            [early] = wait_for(lambda: leaving(server), what="the one that comes first")
            assert early in (first, second)
            other.send(b"x").response()
        wait_until_gone(early)


def test_restart_intervals_are_not_over_at_the_same_time(tmp_path: Path) -> None:
    """The second process's is an eighth shorter."""
    with Groups(tmp_path, "shop processes=2 threads=2 restart-interval=2") as server:
        lines = re.compile(r"\[\w+ (\w+ \d+ [\d:]+)(\.\d+) (\d+)\].*Application restart timer expired, stopping")

        def ends() -> list[float]:
            found = lines.findall(server.log_text())
            times = [strptime(f"{day} {year}", "%b %d %H:%M:%S %Y") for day, _, year in found]
            return [time.tm_yday * 86400 + time.tm_hour * 3600 + time.tm_min * 60 + time.tm_sec + float(part)
                    for time, (_, part, _) in zip(times, found, strict=True)]

        def are_apart() -> bool:
            times = ends()
            return any(times[at + 1] - times[at] > 0.1 for at in range(0, len(times) - 1, 2))
        wait_for(are_apart, what="processes that end at different times")
        assert server.get("/shop?head").status == 200
