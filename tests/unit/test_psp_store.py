"""Compiled pages on disk: what is trusted, and for which Python; the command that compiles (spec: library, 5.4)."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mod_python import _psp_store, psp
from mod_python._psp_pages import compiled_file

TREE = Path(__file__).resolve().parents[2]


def facts(mode: int, owner: int) -> os.stat_result:
    return os.stat_result((0o100000 | mode, 0, 0, 1, owner, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(("compiled", "source", "trusted"), [
    ((0o644, 500), (0o644, 500), True),
    ((0o644, 0), (0o644, 500), True),
    ((0o644, os.geteuid()), (0o644, 500), True),
    ((0o644, 501), (0o644, 500), False),
    ((0o644, 501), (0o666, 500), False),
    ((0o664, 500), (0o644, 500), False),
    ((0o646, 500), (0o644, 500), False),
    ((0o664, 500), (0o664, 500), True),
])
def test_who_may_have_written_it(compiled: tuple[int, int], source: tuple[int, int], trusted: bool) -> None:
    assert (_psp_store._distrusted(facts(*compiled), facts(*source)) is None) is trusted


def test_data_is_for_one_python_and_one_format(tmp_path: Path) -> None:
    (tmp_path / "page.psp").write_text("text")
    data = _psp_store.dump(compiled_file(str(tmp_path / "page.psp")))
    assert importlib.util.MAGIC_NUMBER in data[:30]
    assert _psp_store.load(data, str(tmp_path / "page.psp")) is not None
    assert _psp_store.load(b"x" + data[1:], "/page.psp") is None
    for broken in (data[:-1], data[:40], data + b"x", data[:-1] + bytes([data[-1] ^ 1])):
        with pytest.raises(ValueError, match="damaged"):
            _psp_store.load(broken, "/page.psp")


def test_a_compiled_file_is_never_older_than_its_page(tmp_path: Path) -> None:
    page = tmp_path / "page.psp"
    page.write_text("text")
    page.chmod(0o600)
    future = page.stat().st_mtime_ns + 10**15
    os.utime(page, ns=(future, future))
    compiled = Path(psp.compile_file(page))
    assert compiled == tmp_path / "page.psc"
    assert compiled.stat().st_mtime_ns == future and compiled.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == ["page.psc", "page.psp"]


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "mod_python.psp", *arguments], cwd=cwd, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(TREE / "python")})


def test_the_command_compiles_pages(tmp_path: Path) -> None:
    (tmp_path / "good.psp").write_text("<%= 1 %>")
    (tmp_path / "bad.psp").write_text("\n<%= a b %>")
    done = command("good.psp", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path}/good.psc\n", "")
    done = command("bad.psp", "nothing.psp", "good.psp", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, f"{tmp_path}/good.psc\n")
    assert f'File "{tmp_path}/bad.psp", line 2\n' in done.stderr and "SyntaxError: " in done.stderr
    assert "nothing.psp: [Errno 2] No such file or directory" in done.stderr


def test_the_command_says_how_it_is_used(tmp_path: Path) -> None:
    assert command(cwd=tmp_path).returncode == command("--nonsense", cwd=tmp_path).returncode == 2
    done = command("--help", cwd=tmp_path)
    assert done.returncode == 0 and "usage: python -m mod_python.psp FILE ..." in done.stdout


def test_names_that_need_httpd_are_not_there_outside() -> None:
    with pytest.raises(ModuleNotFoundError, match="only inside httpd"):
        psp.apache  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        psp.nonsense  # noqa: B018
