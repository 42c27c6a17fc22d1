"""A thread that never waits must not starve the requests of other interpreters."""

import time

from httpd import Httpd

CONF = "".join(f"""
    <Location /{name}>
        SetHandler mod_python
        PythonInterpreter {name}
        PythonHandler busy
    </Location>
    """ for name in ("busy", "other", "main_interpreter"))

FILES = {"busy.py": """
import threading, time
from mod_python import apache

def work(end):
    while time.monotonic() < end:
        for _ in range(1000):
            pass

def handler(req):
    if req.args:
        threading.Thread(target=work, args=(time.monotonic() + float(req.args),), daemon=True).start()
    req.write(req.interpreter)
    return apache.OK
"""}


def test_other_interpreters_answer_beside_a_busy_one(httpd: Httpd) -> None:
    for name in ("busy", "other", "main_interpreter"):
        httpd.get(f"/{name}")
    assert httpd.get("/busy?6").text == "busy"
    start = time.monotonic()
    for name in ("busy", "other", "main_interpreter") * 3:
        assert httpd.get(f"/{name}").text == name
    assert time.monotonic() - start < 3
