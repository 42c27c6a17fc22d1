"""What the tree promises as a whole: no process-wide Python objects; every name that users meet is documented."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("MP_BUILD", TREE / "build"))
SOURCES = [*(TREE / "src").rglob("*.c"), *(TREE / "src").rglob("*.h")]

# The C data of a process. Each is explained where it is defined; none is or holds a Python object but by its owner's
# reference, in the interpreter that it belongs to.
PROCESS_WIDE = {
    "bound", "end", "end_of_thread", "ending", "guests", "house", "ids", "last", "lock", "me", "metrics",
    "mp_api_register_cleanup", "mp_host", "my_number", "own_gil_imports", "process_lock", "seating", "serving",
    "stacks", "thread_number", "threads_seen", "turns", "warned",
}


@pytest.mark.parametrize("engine", sorted(BUILD.glob("mod_python_engine.*.so")), ids=lambda path: path.name)
def test_an_engine_has_no_other_process_wide_variables(engine: Path) -> None:
    symbols = subprocess.run(["nm", engine], capture_output=True, text=True, check=True).stdout
    variables = {line.split()[2].partition(".")[0] for line in symbols.splitlines() if re.search(r" [bB] ", line)}
    ours = {name for name in variables if not name.startswith(("completed", "__asan", "__odr_asan", "_GLOBAL_"))}
    assert ours <= PROCESS_WIDE


def test_no_source_defines_a_static_type_or_object() -> None:
    pattern = re.compile(r"^\s*static\s+(?:PyObject\s*\*\s*\w+\s*[;=]|PyTypeObject\b(?!\s*\*))|PyGILState_", re.M)
    without_comments = {path.name: re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL) for path in SOURCES}
    found = {name: pattern.findall(text) for name, text in without_comments.items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_every_message_is_explained() -> None:
    sources = [*SOURCES, *(TREE / "python").rglob("*.py")]
    logged = {code for path in sources for code in re.findall(r'"(MP0\d{3})', path.read_text())}
    headings = " ".join(re.findall(r"^## (.*)", (TREE / "docs/errors.md").read_text(), re.M))
    explained = set(re.findall(r"MP0\d{3}", headings))
    assert logged and logged == explained


def test_every_directive_is_documented_and_tested() -> None:
    rows = r'(?:AP_INIT_\w+|HANDLER|EARLY_HANDLER|DIR_FLAG|PROCESS_FLAG|SCRIPT|IGNORED)\("(\w+)"'
    tables = "".join(path.read_text() for path in (TREE / "src/config").glob("*_directives.c"))
    directives = set(re.findall(rows, tables))
    documented = (TREE / "docs/directives.md").read_text()
    tested = "".join(path.read_text() for path in (TREE / "tests").rglob("*.py") if path.parent.name != "unit")
    assert directives and {name for name in directives if not re.search(rf"\b{name}\b", documented)} == set()
    assert {name for name in directives if not re.search(rf"\b{name}\b", tested)} == set()
