"""The Python half without httpd: a stand-in for the C module, and an interpreter's worth of fresh mod_python."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import LONG_AGO, FakeHttpd, FakeServer, Write

PYTHON = Path(__file__).parents[2] / "python"
if str(PYTHON) not in sys.path:
    sys.path.insert(0, str(PYTHON))


@pytest.fixture
def clean_interpreter() -> Iterator[None]:
    """What a test imports, and does to `sys`, is gone afterwards."""
    modules, path, meta_path = dict(sys.modules), list(sys.path), list(sys.meta_path)
    streams = sys.argv, sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__
    for name in list(sys.modules):
        if name.partition(".")[0] == "mod_python":
            del sys.modules[name]
    yield
    (sys.argv, sys.stdin, sys.stdout, sys.stderr,  # type: ignore[misc]
     sys.__stdin__, sys.__stdout__, sys.__stderr__) = streams
    sys.path[:], sys.meta_path[:] = path, meta_path
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.modules.update(modules)


@pytest.fixture
def fake(clean_interpreter: None) -> FakeHttpd:
    """The stand-in for the C module."""
    sys.modules["_apache"] = fake = FakeHttpd()
    return fake


@pytest.fixture
def server(apache: Any) -> FakeServer:
    server: FakeServer = apache.main_server
    return server


@pytest.fixture
def apache(fake: FakeHttpd) -> Any:
    """mod_python.apache in an interpreter of its own, but for its streams."""
    module = importlib.import_module("mod_python.apache")
    stdout, stderr = sys.stdout, sys.stderr
    module.init("test", FakeServer(), (None, "", False, False, False, None))
    sys.stdout, sys.stderr = stdout, stderr
    return module


@pytest.fixture
def importer(apache: Any) -> Any:
    return importlib.import_module("mod_python.importer")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """write(name, source, version=1) writes a file below the test's directory, with the time stamp of a version."""
    def write(name: str, source: str, version: int = 1) -> str:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
        os.utime(file, ns=(LONG_AGO + version, LONG_AGO + version))
        return str(file)
    return write
