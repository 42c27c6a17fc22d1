"""What subscribers in a group's processes hear: why the process ends, signals, and when a request came to it."""

from __future__ import annotations

import ast
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from httpd import Httpd, meanwhile, wait_for

SCRIPT = r"""
import atexit, os, sys, threading, time
import mod_wsgi

HOME = os.path.dirname(__file__)
WHERE = mod_wsgi.application_group or "main"

def tell(*what):
    with open(os.path.join(HOME, "told"), "a") as stream:
        stream.write(repr((os.getpid(), WHERE, *what)) + "\n")

def on_event(name, **event):
    if name.startswith("process"):
        tell(name, {key: value for key, value in event.items()})
    if name == "request_finished":
        tell(name, [event[key] for key in ("request_start", "queue_start", "daemon_start", "application_start",
                                           "application_finish")], event["thread_id"])

def on_shutdown(name, **event):
    tell("shutdown", name, event["shutdown_reason"])

def on_signal(name, **event):
    tell("signal", name, event)

mod_wsgi.subscribe_events(on_event)
mod_wsgi.subscribe_shutdown(on_shutdown)
mod_wsgi.subscribe_signals(on_signal)
atexit.register(tell, "atexit")

def application(environ, start_response):
    name = environ["PATH_INFO"].split("/")[1]
    return globals()[name](environ, start_response)

def text(start_response, value):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(value).encode()]

def pid(environ, start_response):
    return text(start_response, os.getpid())

def slow(environ, start_response):
    tell("slow began")
    time.sleep(1.5)
    tell("slow ends")
    return text(start_response, os.getpid())

def burn(environ, start_response):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        sum(range(1000))
    return text(start_response, os.getpid())

def facts(environ, start_response):
    mod_wsgi.start_recording_metrics()
    metrics = mod_wsgi.request_metrics()
    return text(start_response, [mod_wsgi.maximum_processes, mod_wsgi.threads_per_process,
                                 metrics["request_threads_maximum"], environ["mod_wsgi.thread_id"]])
"""
PERMISSION = '<Directory "${root}">\nRequire all granted\n</Directory>\n'


def conf(group: str) -> str:
    return f"""
        WSGIDaemonProcess shop {group}
        WSGIScriptAlias /shop "${{root}}/app.wsgi" process-group=shop application-group=%{{GLOBAL}}
        WSGIScriptAlias /sub "${{root}}/app.wsgi" process-group=shop application-group=sub
    """ + PERMISSION


def told(server: Httpd, pid: int) -> list[tuple[Any, ...]]:
    file = server.root / "told"
    rows = [ast.literal_eval(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [row[1:] for row in rows if row[0] == pid]


def pid_at(server: Httpd, url: str = "/shop") -> int:
    answer = server.get(f"{url}/pid")
    assert answer.status == 200
    return int(answer.text)


def ended(server: Httpd, pid: int) -> list[tuple[Any, ...]]:
    """All that the process told, when it is gone."""
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), what="the process to end")
    return told(server, pid)


def reasons(rows: list[tuple[Any, ...]]) -> set[str]:
    return {row[2]["shutdown_reason"] for row in rows if row[1] == "process_stopping"} | \
        {row[3] for row in rows if row[1] == "shutdown"}


def test_all_interpreters_hear_the_reason_before_atexit(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf("threads=2"), {"app.wsgi": SCRIPT}) as server:
        pid = pid_at(server)
        os.kill(pid, signal.SIGTERM)
        rows = ended(server, pid)
        for where in ("main", "sub"):
            mine = [row[1] for row in rows if row[0] == where and row[1] != "request_finished"]
            assert mine == ["process_stopping", "shutdown", "atexit"]
        assert reasons(rows) == {"shutdown_signal"}
        for phrase in ("Shutdown requested for daemon process 'shop'.", "Stopping process 'shop'.",
                       "Exiting daemon process 'shop'."):
            assert phrase in server.log_text()


CASES = {
    "maximum_requests": ("threads=2 maximum-requests=1", "Maximum requests reached; "),
    "restart_interval": ("threads=2 restart-interval=0.7",
                         "Application restart timer expired, stopping process 'shop'."),
    "inactivity_timeout": ("threads=2 inactivity-timeout=0.5",
                           "Daemon process idle inactivity timer expired, stopping process 'shop'."),
}


@pytest.mark.parametrize("reason", list(CASES))
def test_timers_and_counters_are_reasons(tmp_path: Path, reason: str) -> None:
    group, phrase = CASES[reason]
    with Httpd(tmp_path, conf(group), {"app.wsgi": SCRIPT}) as server:
        assert reasons(ended(server, pid_at(server))) == {reason}
        assert phrase in server.log_text()


@pytest.mark.parametrize(("eviction", "reason"), [("", "graceful_signal"), ("eviction-timeout=3", "eviction_signal")])
def test_sigusr1_lets_requests_finish_first(tmp_path: Path, eviction: str, reason: str) -> None:
    with Httpd(tmp_path, conf(f"threads=2 {eviction}"), {"app.wsgi": SCRIPT}) as server:
        pid = pid_at(server)
        with meanwhile(lambda: server.get("/shop/slow").text) as answers:
            wait_for(lambda: ("main", "slow began") in told(server, pid))
            os.kill(pid, signal.SIGUSR1)
        rows = ended(server, pid)
        assert answers == [str(pid)] and reasons(rows) == {reason}
        names = [row[1] for row in rows if row[0] == "main"]
        assert names.index("slow ends") < names.index("process_stopping")


def test_sigterm_tells_subscribers_while_requests_finish(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf("threads=2"), {"app.wsgi": SCRIPT}) as server:
        pid = pid_at(server)
        with meanwhile(lambda: server.get("/shop/slow").text) as answers:
            wait_for(lambda: ("main", "slow began") in told(server, pid))
            os.kill(pid, signal.SIGTERM)
        rows = ended(server, pid)
        assert answers == [str(pid)]
        names = [row[1] for row in rows if row[0] == "main"]
        assert names.index("process_stopping") < names.index("slow ends") < names.index("atexit")


def test_a_restart_and_a_changed_script_are_reasons(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf("threads=2"), {"app.wsgi": SCRIPT}) as server:
        pid = pid_at(server)
        server.write("app.wsgi", SCRIPT + "\n")
        assert pid_at(server) != pid
        assert reasons(ended(server, pid)) == {"script_reload"}
        pid = pid_at(server)
        server.signal(signal.SIGUSR1)
        wait_for(lambda: server._starts() > 1)
        assert reasons(ended(server, pid)) == {"graceful_signal"}
        pid = pid_at(server)
        server.restart()
        assert reasons(ended(server, pid)) == {"shutdown_signal"}


def test_request_timeout_is_a_reason(tmp_path: Path) -> None:
    slow = SCRIPT.replace("time.sleep(1.5)", "time.sleep(4)")
    with Httpd(tmp_path, conf("threads=2 request-timeout=1.5 shutdown-timeout=5"), {"app.wsgi": slow}) as server:
        pid = pid_at(server)
        assert server.get("/shop/slow").status == 200       # it ends within shutdown-timeout
        server.claim("MP0418")
        assert reasons(ended(server, pid)) == {"request_timeout"}


def test_startup_timeout_is_a_reason(tmp_path: Path) -> None:
    """For who is there already: scripts that are imported do not count as an application's start."""
    more = ('WSGIImportScript "${root}/app.wsgi" process-group=shop application-group=%{GLOBAL}\n'
            'WSGIScriptAlias /fails "${root}/fails.wsgi" process-group=shop application-group=%{RESOURCE}\n')
    files = {"app.wsgi": SCRIPT + "tell('imported')\n", "fails.wsgi": "raise LookupError('it fails')\n"}
    with Httpd(tmp_path, conf("threads=2 startup-timeout=2") + more, files) as server:
        assert server.get("/fails").status == 500
        server.claim_failure(f"loading WSGI script '{tmp_path}/fails.wsgi'", "LookupError: it fails")
        server.claim("MP0420: no application could be loaded in process 'shop'")
        first = ast.literal_eval((tmp_path / "told").read_text().splitlines()[0])
        assert first[1:] == ("main", "imported")
        assert reasons(ended(server, first[0])) == {"startup_timeout"}


def test_cpu_time_is_a_reason(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf("threads=2 cpu-time-limit=1 graceful-timeout=0.1 shutdown-timeout=1"),
               {"app.wsgi": SCRIPT}) as server:
        pid = pid_at(server)
        assert server.get("/shop/burn").status == 502
        server.claim("MP0439")
        server.claim("CPU time limit reached, stopping process 'shop'")
        assert reasons(ended(server, pid)) == {"cpu_time_limit"}


def test_a_lost_supervisor_is_a_reason(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf("threads=2"), {"app.wsgi": SCRIPT}) as server:
        pid = pid_at(server)
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGKILL)
        server.claim("MP0408")
        assert reasons(ended(server, pid)) == {"signal_pipe_error"}
        assert pid_at(server) != pid


def test_signals_are_events_and_the_process_goes_on(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf("threads=2"), {"app.wsgi": SCRIPT}) as server:
        pid = pid_at(server)
        for number in (signal.SIGHUP, signal.SIGUSR2):
            os.kill(pid, number)
            facts = {"signum": int(number), "signame": number.name}
            for where in ("main", "sub"):
                wait_for(lambda where=where, facts=facts: (where, "process_signal", facts) in told(server, pid) and
                         (where, "signal", "process_signal", facts) in told(server, pid))
        assert pid_at(server) == pid
        assert "MP0377" not in server.log_text()


def test_times_and_sizes_are_the_groups(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf("processes=2 threads=3"), {"app.wsgi": SCRIPT}) as server:
        processes, threads, slots, thread = ast.literal_eval(server.get("/shop/facts").text)
        assert (processes, threads, slots) == (2, 3, 3) and 1 <= thread <= 3
        rows = wait_for(lambda: [row for row in map(ast.literal_eval, (tmp_path / "told").read_text().splitlines())
                                 if row[2] == "request_finished"])
        times, thread = rows[0][3:]
        assert times == sorted(times) and all(time > 1e9 for time in times) and 1 <= thread <= 3


def test_a_request_knows_how_often_it_was_handed_over(tmp_path: Path) -> None:
    script = SCRIPT + r"""
def on_start(name, **event):
    if name == "request_started":
        tell(name, event["daemon_connects"], event["daemon_restarts"])
mod_wsgi.subscribe_events(on_start)
"""
    def handed_over(server: Httpd, pid: int) -> list[tuple[int, int]]:
        return [row[2:] for row in told(server, pid) if row[1] == "request_started"]

    with Httpd(tmp_path, conf("threads=2"), {"app.wsgi": script}) as server:
        old = pid_at(server)
        assert handed_over(server, old) == [(1, 0)]
        server.write("app.wsgi", script + "\n")
        [(connects, restarts)] = handed_over(server, pid_at(server))
        assert connects > restarts >= 1
        server.claim("MP0413: Forcing restart of daemon process 'shop'")


def test_a_subscriber_that_does_not_come_back_is_left_behind(tmp_path: Path) -> None:
    stuck = SCRIPT + "\nif WHERE == 'sub':\n    mod_wsgi.subscribe_shutdown(lambda name, **event: time.sleep(60))\n"
    with Httpd(tmp_path, conf("threads=2 shutdown-timeout=15"), {"app.wsgi": stuck}) as server:
        pid = pid_at(server)
        os.kill(pid, signal.SIGTERM)
        rows = ended(server, pid)
        assert reasons(rows) == {"shutdown_signal"} and ("main", "atexit") in rows
        server.claim("MP0453: subscribers of the process's end")
