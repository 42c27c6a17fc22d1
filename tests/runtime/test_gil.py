"""PythonInterpreterOptions gil=own: an own GIL from CPython 3.13 on, a warning and the shared one before."""

from cases import CASES, CASES_CONF, case
from httpd import Httpd, at_once

CONF = CASES_CONF + """
    PythonInterpreterOptions * gil=own
    PythonInterpreterOptions plain gil=shared
    PythonInterpreterOptions main_interpreter gil=shared
""" + "".join(f"""
    <Location /{name}>
        SetHandler mod_python
        PythonInterpreter {name}
        PythonHandler meet
    </Location>
    """ for name in ("left", "right", "plain", "main_interpreter"))

FILES = {
    "cases.py": CASES + """
def stdlib(req):
    import asyncio, datetime, decimal, hashlib, json, sqlite3, ssl, zoneinfo
    return [datetime.date(2026, 1, 31).isoformat(), asyncio.run(asyncio.sleep(0, "slept")),
            sqlite3.connect(":memory:").execute("select 2").fetchone()[0], str(decimal.Decimal("1.10"))]

def request_parts(req):
    req.add_handler("PythonLogHandler", lambda req: 0)
    table = apache.table({"a": "1"})
    return [req.interpreter, req.headers_in["Host"].partition(":")[0], dict(table), str(type(req)),
            req.server.port >= 0]
""",
    "run/meeting": b"\0\0",
    "meet.py": """
import mmap, os, sys, time
from mod_python import apache

def meets(mine, other):
    'Keeps the GIL and looks for a mark of the other in shared memory: only with a GIL each will they both see one.'
    with open(os.path.join(os.path.dirname(__file__), "run", "meeting"), "r+b") as file:
        shared = mmap.mmap(file.fileno(), 2)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    end = time.monotonic() + 5
    shared[mine] = 1
    while not shared[other] and time.monotonic() < end:
        pass
    sys.setswitchinterval(before)
    return bool(shared[other])

def handler(req):
    if req.args == "meet":
        req.write("met" if meets(*((0, 1) if req.interpreter == "left" else (1, 0))) else "alone")
    else:
        import datetime
        req.write("%s %s" % (req.interpreter, datetime.date(2000, 1, 1)))
    return apache.OK
"""}


def test_interpreters_answer_whatever_gil_they_have(httpd: Httpd) -> None:
    names = ["left", "right", "plain", "main_interpreter"]
    for results in at_once(8, lambda index: [httpd.get("/" + names[(index + n) % 4]).text for n in range(12)]):
        assert {text.split()[0] for text in results} == set(names)


def test_the_standard_library_works(httpd: Httpd) -> None:
    assert case(httpd, "stdlib") == ["2026-01-31", "slept", 2, "1.10"]


def test_the_api_works(httpd: Httpd) -> None:
    assert case(httpd, "request_parts") == ["localhost", "127.0.0.1", {"a": "1"}, "<class 'mp_request'>", True]


def test_own_gils_run_in_parallel_from_3_13_on(httpd: Httpd) -> None:
    if httpd.python_version() >= (3, 13):
        assert at_once(2, lambda index: httpd.get(f"/{('left', 'right')[index]}?meet").text) == ["met", "met"]
    else:
        assert "gil=own" in httpd.log_text() and "3.13" in httpd.log_text()


def test_before_3_13_a_warning_says_what_happens(httpd: Httpd) -> None:
    warnings = [line for line in httpd.log_text().splitlines() if "gil=own" in line and "python:warn" in line]
    assert bool(warnings) == (httpd.python_version() < (3, 13))
