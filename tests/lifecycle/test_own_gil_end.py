"""Interpreters with their own GIL that used datetime, sqlite3 and ssl end cleanly, every time."""

from pathlib import Path

import pytest
from httpd import Httpd, at_once, wait_for

CONF = """
    PythonInterpreterOptions * gil=own
    PythonImport imports a
    PythonImport imports b
    MaxConnectionsPerChild 0
    <Location />
        SetHandler mod_python
        PythonHandler imports
    </Location>
""" + "".join(f"<Location /{name}>\nPythonInterpreter {name}\n</Location>\n" for name in "abcd")

FILES = {"imports.py": """
import datetime, os, sqlite3, ssl, threading
from mod_python import apache

context = ssl.create_default_context()
database = sqlite3.connect(":memory:", check_same_thread=False)
lock = threading.Lock()     # one connection runs one statement at a time

def ended(data):
    with open(os.path.join(os.path.dirname(__file__), "logs", "ended"), "a") as stream:
        stream.write("%s %s\\n" % (os.getpid(), apache.interpreter))

apache.register_cleanup(ended)

def handler(req):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    with lock:
        found = database.execute("select ?", (when.isoformat(),)).fetchone()[0]
    req.write("%s %s" % (found[:2], req.interpreter))
    return apache.OK
"""}


@pytest.mark.parametrize("attempt", range(4))
def test_twenty_of_twenty_ends_are_clean(tmp_path: Path, attempt: int) -> None:
    """Five by five: under ASan it takes a machine seconds to start each."""
    with Httpd(tmp_path, CONF, FILES, children=5, threads=4) as server:
        for _ in range(3):
            assert {r.status for r in at_once(20, lambda index: server.get("/" + "abcd"[index % 4]))} == {200}
        wait_for(lambda: len(server.child_pids()) == 5)
        server.end()
        lines = (tmp_path / "logs" / "ended").read_text().splitlines()
        children = {line.split()[0] for line in lines}
        assert len(children) == 5
        assert all(f"{child} {name}" in lines for child in children for name in "ab")
