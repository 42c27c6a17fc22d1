"""1,100 graceful restarts of an httpd with process groups: nothing may be left, and the parent may not grow.

    MP_BUILD=build PYTHONPATH=python:tests:tests/daemon python benchmarks/graceful_groups.py [restarts]

Prints the parent's memory and descriptors, the processes of the server and its sockets, every 100 restarts.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from pathlib import Path

from fake import Groups
from httpd import processes, wait_for


def facts(server: Groups) -> str:
    memory = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
    return (f"rss {memory and memory[1]} KiB, {len(os.listdir(f'/proc/{server.pid}/fd'))} descriptors, "
            f"{sum(session == server.pid for _, _, session, _ in processes())} processes, "
            f"{len(list((server.root / 'run').rglob('*.sock')))} sockets")


def main(restarts: int) -> None:
    with tempfile.TemporaryDirectory() as directory, Groups(Path(directory), "shop processes=2 threads=4") as server:
        print(f"{0:5}: {facts(server)}", flush=True)
        for number in range(1, restarts + 1):
            server.signal(signal.SIGUSR1)
            wait_for(lambda number=number: server._starts() > number)     # type: ignore[misc]
            if number % 100 == 0 or number == restarts:
                wait_for(lambda: len(list((server.root / "run").rglob("*.sock"))) == 1)
                print(f"{number:5}: {facts(server)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1100)
