"""An engine without Python (fake_engine.c), and configurations whose groups run it.

A request `/GROUP?words` is answered by group GROUP; the words, with + between them, are what its application does, such
as head+say=hello.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from client import Response
from httpd import BUILD, TREE, Httpd, apxs, meanwhile, sanitizer, wait_for


@lru_cache
def fake_engine(python: str = "3.13.0", place: str = "fake") -> Path:
    """The engine's file, built for this run, for a Python of that version, in a directory of the build's."""
    directory = BUILD / place
    directory.mkdir(exist_ok=True)
    minor = python.split(".")[1]
    file = directory / f"mod_python_engine.cpython-3{minor}.so"
    own = f"{file}.{os.getpid()}"
    apr = subprocess.run(["apr-1-config", "--includes", "--cppflags"], check=True, capture_output=True, text=True)
    flags = ["-fsanitize=address,undefined"] if sanitizer() else []
    subprocess.run(["gcc", "-shared", "-fPIC", "-g", "-Wall", "-DMP_ENGINE", f'-DFAKE_PYTHON="{python}"', *flags,
                    f"-I{TREE / 'src'}", f"-I{apxs('INCLUDEDIR')}", *apr.stdout.split(),
                    str(TREE / "tests/daemon/fake_engine.c"), "-o", own], check=True)
    os.replace(own, file)       # other workers do the same, and have loaded it
    return file


def location(path: str, group: str | None = None) -> str:
    return f"""
        <Location /{path}>
            SetHandler wsgi-script
            Options +ExecCGI
            WSGIProcessGroup {group or path}
            WSGIApplicationGroup %{{GLOBAL}}
            WSGIChunkedRequest On
        </Location>
    """


def groups(*lines: str, trial: bool = True) -> str:
    """Configuration with these groups, given as what follows WSGIDaemonProcess."""
    conf = [f"LoadModule python_module {BUILD / 'mod_python.so'}", f"PythonEngine {fake_engine().parent}"]
    for line in lines:
        conf.append(f"WSGIDaemonProcess {line}")
        if trial:
            conf.append(location(line.split()[0]))
    return "\n".join(conf)


class Bare(Httpd):
    """A server whose configuration loads the module itself."""

    def python_lines(self) -> str:
        return ""


class Groups(Bare):
    """A server with process groups and the fake engine."""

    def __init__(self, directory: Path, *lines: str, conf: str = "", **options: Any) -> None:
        modules = ["env", *options.pop("modules", ())]
        files = {**{f"htdocs/{line.split()[0]}": "" for line in lines}, **options.pop("files", {})}
        super().__init__(directory, groups(*lines) + "\n" + conf, files, modules=modules, **options)

    def ready(self, count: int = 1) -> Groups:
        """Waits until so many processes have been ready since the start."""
        wait_for(lambda: self.log_text().count("is ready") >= count, what="processes to be ready")
        return self

    def pid_of(self, group: str) -> int:
        return int(self.get(f"/{group}?head").headers["X-Pid"])

    def started(self, group: str) -> list[int]:
        """The processes of the group that have been ready, in order."""
        return [int(pid) for pid in re.findall(rf"Process '{group}' \(pid=(\d+)\) is ready", self.log_text())]

    @contextmanager
    def asking(self, words: str, group: str = "shop") -> Iterator[list[Response]]:
        """A request that runs meanwhile: it has begun when this begins, and its answer is there afterwards."""
        with meanwhile(lambda: self.get(f"/{group}?log=it-began+{words}")) as answers:
            self.claim("] it-began")
            yield answers


def ok(response: Response) -> bool:
    return response.status == 200


def status_of(pid: int) -> dict[str, str]:
    """What the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
