"""What Python code finds around it: sys, streams, logging, signals, threads (spec: API, section 10)."""

from cases import CASES, CASES_CONF, case
from httpd import Httpd, wait_for

MPMS = ("event", "worker", "prefork")
ENVIRONMENT = {"MP_TEST_VARIABLE": "from the environment", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}

CONF = CASES_CONF.replace("PythonDebug On", "PythonDebug On\n        PythonInterpreter cases") + """
    <Location /main>
        SetHandler mod_python
        PythonInterpreter main_interpreter
        PythonHandler cases::signals
    </Location>
"""

FILES = {"cases.py": CASES + """
import io, logging, os, signal, subprocess, sys, threading, warnings

def system(req):
    return [sys.argv, sys.stdin.read(), os.environ["MP_TEST_VARIABLE"], sys.version_info[:3]]

def stdin(req):
    return [isinstance(sys.stdin, io.TextIOBase), sys.stdin.readline(), sys.stdin.buffer.read(), list(sys.stdin),
            raised(input)[0], sys.stdin.isatty()]

def main_module(req):
    import __main__
    return sorted(vars(__main__))

def flags(req):
    return [sys.flags.dont_write_bytecode, sys.flags.hash_randomization, sys.flags.ignore_environment, "site" in
            sys.modules, any(path.endswith(("site-packages", "dist-packages")) for path in sys.path)]

def signal_sets():
    "What this process ignores and catches, as the kernel has it."
    with open("/proc/self/status") as status:
        sets = dict(line.split(":", 1) for line in status)
    return [int(sets[name], 16) for name in ("SigIgn", "SigCgt")]

def registrations(req):
    before = signal_sets()
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGALRM, signal.SIGPIPE)
    attempts = [raised(signal.signal, number, handler) for number in numbers
                for handler in (signal.SIG_IGN, signal.SIG_DFL, system)]
    attempts.append(raised(signal.set_wakeup_fd, -1))
    assert signal_sets() == before
    assert before[0] >> signal.SIGPIPE - 1 & 1, "SIGPIPE is ignored"
    return [[error and error[0] for error in attempts],
            signal.getsignal(signal.SIGINT) is signal.default_int_handler]

def prints(req):
    print("printed to stdout")
    print("printed to", "stderr", file=sys.stderr)
    sys.stderr.write("in ")
    sys.stderr.write("pieces\\n")
    sys.stdout.write("without an end")
    sys.stdout.flush()
    logging.getLogger("shop").warning("logged %s", "warning")
    warnings.warn("a warning of Python's")
    return "answer"

def odd_prints(req):
    print("odd \\u20ac \\udce9 \\x07 %s %n")
    sys.stdout.write("")
    return [sys.stdout.writable(), sys.stdout.readable(), raised(sys.stdout.write, b"x")[0]]

def signals(req):
    outcome = []
    before = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        outcome.append("set" if signal.getsignal(signal.SIGTERM) == signal.SIG_IGN else "ignored")
    except ValueError:
        outcome.append("ValueError")
    req.write(repr(outcome))
    return apache.OK

def started_thread(req):
    def work():
        print("hello from a thread of mine")
        done.set()
    done = threading.Event()
    threading.Thread(target=work, name="mine").start()
    return done.wait(10)

def raising_thread(req):
    def work():
        raise LookupError("in my own thread")
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return thread.is_alive()

def kept_in_thread(req):
    result = []
    def work():
        result.append(req.uri)
        try:
            req.headers_out["X-Thread"] = "set"
        except Exception as error:
            result.append(repr(error))
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return result

def child_process(req):
    return subprocess.run(["/bin/echo", "hi"], capture_output=True, text=True).stdout

def modules(req):
    import _apache, decimal, hashlib, json, sqlite3, zlib
    connection = sqlite3.connect(":memory:")
    return connection.execute("select 1 + 1").fetchone()[0]
"""}


def test_sys_is_that_of_an_embedded_python(httpd: Httpd) -> None:
    argv, stdin, variable, version = case(httpd, "system")
    assert (argv, stdin, variable) == (["mod_python"], "", "from the environment")
    assert version == httpd.python_version()


def test_standard_input_is_empty(httpd: Httpd) -> None:
    assert case(httpd, "stdin") == [True, "", b"", [], "EOFError", False]


def test_main_has_the_standard_names_only(httpd: Httpd) -> None:
    names = case(httpd, "main_module")
    assert set(names) <= {"__name__", "__doc__", "__package__", "__loader__", "__spec__", "__annotations__",
                          "__builtins__"}
    assert "__name__" in names


def test_pythons_own_environment_variables_count(httpd: Httpd) -> None:
    assert case(httpd, "flags") == [1, 0, 0, True, True]


def test_signals_are_httpds(httpd: Httpd) -> None:
    attempts, has_pythons_handler = case(httpd, "registrations")
    assert attempts == [None] * 15 + ["ValueError"] and not has_pythons_handler


def test_prints_reach_the_error_log(httpd: Httpd) -> None:
    assert case(httpd, "prints") == "answer"
    for text in ("printed to stdout", "printed to stderr", "in pieces", "without an end", "logged warning",
                 "UserWarning: a warning of Python's", "warnings.warn"):
        httpd.claim(rf"\[python:\w+\].*\[client 127.0.0.1:\d+\].*{text}")


def test_odd_prints_reach_the_error_log(httpd: Httpd) -> None:
    assert case(httpd, "odd_prints") == [True, False, "TypeError"]
    httpd.claim(r"\[python:\w+\].*odd .*%s %n")


def test_sigterm_stays_httpds(httpd: Httpd) -> None:
    for path in ("/case/signals", "/main"):
        assert httpd.get(path).text.startswith(("['ValueError']", "['ignored']"))


def test_a_thread_of_the_application_runs_and_prints(httpd: Httpd) -> None:
    assert case(httpd, "started_thread") is True
    httpd.claim("hello from a thread of mine")


def test_an_exception_in_a_thread_is_logged(httpd: Httpd) -> None:
    assert case(httpd, "raising_thread") is False
    wait_for(lambda: "LookupError: in my own thread" in httpd.unclaimed())
    httpd.claim(r"Exception in thread[\s\S]*?LookupError: in my own thread")


def test_a_request_object_can_be_read_in_a_thread_of_the_application(httpd: Httpd) -> None:
    assert case(httpd, "kept_in_thread") == ["/case/kept_in_thread"]


def test_processes_can_be_started(httpd: Httpd) -> None:
    assert case(httpd, "child_process") == "hi\n"


def test_extension_modules_of_the_standard_library_work(httpd: Httpd) -> None:
    assert case(httpd, "modules") == 2
