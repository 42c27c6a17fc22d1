"""Which Python: engines, prefixes, virtual environments, PYTHONPATH and PATH."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from cases import CASES, CASES_CONF, case
from httpd import BUILD, Httpd, engine_file, engine_files, engine_version, linked_libraries

FILES = {"cases.py": CASES + """
import sys

def where(req):
    return [sys.prefix, sys.base_prefix, sys.version_info[:3], sys.path]

def venv_module(req):
    import only_in_venv
    return only_in_venv.__file__

def neighbour(req):
    import from_environment
    return from_environment.value
"""}


def pythons() -> list[Path]:
    """A Python program for every engine that was built, found through its libpython."""
    programs = []
    for engine in engine_files():
        version = ".".join(map(str, engine_version(engine)[:2]))
        libpython = next(path for name, path in linked_libraries(engine).items() if name.startswith("libpython"))
        beside = (prefix / "bin" / f"python{version}" for prefix in Path(libpython).parents)
        programs += [program for program in beside if program.exists()][:1]
    return programs


def engine_of(program: Path) -> Path:
    found = engine_file(program.name.removeprefix("python").replace(".", ""))
    assert found
    return found


@pytest.mark.parametrize("program", pythons(), ids=str)
def test_a_virtual_environment_is_used_with_the_engine_of_its_version(tmp_path: Path, program: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([program, "-m", "venv", "--without-pip", venv], check=True)
    site = next(venv.glob("lib/python3*/site-packages"))
    (site / "only_in_venv.py").write_text("")
    with Httpd(tmp_path, f'PythonEngine "{BUILD}"\nPythonHome "{venv}"\n' + CASES_CONF, FILES) as server:
        prefix, _, version, _ = case(server, "where")
        assert prefix == str(venv)
        assert version == engine_version(engine_of(program))
        assert case(server, "venv_module") == str(site / "only_in_venv.py")


@pytest.mark.parametrize("program", pythons(), ids=str)
@pytest.mark.parametrize("directive", ["PythonHome", "WSGIPythonHome"])
def test_a_prefix_is_used_with_the_engine_of_its_version(tmp_path: Path, program: Path, directive: str) -> None:
    prefix = subprocess.run([program, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True,
                            check=True).stdout.strip()
    lines = f'PythonEngine "{engine_of(program)}"\n{directive} "{prefix}"\n'
    with Httpd(tmp_path, lines + CASES_CONF, FILES) as server:
        assert case(server, "where")[0] == prefix


def test_an_engine_finds_its_own_prefix_whatever_path_says(tmp_path: Path) -> None:
    """PATH is where other Pythons stand; libpython's own prefix counts."""
    decoy = tmp_path / "decoy"
    decoy.mkdir()
    (decoy / "python3").symlink_to(sys.executable)
    (decoy / "python").symlink_to(sys.executable)
    with Httpd(tmp_path, CASES_CONF, FILES, environment={"PATH": str(decoy)}) as server:
        prefix, base, version, path = case(server, "where")
        assert version == server.python_version()
        (library,) = [Path(line.split()[-1]) for child in server.child_pids()
                      for line in Path(f"/proc/{child}/maps").read_text().splitlines()
                      if re.search(r"/libpython3\.\d+", line) and " r-xp " in line]
        assert prefix == base and library.is_relative_to(prefix)
        assert f"{prefix}/lib/python{version[0]}.{version[1]}" in path


def test_a_venv_of_a_version_without_engine_is_refused_with_a_way_out(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    venv.mkdir()
    (venv / "pyvenv.cfg").write_text("home = /opt/python3.50/bin\nversion = 3.50.1\n")
    status, output = Httpd(tmp_path).configtest(f'PythonHome "{venv}"')
    assert status != 0
    for word in ("PythonHome", "3.50", "mod_python_engine.cpython-", "configure --with-python"):
        assert word in output, output


def test_an_engine_of_another_build_is_refused(tmp_path: Path) -> None:
    engine = engine_file() or engine_files()[0]
    stamp = b"mod_python engine: seam="
    (tmp_path / "other.so").write_bytes(engine.read_bytes().replace(stamp, stamp + b"9"))
    status, output = Httpd(tmp_path).configtest(f'PythonEngine "{tmp_path}/other.so"')
    assert status != 0 and f"{tmp_path}/other.so belongs to another version" in output and "make" in output


def test_pythonpath_of_the_environment_is_honoured(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "from_environment.py").write_text("value = 'found'\n")
    with Httpd(tmp_path, CASES_CONF, FILES, environment={"PYTHONPATH": f"{tmp_path}:{tmp_path}/more"}) as server:
        assert case(server, "neighbour") == "found"


def test_the_server_text_names_both(tmp_path: Path) -> None:
    with Httpd(tmp_path, CASES_CONF, FILES) as server:
        assert re.search(r"mod_python/\d\S* Python/3\.\d+\.\d+", server.get("/case/where").headers["Server"])


def test_a_process_without_its_engine_says_so_and_serves_the_rest(tmp_path: Path) -> None:
    """The engine's stamp is right, but its libpython is gone: children can't load it."""
    engine = engine_file() or engine_files()[0]
    copy = tmp_path / "broken.so"
    data = bytearray(engine.read_bytes())
    library = next(name for name in linked_libraries(engine) if name.startswith("libpython")).encode()
    copy.write_bytes(bytes(data).replace(library, b"libnothon" + library[9:]))
    server = Httpd(tmp_path, f'PythonEngine "{copy}"\n' + CASES_CONF, {**FILES, "htdocs/page.txt": "static"})
    with server:
        assert server.get("/page.txt").body == b"static"
        assert server.get("/case/where").status == 500
        server.claim(r"MP0200: the engine .* can't be loaded")
        server.claim(r"MP0210: PythonHandler can't run")
