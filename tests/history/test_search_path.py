"""sys.path never grows without bound, has no "None", and no race between threads; modules are imported once.

MODPYTHON-114, -147, -113, -118, and a fault of 3.0.
"""

import collections

from cases import CASES, CASES_CONF, case
from httpd import Httpd, at_once

CHILDREN = 1
THREADS = 24

PLACES = [f"place{number}" for number in range(12)]

CONF = CASES_CONF + """
    PythonInterpreter paths
    PythonPath "['${root}/libraries'] + sys.path"
    PythonImport preloaded paths
    PythonImport preloaded::prepare paths
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler handled
    </Directory>
    <Location /preloaded>
        SetHandler mod_python
        PythonHandler preloaded
    </Location>
    <Location /without>
        SetHandler mod_python
        PythonInterpreter without
        PythonHandler cases::dispatch
    </Location>
    <VirtualHost *>
        ServerName with_path
    </VirtualHost>
    <VirtualHost *>
        ServerName without
        PythonPath "sys.path"
        PythonInterpreter without
        PythonHandler handled
    </VirtualHost>
""" + "".join(f"""
    <Directory "${{htdocs}}/{place}">
        PythonPath "['${{root}}/libraries/{place}'] + sys.path"
        PythonHandler handled
    </Directory>
    <Location /own_{place}>
        SetHandler mod_python
        PythonInterpreter own
        PythonHandler handled
    </Location>
    """ for place in PLACES)

FILES = {
    **{f"htdocs/{place}/page.txt": "" for place in (".", *PLACES)},
    "handled.py": "import sys\ndef handler(req):\n    req.write('\\n'.join(map(str, sys.path)))\n    return 0\n",
    "libraries/preloaded.py": """
import sys
sys.loads = getattr(sys, "loads", 0) + 1
prepared = []
from mod_python import apache
apache.main_server.get_options()["set.at.import"] = "yes"

def prepare():
    prepared.append(1)

def handler(req):
    req.write("%s %s %s" % (sys.loads, len(prepared), apache.main_server.get_options().get("Set.At.Import")))
    return 0
""",
    "cases.py": CASES + """
import sys

def path(req):
    return sys.path
"""}


def counted(httpd: Httpd, path: str, host: str = "with_path") -> collections.Counter[str]:
    return collections.Counter(httpd.get(path, {"Host": host}).lines)


def test_a_path_is_added_once_whatever_is_asked(httpd: Httpd) -> None:
    def ask(index: int) -> None:
        for step in range(50):
            assert httpd.get(f"/{PLACES[(index + step) % len(PLACES)]}/page.txt").status == 200
    at_once(20, ask)
    entries = counted(httpd, "/page.txt")
    ours = {entry: count for entry, count in entries.items() if entry.startswith(str(httpd.root / "libraries"))}
    assert len(ours) == len(PLACES) + 1 and set(ours.values()) == {1}
    ask(0)
    assert counted(httpd, "/page.txt") == entries


def test_the_word_none_is_not_in_it(httpd: Httpd) -> None:
    for path in ("/page.txt", "/own_place1", "/place3/page.txt"):
        assert "None" not in counted(httpd, path)
    assert "None" not in counted(httpd, "/page.txt", "without")
    assert "None" not in case(httpd, "path")


def test_a_preloaded_module_is_that_of_handlers(httpd: Httpd) -> None:
    assert {httpd.get("/preloaded").text for _ in range(3)} == {"1 1 yes"}
