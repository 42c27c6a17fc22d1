"""The demo site for tests: each server has a copy of examples/, so that pages can be edited."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

FILES = {
    f"examples/{file.relative_to(EXAMPLES)}": file.read_bytes()
    for file in EXAMPLES.rglob("*")
    if file.is_file() and file.suffix in {".py", ".conf", ".css", ".psp"}
}
CONF = """
    Define EXAMPLES "${root}/examples"
    Define WORK "${root}/run"
    Include "${EXAMPLES}/demo.conf"
"""
