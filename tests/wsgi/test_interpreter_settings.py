"""Settings of interpreters and of CPython: WSGIPythonPath and the like, <WSGIInterpreterOptions> (spec: WSGI directives
7). They hold for all interpreters, whoever runs in them: a handler of mod_python's in a child, or a WSGI application in
a process group."""

from pathlib import Path

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd, engine_file, engine_version

# In a process group, an application asks the same functions.
ASKS = """
from types import SimpleNamespace
import cases

def application(environ, start_response):
    value = getattr(cases, environ["PATH_INFO"][1:])(SimpleNamespace(args=environ["QUERY_STRING"]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(value).encode()]
"""
ASKS_CONF = """
    WSGIScriptAlias /case "${root}/site/app.wsgi"
    WSGIApplicationGroup localhost
    <Directory "${root}/site">
        Require all granted
    </Directory>
"""
SITES = {"site/app.wsgi": ASKS, "base/base.pth": "../more\nimport sys; sys.from_pth = 1\n", "more/x.py": "",
         "first/x.py": "", "app/x.py": "", "never/x.py": ""}
FILES = {"cases.py": CASES + r"""
import os, signal, sys

def path(req):
    root = os.path.dirname(__file__) + "/"
    return [entry.removeprefix(root) for entry in sys.path if entry.startswith(root)] + [hasattr(sys, "from_pth")]

def streams(req):
    def use(stream):
        return [raised(getattr, stream, "encoding"), raised(setattr, stream, "x", 1), type(stream).__module__ + "." +
                type(stream).__name__]
    return [use(sys.stdin), use(sys.stdout), sys.stdin.read() if "stdin" in (req.args or "") else None]

other = streams

def signals(req):
    def handler(*args):
        pass
    before = signal.getsignal(signal.SIGUSR1)
    return [signal.signal(signal.SIGUSR1, handler) is handler, signal.getsignal(signal.SIGUSR1) == before]

def plain_signals(req):
    return raised(signal.signal, signal.SIGUSR1, signal.SIG_IGN)

def forked(req):
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            os.write(write, str(signal.getsignal(signal.SIGUSR1)).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    return os.read(read, 100).decode()

def start(req):
    return [sys.flags.optimize, sys.flags.dont_write_bytecode, sys.flags.hash_randomization, hash("mod_python"),
            sys.warnoptions, os.environ.get("PYTHON_EGG_CACHE"), sys.getswitchinterval()]

start_main = start
"""}


RESTRICTED = ("OSError", "{} access restricted by mod_wsgi")


both_modes = pytest.mark.parametrize("process_group", ["", "shop"], ids=["embedded", "daemon"])


def serve(directory: Path, conf: str, process_group: str = "", options: str = "") -> Httpd:
    return Httpd(directory, conf + (ASKS_CONF if process_group else CASES_CONF), {**FILES, **SITES},
                 group=process_group, group_options=options)


def interpreter(path: str, name: str) -> str:
    """Whoever answers there runs in that interpreter."""
    return (f"<Location {path}>\nPythonInterpreter {name}\nWSGIApplicationGroup "
            f"{name if name != 'main_interpreter' else '%{GLOBAL}'}\n</Location>\n")


@both_modes
def test_directories_come_first_and_the_most_specific_before_the_others(tmp_path: Path, process_group: str) -> None:
    conf = """
        <WSGIInterpreterOptions application-group=localhost>
            WSGIPythonPath "${root}/app"
        </WSGIInterpreterOptions>
        <WSGIInterpreterOptions process-group=${group}>
            WSGIPythonPath "${root}/first:${root}/nowhere"
        </WSGIInterpreterOptions>
        <WSGIInterpreterOptions process-group=other application-group=localhost>
            WSGIPythonPath "${root}/never"
        </WSGIInterpreterOptions>
        WSGIPythonPath "${root}/%s"
    """
    # WSGIPythonPath is the base of embedded interpreters, python-path= that of a group's.
    with serve(tmp_path, conf % ("never" if process_group else "base"), process_group,
               'python-path="${root}/base"') as server:
        found = case(server, "path")
        # Two containers with one selector each are equals: the later one is in front.
        assert [entry for entry in found if entry in ("app", "first", "base", "more", True)] == \
            ["first", "app", "base", "more", True]
        assert "never" not in found


@both_modes
def test_streams_are_restricted_where_the_configuration_says_so(tmp_path: Path, process_group: str) -> None:
    conf = """
        WSGIRestrictStdin On
        <WSGIInterpreterOptions>
            WSGIRestrictStdout Off
        </WSGIInterpreterOptions>
        <WSGIInterpreterOptions application-group="localhost">
            WSGIRestrictStdin Off
            WSGIRestrictStdout On
        </WSGIInterpreterOptions>
    """
    free = [None, None]
    with serve(tmp_path, conf + interpreter("/case/other", "elsewhere"), process_group) as server:
        stdin, stdout, text = case(server, "streams?stdin")
        assert (stdin[:1], text) == (free[:1], "")
        error = RESTRICTED[0], RESTRICTED[1].format("sys.stdout")
        assert stdout == [error, error, "mod_wsgi.Restricted"]
        stdin, stdout, text = case(server, "other")
        error = RESTRICTED[0], RESTRICTED[1].format("sys.stdin")
        assert stdin == [error, error, "mod_wsgi.Restricted"]
        assert stdout[0] is None


@both_modes
def test_signals_are_httpds(tmp_path: Path, process_group: str) -> None:
    with serve(tmp_path, interpreter("/case/forked", "main_interpreter"), process_group) as server:
        assert case(server, "forked") == "1"            # SIG_IGN
        assert case(server, "signals") == [True, True]
        server.claim(r"MP0361: signal.signal\(<Signals.SIGUSR1: \d+>, ...\) registers nothing")
        assert "cases.py" in server.log_text()


@both_modes
def test_signals_can_be_let_through(tmp_path: Path, process_group: str) -> None:
    with serve(tmp_path, "WSGIRestrictSignal Off\n", process_group) as server:
        assert case(server, "plain_signals")[0] == "ValueError"     # CPython's own word


@both_modes
def test_how_cpython_starts(tmp_path: Path, process_group: str) -> None:
    conf = """
        WSGIPythonOptimize 1
        WSGIDontWriteBytecode On
        WSGIPythonHashSeed 5
        WSGIPythonWarnings ignore::DeprecationWarning
        WSGIPythonWarnings error::SyntaxWarning
        WSGIPythonEggs "${root}/%s"
        WSGISwitchInterval %s
        WSGIDestroyInterpreter Off
    """ % (("never", "0.75") if process_group else ("more", "0.25"))         # a group has options for these
    found = []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        with serve(tmp_path / str(number), conf, process_group,
                   'python-eggs="${root}/more" switch-interval=0.25') as server:
            found.append(case(server, "start"))
        assert found[-1].pop(5) == str(tmp_path / str(number) / "more")
    assert found[0] == found[1]
    assert found[0][:3] == [1, 1, 1]
    assert found[0][4:] == [["ignore::DeprecationWarning", "error::SyntaxWarning"], 0.25]


@both_modes
def test_a_random_hash_seed_is_random(tmp_path: Path, process_group: str) -> None:
    found = set()
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        with serve(tmp_path / str(number), "WSGIPythonHashSeed random\n", process_group) as server:
            found.add(case(server, "start")[3])
    assert len(found) == 2


@both_modes
def test_an_own_gil_by_the_wsgi_directive(tmp_path: Path, process_group: str) -> None:
    conf = """
        <WSGIInterpreterOptions application-group=localhost>
            WSGIPerInterpreterGIL On
            WSGISwitchInterval 0.125
        </WSGIInterpreterOptions>
        PythonInterpreterOptions * gil=shared
    """
    with serve(tmp_path, conf + interpreter("/case/start_main", "main_interpreter"), process_group) as server:
        if engine_version(engine_file())[:2] < (3, 13):
            server.claim("MP0221: <WSGIInterpreterOptions: a GIL of its own needs Python 3.13")
            return
        assert case(server, "start")[6] == 0.125
        assert case(server, "start_main")[6] == 0.005


@pytest.mark.parametrize(("conf", "message"), [
    ("WSGIRestrictStdin Maybe", "must be one of: Off | On"),
    ("WSGIPerInterpreterGIL 1", "must be one of: Off | On"),
    ("WSGISwitchInterval 0", "'0' is no number of seconds above 0; write WSGISwitchInterval 0.005 or the like"),
    ("WSGISwitchInterval 5ms", "is no number of seconds above 0"),
    ("WSGISwitchInterval inf", "is no number of seconds above 0"),
    ("WSGIPythonPath lib:/srv", "WSGIPythonPath: 'lib' is a relative path; write absolute directories"),
    ("WSGIPythonOptimize x", "WSGIPythonOptimize must be 0, 1 or 2, not 'x'"),
    ("WSGIPythonOptimize 12", "WSGIPythonOptimize must be 0, 1 or 2, not '12'"),
    ("WSGIPythonHashSeed 4294967296", "must be 'random' or a whole number from 0 to 4294967295"),
    ("WSGIPythonHashSeed -1", "must be 'random' or a whole number"),
    ("WSGIPythonEggs eggs", "write the directory from / on"),
    ("<WSGIInterpreterOptions foo=1>\n</WSGIInterpreterOptions>",
     "unknown selector 'foo', expected process-group or application-group"),
    ("<WSGIInterpreterOptions process-group=a process-group=b>\n</WSGIInterpreterOptions>", "given more than once"),
    ("<WSGIInterpreterOptions process-group=a\n</WSGIInterpreterOptions>", "missing closing '>'"),
    ("<WSGIInterpreterOptions>\nWSGIPythonOptimize 1\n</WSGIInterpreterOptions>",
     "WSGIPythonOptimize says nothing about a single interpreter; write it outside of <WSGIInterpreterOptions>"),
    ("<WSGIInterpreterOptions>\nServerAdmin x\n</WSGIInterpreterOptions>", "ServerAdmin says nothing about"),
    ("<VirtualHost *>\nWSGIRestrictStdout On\n</VirtualHost>", "cannot occur within <VirtualHost> section"),
    ("<VirtualHost *>\n<WSGIInterpreterOptions>\n</WSGIInterpreterOptions>\n</VirtualHost>",
     "cannot occur within <VirtualHost> section"),
])
def test_what_is_wrong_stops_the_configuration(tmp_path: Path, conf: str, message: str) -> None:
    status, output = Httpd(tmp_path, "").configtest(conf)
    assert status != 0
    assert message in output


def test_free_threading_has_no_effect_and_says_so(tmp_path: Path) -> None:
    status, output = Httpd(tmp_path, "").configtest("WSGIFreeThreading On\n")
    assert status == 0
    assert "MP0360: WSGIFreeThreading On has no effect" in output


@both_modes
def test_an_interval_for_a_shared_gil_has_no_effect_and_says_so(tmp_path: Path, process_group: str) -> None:
    conf = """
        <WSGIInterpreterOptions application-group=localhost>
            WSGISwitchInterval 0.5
        </WSGIInterpreterOptions>
    """
    with serve(tmp_path, conf, process_group) as server:
        assert case(server, "start")[6] == 0.005
        server.claim("MP0362: WSGISwitchInterval has no effect for interpreter 'localhost'")
