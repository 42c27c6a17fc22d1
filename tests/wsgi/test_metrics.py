"""mod_wsgi.request_metrics(), process_metrics(), server_metrics()."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from client import Response
from httpd import Httpd, at_once, wait_for
from wsgi_site import APP, value, wsgi_conf

MPMS = ("event", "prefork")
GROUP_OPTIONS = "server-metrics=On"
MODULES = ("env", "status")

CONF = wsgi_conf() + "ExtendedStatus On\nWSGIServerMetrics On\n"

FILES = {"htdocs/app.wsgi": APP + r'''
import mod_wsgi

def raw_call(environ, start_response):
    name = environ["QUERY_STRING"]
    return answer(start_response, getattr(mod_wsgi, name)())

def raw_work(environ, start_response):
    environ["wsgi.input"].read()
    end = time.thread_time() + 0.02
    while time.thread_time() < end:
        pass
    start_response(environ["QUERY_STRING"] + " Answer", [("Content-Type", "text/plain")])
    return [b"x" * 10000, b"y"]

def raw_none(environ, start_response):
    return []

started, go = threading.Event(), threading.Event()

def raw_waits(environ, start_response):
    started.set()
    assert go.wait(10)
    return answer(start_response, None)

def raw_meanwhile(environ, start_response):
    assert started.wait(10)
    value = mod_wsgi.process_metrics(), mod_wsgi.request_metrics()
    go.set()
    return answer(start_response, value)
'''}

PHASES = ("server", "queue", "daemon", "application", "request", "input_read", "output_write", "gil_wait")
REQUEST_KEYS = set("""
    pid start_time stop_time sample_period request_count request_throughput request_threads_maximum
    request_threads_started request_threads_active capacity_utilization request_threads_completed
    request_threads_buckets request_threads_busy_time request_threads_cpu_time request_threads_current_elapsed
    request_threads_max_duration gil_wait_count input_bytes input_reads output_bytes output_writes status_1xx status_2xx
    status_3xx status_4xx status_5xx cpu_user_utilization cpu_system_utilization cpu_utilization cpu_user_time
    cpu_system_time cpu_time memory_rss memory_max_rss""".split()) | {
        f"{phase}_time{what}" for phase in PHASES for what in ("", "_min_us", "_max_us", "_buckets")}
PROCESS_KEYS = set("""
    pid restart_time current_time running_time request_count request_busy_time request_threads active_requests
    cpu_user_time cpu_system_time cpu_time memory_rss memory_max_rss threads""".split())


def metrics(httpd: Httpd, name: str) -> Any:
    return value(httpd, f"raw_call?{name}")


class Connection:
    """One connection: a request on it begins when the one before is counted, which is after its answer."""

    def __init__(self, ask: Callable[..., Response]) -> None:
        self.ask = ask

    def metrics(self, name: str) -> Any:
        r = self.ask("GET", f"/app.wsgi/raw_call?{name}")
        assert r.status == 200, r.text
        return ast.literal_eval(r.text)


@pytest.fixture
def connection(httpd: Httpd) -> Iterator[Connection]:
    with httpd.session() as ask:
        yield Connection(ask)


def quiet(connection: Connection) -> int:
    """How many requests there were, when no other one runs."""
    def alone() -> Any:
        found = connection.metrics("process_metrics")
        return found["request_count"] if found["active_requests"] == 1 else None
    return int(wait_for(alone))


def test_there_are_none_before_they_are_started(connection: Connection) -> None:
    assert connection.metrics("request_metrics") is None
    assert connection.metrics("process_metrics") is None
    assert connection.metrics("start_recording_metrics") is None
    assert connection.metrics("start_recording_metrics") is None
    assert connection.metrics("request_metrics")["request_count"] >= 1


def test_an_interval_is_counted_and_reset(httpd: Httpd, connection: Connection) -> None:
    connection.metrics("start_recording_metrics")
    quiet(connection)
    connection.metrics("request_metrics")
    for status in (200, 204, 302, 404, 503):
        assert connection.ask("POST", f"/app.wsgi/raw_work?{status}", b"z" * 100).status == status
    assert connection.ask("GET", "/app.wsgi/raw_none").status == 500
    httpd.claim("MP0332[\\s\\S]*RuntimeError: start_response")
    found = connection.metrics("request_metrics")
    assert set(found) == REQUEST_KEYS
    count = 5 + 1 + 1       # and the call that began the interval
    assert found["request_count"] == count == sum(found[f"status_{n}xx"] for n in range(1, 6))
    assert (found["status_2xx"], found["status_3xx"], found["status_4xx"], found["status_5xx"]) == (3, 1, 1, 2)
    assert found["input_bytes"] == 500 and found["input_reads"] >= 5 and found["output_bytes"] >= 40004
    assert sum(found["request_threads_completed"]) == count
    assert found["request_threads_completed"] == found["request_threads_buckets"]
    assert 0.1 <= sum(found["request_threads_cpu_time"]) <= sum(found["request_threads_busy_time"]) + 0.05
    assert 0 < found["capacity_utilization"] <= 1 and 0.1 / found["sample_period"] <= found["cpu_utilization"] + 0.05
    assert found["request_throughput"] * found["sample_period"] - count < 1e-6
    if httpd.group:
        assert 0 <= found["queue_time"] <= 1 and 0 <= found["daemon_time"] <= 1 and found["queue_time_min_us"] >= 0
    else:
        assert found["queue_time"] is found["daemon_time"] is found["queue_time_min_us"] is None
    for phase in ("server", "application", "request", "input_read", "output_write", "gil_wait"):
        buckets = found[f"{phase}_time_buckets"]
        assert len(buckets) == 65 and sum(buckets) == count
        assert found[f"{phase}_time_min_us"] <= found[f"{phase}_time"] * 1e6 + 1 <= found[f"{phase}_time_max_us"] + 2
    assert sum(found["application_time_buckets"][17:]) >= 5, "20 ms are in the octave that begins at 16 ms"
    assert found["application_time_max_us"] >= 20000
    assert found["memory_max_rss"] >= found["memory_rss"] * 0.5 > 1000000
    again = connection.metrics("request_metrics")
    assert again["request_count"] == 1 and again["start_time"] >= found["stop_time"] - 0.01


def test_totals_go_on(httpd: Httpd, connection: Connection) -> None:
    connection.metrics("start_recording_metrics")
    quiet(connection)
    before = connection.metrics("process_metrics")
    connection.metrics("request_metrics")
    after = connection.metrics("process_metrics")
    assert set(before) == set(after) == PROCESS_KEYS
    assert after["request_count"] == before["request_count"] + 2
    assert after["active_requests"] == 1 and after["pid"] in httpd.application_pids()
    assert sum(thread["request_count"] for thread in after["threads"]) == after["request_count"]
    assert [thread["thread_id"] for thread in after["threads"]] == list(range(1, len(after["threads"]) + 1))


def test_what_runs_is_seen(httpd: Httpd) -> None:
    if httpd.mpm == "prefork":
        return
    metrics(httpd, "start_recording_metrics")
    _, (process, found) = at_once(2, lambda n: value(httpd, "raw_meanwhile" if n else "raw_waits"))
    assert process["active_requests"] == 2
    assert sum(elapsed > 0 for elapsed in found["request_threads_current_elapsed"]) == 2


def test_many_threads_count_exactly(httpd: Httpd) -> None:
    with httpd.session() as ask:
        Connection(ask).metrics("start_recording_metrics")
        before = quiet(Connection(ask))
    at_once(8, lambda n: [metrics(httpd, "process_metrics") for _ in range(20)])
    polls = 0

    def counted() -> bool:
        nonlocal polls
        polls += 1
        found = metrics(httpd, "process_metrics")
        return bool(found["active_requests"] == 1 and found["request_count"] == before + 160 + polls)
    wait_for(counted)


def test_the_scoreboard(httpd: Httpd) -> None:
    found = metrics(httpd, "server_metrics")
    assert set(found) == {"server_limit", "thread_limit", "running_generation", "restart_time", "current_time",
                          "running_time", "processes"}
    assert len(found["processes"]) == found["server_limit"]
    process = next(process for process in found["processes"] if process["pid"] in httpd.child_pids())
    assert set(process) == {"process_num", "pid", "generation", "quiescing", "workers"}
    assert len(process["workers"]) == found["thread_limit"]
    assert set(process["workers"][0]) == {"thread_num", "generation", "status", "access_count", "bytes_served",
                                          "start_time", "stop_time", "last_used", "client", "request", "vhost"}
    busy = [worker for worker in process["workers"] if worker["status"] == "W"]
    assert busy and any("GET /app.wsgi/raw_call?server_metrics" in worker["request"] for worker in busy)
