"""threads=0: a group's scripts are services, on the main thread of their process, ended by SIGTERM."""

from __future__ import annotations

import ast
import os
import re
import signal
import time
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from httpd import Httpd, wait_for

SCRIPT = r"""
import atexit, os, signal, subprocess, sys, threading, time
import mod_wsgi

def tell(*what):
    with open(__file__ + ".told", "a") as stream:
        stream.write(repr((os.getpid(), time.monotonic(), *what)) + "\n")

atexit.register(tell, "atexit")

def begin():
    tell("begin", threading.current_thread() is threading.main_thread(), threading.current_thread().name,
         mod_wsgi.process_group, signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL, __name__[:10])
"""
LOOP = SCRIPT + """
try:
    begin()
    while True:
        time.sleep(1)
finally:
    tell("finally")
"""


def conf(options: str = "", scripts: str = "one", group: str = "%{GLOBAL}") -> str:
    lines = [f"WSGIDaemonProcess task threads=0 {options}"]
    lines += [f'WSGIImportScript "${{root}}/{name}.py" process-group=task application-group={group}'
              for name in scripts.split()]
    return "\n".join(lines) + "\n"


def told(directory: Path, name: str = "one") -> list[tuple[Any, ...]]:
    file = directory / f"{name}.py.told"
    return [ast.literal_eval(line) for line in file.read_text().splitlines()] if file.exists() else []


def began(directory: Path, count: int = 1, name: str = "one") -> list[tuple[Any, ...]]:
    return wait_for(lambda: (lambda rows: rows if len(rows) >= count else None)(
        [row for row in told(directory, name) if row[2] == "begin"]), what="the service to begin")


def is_over(directory: Path, pid: int, name: str = "one") -> bool:
    return [row[2] for row in told(directory, name) if row[0] == pid] == ["begin", "finally", "atexit"]


@pytest.mark.parametrize("group", ["%{GLOBAL}", "other"])
def test_stop_ends_a_loop_at_once(tmp_path: Path, group: str) -> None:
    with Httpd(tmp_path, conf(group=group), {"one.py": LOOP}) as server:
        [row] = began(tmp_path)
        assert row[3:6] == (True, "MainThread", "task") and row[7] == "_mod_wsgi_"
        server.end()
        assert is_over(tmp_path, row[0])
        assert "MP0422" not in server.log_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_it_starts_again(tmp_path: Path, number: int) -> None:
    with Httpd(tmp_path, conf(), {"one.py": LOOP}) as server:
        [row] = began(tmp_path)
        os.kill(row[0], number)
        second = began(tmp_path, 2)[1]
        assert is_over(tmp_path, row[0]) and second[0] != row[0] and second[1] - row[1] >= 0.9
        server.claim("MP0455: the scripts of process 'task'")


@pytest.mark.parametrize("graceful", [True, False])
def test_restarts_end_it_and_start_another(tmp_path: Path, graceful: bool) -> None:
    with Httpd(tmp_path, conf(), {"one.py": LOOP}) as server:
        [row] = began(tmp_path)
        if graceful:
            server.signal(signal.SIGUSR1)
        else:
            server.restart()
        assert began(tmp_path, 2)[1][0] != row[0]
        wait_for(lambda: is_over(tmp_path, row[0]))


def test_a_service_is_never_there_twice(tmp_path: Path) -> None:
    slow = LOOP.replace('tell("finally")', 'time.sleep(0.5); tell("finally")')
    with Httpd(tmp_path, conf("restart-interval=0.8"), {"one.py": slow}):
        began(tmp_path, 3)
        lives = [(pid, [row[2] for row in rows]) for pid, rows in groupby(told(tmp_path), lambda row: row[0])]
        assert len(lives) == len({pid for pid, _ in lives}) >= 3        # nobody speaks between another one's words
        assert all(words[-1] == "atexit" for _, words in lives[:-1])


def test_shutdown_timeout_bounds_its_end(tmp_path: Path) -> None:
    stubborn = SCRIPT + "while True:\n    try:\n        begin()\n        time.sleep(60)\n    except SystemExit:\n" \
                        "        tell('no')\n"
    with Httpd(tmp_path, conf("shutdown-timeout=1"), {"one.py": stubborn}) as server:
        assert len(began(tmp_path)) == 1
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)     # type: ignore[union-attr]
        server.process.wait(20)                        # type: ignore[union-attr]
        assert time.monotonic() - start < 10
        server.claim("MP0422: Shutdown timeout expired; aborting daemon process 'task'.")
        assert [row[2] for row in told(tmp_path)] == ["begin", "no", "begin"]


def test_one_that_fails_is_logged_and_starts_again_with_growing_pauses(tmp_path: Path) -> None:
    failing = SCRIPT + "begin()\nraise LookupError('the service')\n"
    with Httpd(tmp_path, conf(), {"one.py": failing}) as server:
        rows = began(tmp_path, 3)
        for _ in range(3):
            server.claim_failure(f"service {tmp_path}/one.py", "LookupError: the service")
        assert rows[1][1] - rows[0][1] > 0.9 and rows[2][1] - rows[1][1] > 1.8
        pauses = re.findall(r"MP0455: the scripts of process 'task' .* start again in (\d+) second", server.log_text())
        assert pauses[:2] == ["1", "2"]


def test_scripts_run_one_after_the_other(tmp_path: Path) -> None:
    scripts = {"one.py": SCRIPT + "begin()\n", "two.py": SCRIPT + "begin()\nsys.exit(3)\n", "three.py": LOOP}
    with Httpd(tmp_path, conf(scripts="one two three"), scripts) as server:
        [row] = began(tmp_path, name="three")
        assert [told(tmp_path, name)[0][0] for name in ("one", "two")] == [row[0], row[0]]
        server.end()
        assert is_over(tmp_path, row[0], "three")
        assert "Traceback" not in server.log_text()


def test_the_end_leaves_out_the_scripts_that_follow(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf(scripts="one two"), {"one.py": LOOP, "two.py": SCRIPT + "begin()\n"}) as server:
        [row] = began(tmp_path)
        server.end()
        assert is_over(tmp_path, row[0]) and not told(tmp_path, "two")


def test_signals_are_the_services_own(tmp_path: Path) -> None:
    """signal.signal() is not restricted; what it starts has no signals blocked."""
    script = SCRIPT + r"""
signal.signal(signal.SIGALRM, lambda number, frame: (tell("alarm"), alarm.append(1)))
signal.signal(signal.SIGTERM, lambda number, frame: (tell("mine"), sys.exit()))
alarm = []
signal.setitimer(signal.ITIMER_REAL, 0.05)
while not alarm:
    time.sleep(0.01)
child = subprocess.run([sys.executable, "-c", "print([line.split()[1] for line in open('/proc/self/status')"
                        " if line.startswith('SigBlk')][0])"], capture_output=True, text=True)
tell("blocked", child.stdout.strip())
while True:
    signal.pause()
"""
    with Httpd(tmp_path, conf(), {"one.py": script}) as server:
        wait_for(lambda: any(row[2] == "blocked" for row in told(tmp_path)))
        server.end()
        assert [row[2:] for row in told(tmp_path)] == [("alarm",), ("blocked", "0" * 16), ("mine",), ("atexit",)]


def test_threads_and_prints_of_a_service(tmp_path: Path) -> None:
    script = SCRIPT + r"""
done = threading.Event()
worker = threading.Thread(target=lambda: (done.wait(), tell("worker")))
worker.start()
try:
    begin()
    print("the service speaks")
    while True:
        time.sleep(1)
finally:
    done.set()
    worker.join()
"""
    with Httpd(tmp_path, conf(), {"one.py": script}) as server:
        began(tmp_path)
        server.claim("the service speaks")
        server.end()
        assert [row[2] for row in told(tmp_path)] == ["begin", "worker", "atexit"]


def test_what_a_service_forks_ends_with_its_script(tmp_path: Path) -> None:
    forks = "child = os.fork()\nif not child:\n    sys.exit()\ntell(os.waitpid(child, 0)[1])\n"
    script = LOOP.replace("try:", forks + "try:", 1)
    with Httpd(tmp_path, conf(), {"one.py": script}) as server:
        began(tmp_path)
        server.claim("MP0465")
        server.end()
        assert [row[2] for row in told(tmp_path)] == [256, "begin", "finally", "atexit"]


def test_requests_to_such_a_group_are_refused(tmp_path: Path) -> None:
    more = 'WSGIScriptAlias /task "${root}/one.py" process-group=task\n<Directory "${root}">\nRequire all granted\n' \
           "</Directory>\n"
    with Httpd(tmp_path, conf() + more, {"one.py": LOOP}) as server:
        assert server.get("/task").status == 500
        server.claim("MP0432")
