"""mod_python.cgihandler: scripts as CGI has them, inside the process (spec: library, section 7)."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from httpd import Httpd, at_once

MPMS = ("event", "prefork")
MODULES = ("env",)

CONF = """
    PythonInterpreterOptions * gil=own
    SetEnv MP_SET "by SetEnv"
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler mod_python.cgihandler
    </Directory>
    <Directory "${htdocs}/own1">
        PythonInterpreter own1
    </Directory>
    <Directory "${htdocs}/own2">
        PythonInterpreter own2
    </Directory>
    <Location /process>
        SetHandler mod_python
        PythonHandler process
    </Location>
    <Location /located>
        SetHandler mod_python
        PythonHandler mod_python.cgihandler
    </Location>
    <Location /elsewhere.py>
        SetEnv SCRIPT_FILENAME "${root}/scripts/elsewhere.py"
    </Location>
    <Location /up.py>
        SetEnv SCRIPT_FILENAME "${htdocs}/../scripts/elsewhere.py"
    </Location>
    <Location /relative.py>
        SetEnv SCRIPT_FILENAME "elsewhere.py"
    </Location>
"""

HEAD = "import os, sys\nprint('Content-Type: text/plain\\n')\n"
WAITS = HEAD + """
import threading
directory = os.path.dirname(__file__)
os.environ["MP_MINE"] = directory
for _ in range(20):
    threading.Event().wait(0.002)
    assert os.getcwd() == directory and os.environ["MP_MINE"] == directory
print(os.getcwd() == directory, end="")
"""

FILES = {
    "process.py": """
import os, sys, threading
from mod_python import _apache, apache
def handler(req):
    req.content_type = "text/plain"
    if req.args == "lock":
        found = []
        for function in (_apache._process_unlock, _apache._process_lock, _apache._process_lock, _apache._process_unlock,
                         _apache._process_unlock):
            try:
                function()
                found.append("")
            except RuntimeError as error:
                found.append(str(error))
        req.write(repr(found))
        return apache.OK
    req.write(repr([os.getcwd(), dict(os.environ), type(os.environ).__name__, sys.argv, type(sys.stdin).__name__,
                    type(sys.stdout).__name__, sys.path,
                    [getattr(one, "__name__", type(one).__name__) for one in sys.meta_path],
                    sorted(name for name in sys.modules if name in ("neighbour", "script", "space", "space.inner"))]))
    return apache.OK
""",
    "scripts/elsewhere.py": HEAD + "print(os.getcwd(), os.environ['SCRIPT_FILENAME'], end='')\n",
    "htdocs/up.py": "", "htdocs/relative.py": "", "htdocs/elsewhere.py": "",
    "htdocs/script.py": HEAD + """
import neighbour, space.inner
neighbour.loads += 1
print(repr({"name": __name__, "file": __file__, "cwd": os.getcwd(), "argv": sys.argv, "loads": neighbour.loads,
            "environ": dict(os.environ), "type": type(os.environ).__name__, "child": os.popen("echo $MP_SET").read(),
            "known": sys.modules["script"].__dict__ is globals()}), end="")
os.environ["MP_LEFT"] = "left"
del os.environ["PATH"]
os.chdir("/")
""",
    "htdocs/neighbour.py": "loads = 0\n", "htdocs/space/inner.py": "",
    "htdocs/echo.cgi": HEAD + "print(sys.stdin.readline(), sys.stdin.buffer.read(), repr(sys.stdin.read()), end='')\n",
    "htdocs/lines.py": HEAD + "print([line for line in sys.stdin], end='')\n",
    "htdocs/none": HEAD + "print('no extension', os.environ.get('PATH_INFO'), end='')\n",
    "htdocs/answers.py": """
import sys
print("Status: 404 Nothing Here\\r\\nContent-Type: text/x-test\\r\\nX-A: 1\\r\\nX-A: 2\\r\\n\\r\\n", end="")
sys.stdout.buffer.write(b"\\xff bytes")
""",
    "htdocs/headers_only.py": "print('X-A: 1')\nprint('Content-Type: text/x-test')\n",
    "htdocs/location.py": "print('Location: http://example.com/')\n",
    "htdocs/local.py": "print('Location: /none?x=1')\nprint()\n",
    "htdocs/body_only.py": "print('Hello')\n",
    "htdocs/silent.py": "pass\n",
    "htdocs/bad_status.py": "print('Status: fine')\nprint()\n",
    "htdocs/exits.py": HEAD + "print('before', end='')\nsys.exit(0)\nprint('after')\n",
    "htdocs/exits_with_text.py": HEAD + "print('before', end='')\nsys.exit('said at the end')\n",
    "htdocs/raises.py": HEAD.replace("print", "str") + "raise LookupError('in a script')\n",
    "htdocs/broken.py": "def (:\n",
    "htdocs/main.py": HEAD + "if __name__ == '__main__':\n    print('main')\nelse:\n    print(__name__, end='')\n",
    "htdocs/wraps.py": """
import io, sys
sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding="latin-1")
print("Content-Type: text/plain\\n\\n\\xe4", end="")
""",
    "htdocs/threads.py": HEAD + """
import threading
thread = threading.Thread(target=lambda: print("printed by another thread"))
thread.start()
thread.join()
print("printed by the script", end="")
""",
    "htdocs/own_data.py": HEAD + """
import dataclasses
@dataclasses.dataclass
class Point:
    x: "int" = 1
print(Point(), end="")
""",
    "htdocs/own1/waits.py": WAITS, "htdocs/own2/waits.py": WAITS, "htdocs/waits.py": WAITS,
    "htdocs/directory/x.txt": "",
}


def process(httpd: Httpd) -> Any:
    return ast.literal_eval(httpd.get("/process").text)


def test_the_environment_is_that_of_cgi_and_restored(httpd: Httpd) -> None:
    assert httpd.get("/main.py").text == "main"         # the handler's directory is in sys.path from now on
    before = process(httpd)
    r = httpd.get("/script.py/info?a=b", {"X-Header": "x", "Authorization": "Basic abc", "Proxy": "evil"})
    found = ast.literal_eval(r.text)
    assert (found["name"], found["file"], found["argv"]) == ("script", str(httpd.htdocs / "script.py"), [])
    assert (found["cwd"], found["type"], found["known"]) == (str(httpd.htdocs), "_Environ", True)
    assert found["child"] == "by SetEnv\n"
    expected = {"REQUEST_METHOD": "GET", "QUERY_STRING": "a=b", "PATH_INFO": "/info", "SCRIPT_NAME": "/script.py",
                "HTTP_X_HEADER": "x", "HTTP_AUTHORIZATION": "Basic abc", "GATEWAY_INTERFACE": "Python-CGI/1.1",
                "SCRIPT_FILENAME": str(httpd.htdocs / "script.py"), "MP_SET": "by SetEnv"}
    assert {name: found["environ"].get(name) for name in expected} == expected
    assert "HTTP_PROXY" not in found["environ"]
    assert process(httpd) == before


def test_what_a_script_imports_is_forgotten(httpd: Httpd) -> None:
    assert [ast.literal_eval(httpd.get("/script.py").text)["loads"] for _ in range(3)] == [1, 1, 1]
    assert process(httpd)[-1] == []


def test_the_body_is_text_and_bytes(httpd: Httpd) -> None:
    assert httpd.post("/echo.cgi", b"line\xc3\xa9\nrest\n").text.startswith("lineé\n b'")
    assert httpd.post("/lines.py", b"one\ntwo\r\nthree").text == r"['one\n', 'two\r\n', 'three']"
    assert httpd.get("/lines.py").text == "[]"


def test_any_file_is_a_script(httpd: Httpd) -> None:
    assert httpd.get("/none").text == "no extension None"
    assert httpd.get("/none/info").text == "no extension /info"
    assert httpd.get("/main.py").text == "main"


def test_the_answer_is_what_the_script_prints(httpd: Httpd) -> None:
    r = httpd.get("/answers.py")
    assert (r.status, r.reason, r.headers["Content-Type"], r.headers.get_all("X-A"), r.body) == (
        404, "Nothing Here", "text/x-test", ["1", "2"], b"\xff bytes")
    assert httpd.get("/wraps.py").body == b"\xe4"
    assert httpd.get("/own_data.py").text == "Point(x=1)"


def test_headers_alone_are_an_answer(httpd: Httpd) -> None:
    r = httpd.get("/headers_only.py")
    assert (r.status, r.headers["X-A"], r.headers["Content-Type"], r.body) == (200, "1", "text/x-test", b"")


def test_a_location_redirects(httpd: Httpd) -> None:
    r = httpd.get("/location.py")
    assert (r.status, r.headers["Location"]) == (302, "http://example.com/")
    assert httpd.get("/local.py").text == "no extension None"


@pytest.mark.parametrize("name", ["body_only", "silent"])
def test_no_headers_are_an_error(httpd: Httpd, name: str) -> None:
    assert httpd.get(f"/{name}.py").status == 500
    httpd.claim_failure("PythonHandler mod_python.cgihandler", "ValueError: premature end of headers")


@pytest.mark.parametrize(("name", "exception"), [
    ("bad_status", "ValueError: bad header 'Status: fine'"), ("raises", "LookupError: in a script"),
    ("broken", "SyntaxError: ")])
def test_exceptions_are_as_those_of_handlers(httpd: Httpd, name: str, exception: str) -> None:
    before = process(httpd)
    assert httpd.get(f"/{name}.py").status == 500
    httpd.claim_failure("PythonHandler mod_python.cgihandler", exception)
    assert process(httpd) == before


def test_exit_is_an_end_like_any_other(httpd: Httpd) -> None:
    assert httpd.get("/exits.py").text == "before"
    assert httpd.get("/exits_with_text.py").text == "before"
    httpd.claim("said at the end")


def test_what_is_no_script_is_404(httpd: Httpd) -> None:
    for path in ("/missing.py", "/directory", "/directory/", "/", "/missing/x.py", "/%e9.py"):
        assert httpd.get(path).status in (301, 404), path
    assert httpd.get("/located/x.py").status == 404
    httpd.claim("MP0115: cgihandler: no file belongs to '/located/x.py'")


def test_the_environment_may_name_another_script(httpd: Httpd) -> None:
    file = httpd.root / "scripts" / "elsewhere.py"
    assert httpd.get("/elsewhere.py").text == f"{file.parent} {file}"
    for name in ("up", "relative"):
        assert httpd.get(f"/{name}.py").status == 404
        httpd.claim("MP0116: cgihandler: SCRIPT_FILENAME is ")


def test_other_threads_print_to_the_log(httpd: Httpd) -> None:
    assert httpd.get("/threads.py").text == "printed by the script"
    assert "printed by another thread" in httpd.log_text()


def test_one_script_at_a_time_runs_in_a_process(httpd: Httpd) -> None:
    before = process(httpd)
    places = ("", "/own1", "/own2")
    answers = at_once(9, lambda number: httpd.get(f"{places[number % 3]}/waits.py").text)
    assert answers == ["True"] * 9
    assert process(httpd) == before


def test_the_lock_of_the_process_knows_its_holder(httpd: Httpd) -> None:
    mine, other = "this thread has the lock of the process already", "this thread does not have the lock of the process"
    assert ast.literal_eval(httpd.get("/process?lock").text) == [other, "", mine, "", other]
