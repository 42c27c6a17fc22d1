"""mod_wsgi.request_metrics() and its family: what this process has done, from the counters that the engine keeps."""

import os
import resource
import time
from importlib import import_module
from typing import Any

_engine: Any = import_module("mod_wsgi")

_PHASES = ("server", "queue", "daemon", "application", "request", "input_read", "output_write", "gil_wait")
_ONLY_DAEMON = ("queue", "daemon")
_MICRO = 1e-6


def start_recording_metrics() -> None:
    """Begin to count requests; nothing if it has begun."""
    _engine._start_metrics()


def request_metrics() -> dict[str, Any] | None:
    """What happened since the last call, or since start_recording_metrics(); None before that."""
    raw = _engine._metrics(True)
    if raw is None:
        return None
    now, usage = time.time(), resource.getrusage(resource.RUSAGE_SELF)
    start = raw["start"] * _MICRO
    period = max(now - start, _MICRO)
    user, system = usage.ru_utime - raw["user"] * _MICRO, usage.ru_stime - raw["system"] * _MICRO
    slots = raw["slots"]
    busy = [slot[2] * _MICRO for slot in slots]
    elapsed = [max(now - slot[5] * _MICRO, 0.0) if slot[5] else 0.0 for slot in slots]
    threads = max(_engine.threads_per_process, len(slots))
    completed = [slot[1] for slot in slots]
    # What still runs has been busy too, for its part of this interval.
    working = sum(busy) + sum(min(part, period) for part in elapsed)
    metrics: dict[str, Any] = {
        "pid": os.getpid(), "start_time": start, "stop_time": now, "sample_period": period,
        "request_count": raw["requests"], "request_throughput": raw["requests"] / period,
        "request_threads_maximum": threads, "request_threads_started": len(slots),
        "request_threads_active": sum(slot[1] > 0 or slot[5] > 0 for slot in slots),
        "capacity_utilization": min(working / (threads * period), 1.0),
        "request_threads_completed": completed, "request_threads_buckets": completed,
        "request_threads_busy_time": busy, "request_threads_cpu_time": [slot[3] * _MICRO for slot in slots],
        "request_threads_current_elapsed": elapsed,
        "request_threads_max_duration": [slot[4] * _MICRO for slot in slots],
        "gil_wait_count": raw["gil_wait_count"], "input_bytes": raw["input_bytes"], "input_reads": raw["input_reads"],
        "output_bytes": raw["output_bytes"], "output_writes": raw["output_writes"],
        "cpu_user_utilization": user / period, "cpu_system_utilization": system / period,
        "cpu_utilization": (user + system) / period,
        "cpu_user_time": user / period, "cpu_system_time": system / period, "cpu_time": (user + system) / period,
        "memory_rss": _resident(), "memory_max_rss": usage.ru_maxrss * 1024,
    }
    for number, count in enumerate(raw["status"], 1):
        metrics[f"status_{number}xx"] = count
    for phase in _PHASES:
        count, total, least, most, buckets = raw[phase]
        absent = phase in _ONLY_DAEMON and not count
        metrics[f"{phase}_time"] = None if absent else total * _MICRO / count if count else 0.0
        metrics[f"{phase}_time_min_us"] = least if count else None
        metrics[f"{phase}_time_max_us"] = most if count else None
        metrics[f"{phase}_time_buckets"] = buckets
    return metrics


def process_metrics() -> dict[str, Any] | None:
    """Totals of this process since start_recording_metrics(); None before that."""
    raw = _engine._metrics(False)
    if raw is None:
        return None
    start, requests, busy = _engine._metrics_totals()
    now, usage = time.time(), resource.getrusage(resource.RUSAGE_SELF)
    return {
        "pid": os.getpid(), "restart_time": start * _MICRO, "current_time": now, "running_time": now - start * _MICRO,
        "request_count": requests, "request_busy_time": busy * _MICRO,
        "request_threads": _engine.threads_per_process, "active_requests": raw["active"],
        "cpu_user_time": usage.ru_utime, "cpu_system_time": usage.ru_stime,
        "cpu_time": usage.ru_utime + usage.ru_stime,
        "memory_rss": _resident(), "memory_max_rss": usage.ru_maxrss * 1024,
        "threads": [{"thread_id": number, "request_count": slot[0]} for number, slot in enumerate(raw["slots"], 1)],
    }


def _resident() -> int:
    """Bytes of memory that this process has now; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as stream:
            return int(stream.read().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0
