"""What Python code finds around it: sys, streams, logging, signals, threads (spec: API, section 10)."""

from cases import CASES, CASES_CONF, case
from httpd import Httpd, wait_for

MPMS = ("event", "worker", "prefork")
ENVIRONMENT = {"MP_TEST_VARIABLE": "from the environment"}

CONF = CASES_CONF.replace("PythonDebug On", "PythonDebug On\n        PythonInterpreter cases") + """
    <Location /main>
        SetHandler mod_python
        PythonInterpreter main_interpreter
        PythonHandler cases::signals
    </Location>
"""

FILES = {"cases.py": CASES + """
import logging, os, signal, subprocess, sys, threading, warnings

def system(req):
    return [sys.argv, sys.stdin.read(), os.environ["MP_TEST_VARIABLE"], sys.version_info[:3]]

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
