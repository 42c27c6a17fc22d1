"""tests/databases.py: what is not installed is no success in CI, and no failure elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

import databases
import pytest


@pytest.mark.parametrize("ci", ["true", ""])
def test_what_is_missing_fails_in_ci_and_is_skipped_elsewhere(ci: str, monkeypatch: pytest.MonkeyPatch,
                                                              tmp_path: Path) -> None:
    outcome = pytest.fail.Exception if ci else pytest.skip.Exception
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(databases.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(outcome, match="redis-server is not installed"):
        databases.Redis(tmp_path)
    with pytest.raises(outcome, match="the Python package psycopg is not installed"):
        databases.library("psycopg")
