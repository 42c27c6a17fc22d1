"""The command `mod_python`: what it prints, and how it refuses."""

import subprocess
import sys
from pathlib import Path

import pytest
from mod_python import _command, _library
from mod_python.version import version

ENGINE = f"mod_python_engine.cpython-{sys.version_info.major}{sys.version_info.minor}.so"


def package_with(tmp_path: Path, *libraries: str) -> Path:
    package = tmp_path / "site-packages" / "mod_python"
    package.mkdir(parents=True)
    for name in libraries:
        (package / name).touch()
    return package


@pytest.fixture
def no_venv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/usr")
    monkeypatch.setattr(sys, "base_prefix", "/usr")


@pytest.mark.usefixtures("no_venv")
def test_module_config_names_the_library_in_the_package(tmp_path: Path) -> None:
    package = package_with(tmp_path, "mod_python.so", ENGINE)
    assert list(_library.module_config(package)) == [f'LoadModule python_module "{package}/mod_python.so"']


@pytest.mark.usefixtures("no_venv")
def test_module_config_names_the_library_that_make_install_put_in_place(tmp_path: Path) -> None:
    package = package_with(tmp_path)
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "mod_python.so").touch()
    (modules / ENGINE).touch()
    (package / "_installed_module.txt").write_text(f"{modules}/mod_python.so\n")
    assert list(_library.module_config(package)) == [f'LoadModule python_module "{modules}/mod_python.so"']


def test_module_config_names_the_virtual_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/srv/my venv")
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    package = package_with(tmp_path, "mod_python.so", ENGINE)
    assert list(_library.module_config(package))[1:] == ['PythonHome "/srv/my venv"']


@pytest.mark.usefixtures("no_venv")
def test_module_config_chooses_this_python_among_several_engines(tmp_path: Path) -> None:
    package = package_with(tmp_path, "mod_python.so", ENGINE, "mod_python_engine.cpython-399.so")
    assert list(_library.module_config(package))[1:] == ['PythonHome "/usr"']


def test_module_config_quotes_what_httpd_would_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", 'a"b\\c')
    package = package_with(tmp_path, "mod_python.so", ENGINE)
    assert list(_library.module_config(package))[1:] == [r'PythonHome "a\"b\\c"']


@pytest.mark.parametrize(
    ("libraries", "says"),
    [([], "make install"), (["mod_python.so"], "has no engine for Python")],
    ids=["no module", "no engine"],
)
def test_module_config_says_what_is_missing(tmp_path: Path, libraries: list[str], says: str) -> None:
    with pytest.raises(FileNotFoundError, match=says):
        list(_library.module_config(package_with(tmp_path, *libraries)))


def test_what_is_missing_goes_to_standard_error_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> list[str]:
        raise FileNotFoundError("no mod_python.so")

    monkeypatch.setattr(_library, "module_config", missing)
    assert _command.main(["module-config"]) == 1
    assert capsys.readouterr() == ("", "mod_python module-config: no mod_python.so\n")


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["module-config", "--nonsense"], ["module-config", "extra"]])
def test_usage_errors_end_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        _command.main(arguments)
    assert end.value.code == 2
    assert "usage: mod_python" in capsys.readouterr().err


def test_the_command_runs_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "mod_python", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"mod_python {version}\n"
