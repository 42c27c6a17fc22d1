"""mod_python.version: what it says is true, in a source tree and where it was installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mod_python
import pytest
from httpd import BUILD, TREE, apxs, httpd_program
from mod_python import _httpd


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A fresh mod_python.version; sys.modules is left as it was."""
    monkeypatch.delitem(sys.modules, "mod_python.version")
    import mod_python.version as fresh
    monkeypatch.setattr(mod_python, "version", fresh)
    return fresh


def test_a_source_tree_says_what_is_there(version: Any) -> None:
    assert version.version == mod_python.mp_version
    assert httpd_program() == version.HTTPD and os.path.isfile(version.HTTPD)
    assert os.path.isfile(f"{version.LIBEXECDIR}/mod_dir.so")
    assert os.path.isdir(version.SYSCONFDIR)
    assert str(TREE / "tests") == version.TESTHOME
    assert sys.executable == version.PYTHON_BIN
    assert version.HTTPD_VERSION.startswith("2.4.")
    said = subprocess.run([version.HTTPD, "-v"], capture_output=True, text=True, check=True).stdout
    assert f"Apache/{version.HTTPD_VERSION} " in said
    said = subprocess.run([apxs("APR_CONFIG"), "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"{version.APR_VERSION}\n"


@pytest.mark.skipif(BUILD != TREE / "build", reason="the build under test is another one than the tree's own")
def test_a_source_tree_names_its_module(version: Any) -> None:
    assert str(BUILD / "mod_python.so") == version.TEST_MOD_PYTHON_SO
    assert os.path.isfile(version.TEST_MOD_PYTHON_SO)


def test_an_installed_package_says_what_was_noted(
        version: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "mod_python"
    package.mkdir(parents=True)
    (package / "_build.json").write_text(json.dumps({"HTTPD": "/opt/httpd", "HTTPD_VERSION": "2.4.9"}))
    monkeypatch.setattr(_httpd, "PACKAGE", package)
    monkeypatch.setenv("APXS", "/none/apxs")
    assert (version.HTTPD, version.HTTPD_VERSION, version.TESTHOME) == ("/opt/httpd", "2.4.9", "")


def test_the_note_has_all_that_apxs_knows() -> None:
    command = [sys.executable, "-m", "mod_python._httpd", os.environ.get("MP_APXS") or _httpd.find_apxs()]
    note = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert note["HTTPD"] == httpd_program()
    assert {name: note[name] for name in note.keys() - {"HTTPD"}} == {
        name: apxs(name) for name in ("HTTPD_VERSION", "APR_VERSION", "LIBEXECDIR", "SYSCONFDIR")}


def test_without_apxs_it_says_what_to_do(version: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APXS", raising=False)
    monkeypatch.setenv("PATH", "/none")
    assert not hasattr(version, "HTTPD")
    with pytest.raises(AttributeError, match=r"HTTPD_VERSION is not known: .*install apache2-dev"):
        _ = version.HTTPD_VERSION
    with pytest.raises(AttributeError, match="no attribute 'HTTPD_VERSIONS'"):
        _ = version.HTTPD_VERSIONS


def test_all_names_come_with_a_star() -> None:
    script = "from mod_python.version import *; print(sorted(set(dir()) - {n for n in dir() if n[:2] == '__'}))"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == str(["APR_VERSION", "HTTPD", "HTTPD_VERSION", "LIBEXECDIR", "PYTHON_BIN", "SYSCONFDIR", "TESTHOME",
                        "TEST_MOD_PYTHON_SO", "version"]) + "\n"


def test_python22_has_nothing() -> None:
    names: dict[str, object] = {}
    exec("from mod_python.python22 import *", names)
    assert names.keys() == {"__builtins__"}
