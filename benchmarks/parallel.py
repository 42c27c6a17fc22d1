#!/usr/bin/env python3
"""Two CPU-bound requests at once in one child process: in two interpreters with their own GIL, and in two that share.

Prints wall times (medians of alternating rounds) and their ratios. Needs an engine for CPython 3.13 or later, and two
processor cores to show anything.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import httpd
from httpd import Httpd, at_once

WORK = """from mod_python import apache

def handler(req):
    count = 0
    for number in range(int(req.args)):
        count += number & 1
    req.write(f"{count}\\n", 0)
    return apache.OK
"""
PAIRS = {"shared": ("shared-1", "shared-2"), "own": ("own-1", "own-2")}
SECTION = """
PythonInterpreterOptions {name} gil={gil}
<Location "/{name}">
    SetHandler mod_python
    PythonHandler work
    PythonInterpreter {name}
</Location>
"""
CONF = "PythonPath \"['${root}'] + sys.path\"" + "".join(
    SECTION.format(name=name, gil=gil) for gil, names in PAIRS.items() for name in names
)


def wall_time(server: Httpd, names: Sequence[str], steps: int) -> float:
    """Seconds until all of the requests, sent at once, are answered."""

    def ask(index: int) -> None:
        answer = server.get(f"/{names[index]}?{steps}")
        if answer.status != 200:
            raise RuntimeError(f"status {answer.status}: {server.log_text()[-2000:]}")

    start = time.perf_counter()
    at_once(len(names), ask)
    return time.perf_counter() - start


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=7, help="(default %(default)s)")
    options.add_argument(
        "--seconds", type=float, default=0.5, help="about how long one request alone computes (default %(default)s)"
    )
    options.add_argument("--engine", default="313", metavar="TAG", help="the engine's Python (default %(default)s)")
    chosen = options.parse_args()
    httpd.TAG = chosen.engine
    engine = httpd.engine_file()
    assert engine is not None
    if httpd.engine_version(engine) < (3, 13):
        sys.exit("an interpreter can have a GIL of its own from CPython 3.13 on: --engine 313, say")
    if (os.cpu_count() or 1) < 2:
        sys.exit("with one processor core nothing runs in parallel")

    times: dict[str, list[float]] = {"alone": [], "shared": [], "own": []}
    with (
        tempfile.TemporaryDirectory(prefix="mod_python-parallel-") as directory,
        Httpd(Path(directory), CONF, {"work.py": WORK}, children=1, threads=8) as server,
    ):
        for names in PAIRS.values():  # births, imports and caches
            wall_time(server, names, 1_000_000)
        steps = int(1_000_000 * chosen.seconds / wall_time(server, ["shared-1"], 1_000_000))
        for _ in range(chosen.rounds):
            times["alone"].append(wall_time(server, ["shared-1"], steps))
            for pair, names in PAIRS.items():
                times[pair].append(wall_time(server, names, steps))

    middle = {name: median(values) for name, values in times.items()}
    print(f"{'one request alone':<28} {middle['alone']:6.2f} s   1.00")
    print(f"{'two, sharing a GIL':<28} {middle['shared']:6.2f} s   {middle['shared'] / middle['alone']:.2f}")
    print(f"{'two, each with its own GIL':<28} {middle['own']:6.2f} s   {middle['own'] / middle['alone']:.2f}")
    print(f"own to shared: {middle['own'] / middle['shared']:.2f} (1 is no gain, 0.5 is two cores in full use)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
