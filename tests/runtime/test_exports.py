"""The functions that mod_python offers to other modules of httpd, called by one (mod_exports.c) that is built here."""

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpd import TREE, Httpd, apxs, at_once, engine_file, engine_files, engine_version, linked_libraries

CONF = """
    PythonInterpreterOptions own gil=own
    <Location /exports>
        SetHandler exports
        PythonInterpreter one
        PythonFixupHandler guest
        PythonLogHandler guest
    </Location>
    <Location /python>
        SetHandler mod_python
        PythonInterpreter two
        PythonHandler guest
    </Location>
"""

MPMS = ("event", "prefork")
ENGINE = engine_file() or engine_files()[0]

GUEST = """
import ctypes
from mod_python import apache

LIBRARY = @LIBRARY@

def fixuphandler(req):
    req.seen = ["fixup"]
    return apache.OK

def name(req, server, connection):
    assert server is req.server and connection is req.connection
    return req.interpreter

def write(req, server, connection):
    req.seen = getattr(req, "seen", []) + ["called by C"]
    req.content_type = "text/plain"
    req.write("%s %s %s" % (req.interpreter, req.uri, server.port))
    return "written"

def loghandler(req):
    req.log_error("seen: %s" % ", ".join(req.seen), apache.APLOG_NOTICE)
    return apache.OK

def handler(req):
    'In a handler: the functions nest, but what began outside of it can not be ended in it.'
    library = ctypes.PyDLL(LIBRARY)
    if req.args == "outer":
        library.exports_release()
    library.exports_acquire(b"two")
    library.exports_release()
    req.write("%s, " % req.interpreter)
    return apache.OK
"""


def python_flags(engine: Path) -> list[str]:
    """How to compile and link against the engine's own CPython."""
    libpython = next(Path(path) for name, path in linked_libraries(engine).items() if name.startswith("libpython"))
    version = ".".join(map(str, engine_version(engine)[:2]))
    program = next(parent / "bin" / f"python{version}" for parent in libpython.parents
                   if (parent / "bin" / f"python{version}").exists())
    include = subprocess.run([program, "-c", "import sysconfig; print(sysconfig.get_path('include'))"],
                             capture_output=True, text=True, check=True).stdout.strip()
    return [f"-I{include}", str(libpython), f"-Wl,-rpath,{libpython.parent}"]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("module") / "mod_exports.so"
    apr = subprocess.run([apxs("APR_CONFIG"), "--includes"], capture_output=True, text=True, check=True).stdout
    compiler = [*shlex.split(apxs("CC")), *shlex.split(apxs("EXTRA_CPPFLAGS")), "-Wall", "-Werror", "-fPIC"]
    subprocess.run([*compiler, "-shared", f"-I{TREE / 'src'}", "-isystem", apxs("INCLUDEDIR"), *apr.split(),
                    TREE / "tests/runtime/mod_exports.c", "-o", file,
                    *python_flags(ENGINE)], check=True)
    return file


def server(directory: Path, library: Path, conf: str = CONF, mpm: str = "event", python: bool = True) -> Httpd:
    engine = f'PythonEngine "{ENGINE}"\n' if python and not engine_file() else ""
    return Httpd(directory, f"LoadModule exports_module {library}\n{engine}{conf}",
                 {"guest.py": GUEST.replace("@LIBRARY@", repr(str(library)))}, mpm=mpm, python=python)


@pytest.fixture(scope="module")
def httpd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, library: Path) -> Iterator[Httpd]:
    with server(tmp_path_factory.mktemp("httpd"), library, mpm=request.param) as running:
        yield running


@pytest.mark.parametrize(("name", "interpreter"), [("", "main_interpreter"), ("main_interpreter", "main_interpreter"),
                                                   ("one", "one"), ("own", "own"), ("never-seen", "never-seen")])
def test_a_module_of_httpd_calls_python_in_an_interpreter(httpd: Httpd, name: str, interpreter: str) -> None:
    for _ in range(3):
        assert httpd.get(f"/exports?name={name}").text == interpreter


def test_the_objects_are_those_of_the_handlers(httpd: Httpd) -> None:
    assert httpd.get("/exports/x?write=one").text == f"one /exports/x {httpd.port}"
    httpd.claim("seen: fixup, called by C")


def test_visits_nest(httpd: Httpd) -> None:
    assert httpd.get("/exports?nest").text == "one, own own, own main_interpreter, one"


def test_a_python_handler_runs_below_a_module_that_is_in_an_interpreter(httpd: Httpd) -> None:
    assert httpd.get("/exports?subrequest=/python").text == "two, one"


def test_what_began_outside_of_a_handler_is_not_ended_in_it(httpd: Httpd) -> None:
    assert httpd.get("/exports?subrequest=/python?outer").text == "two, one"
    httpd.claim("MP0230: mp_release_interpreter.. was called where the interpreter can't be given back")


def test_calls_without_an_interpreter_do_nothing(httpd: Httpd) -> None:
    assert httpd.get("/exports?refuse").text == "nothing was given"
    httpd.claim("MP0230: mp_release_interpreter.. was called by a thread that has no interpreter")
    httpd.claim("MP0230: mp_acquire_interpreter.. was called with an empty name")
    httpd.claim("MP0230: .* the thread is detached; the call is ignored")
    httpd.claim("MP0230: mp_release_interpreter.. was called by a thread that has no interpreter")
    assert httpd.get("/exports?name=one").text == "one"


def test_an_exception_that_is_left_is_logged_and_gone(httpd: Httpd) -> None:
    assert httpd.get("/exports?raise").text == "one"
    httpd.claim_failure("a call by another module of httpd", "AttributeError: module 'guest' has no attribute", "one")


def test_a_thread_that_ends_in_an_interpreter_gives_it_back(httpd: Httpd) -> None:
    assert httpd.get("/exports?forget").text == "acquired, one"


def test_many_threads_may_call(httpd: Httpd) -> None:
    names = ["one", "own", "main_interpreter", "other"] * 6
    assert at_once(24, lambda index: httpd.get(f"/exports?name={names[index]}").text) == names


def test_there_is_nothing_in_the_parent(httpd: Httpd) -> None:
    httpd.claim("exports: there; in the parent: nothing")


def test_there_is_nothing_in_a_child_without_python(tmp_path: Path, library: Path) -> None:
    """The engine's stamp is right, but its libpython is gone: children can't load it."""
    libpython = next(name for name in linked_libraries(ENGINE) if name.startswith("libpython")).encode()
    broken = tmp_path / "broken.so"
    broken.write_bytes(ENGINE.read_bytes().replace(libpython, b"libnothon" + libpython[9:]))
    conf = f'PythonEngine "{broken}"\n<Location />\nSetHandler exports\n</Location>\n'
    with server(tmp_path, library, conf) as running:
        assert running.get("/?name=one").text == "none"
        assert running.get("/?name=").text == "none"
        running.claim("MP0200: the engine .* can't be loaded")


def test_there_is_nothing_without_mod_python(tmp_path: Path, library: Path) -> None:
    with server(tmp_path, library, "", python=False) as running:
        running.claim("exports: not there; in the parent: nothing")
