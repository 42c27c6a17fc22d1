"""The importer in requests: PythonOption mod_python.importer.hook, one module per request, log lines."""

from __future__ import annotations

from httpd import Httpd, at_once

THREADS = 8

CONF = """
    KeepAlive Off
    PythonOption mod_python.importer.path "['${root}/more']"
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonInterpPerDirectory On
    </Directory>
    <Directory "${htdocs}/plain">
        PythonHandler ./pages/page
    </Directory>
    <Directory "${htdocs}/hooked">
        PythonHandler ./page
        PythonOption mod_python.importer.hook On
        PythonDebug On
    </Directory>
    <Directory "${htdocs}/wrong">
        PythonHandler ./page
        PythonOption mod_python.importer.hook maybe
    </Directory>
    <Directory "${htdocs}/phases">
        PythonFixupHandler edits::fixup
        PythonHandler edits
    </Directory>
"""

PAGE = """
from mod_python import apache
import neighbour
loads = []

def handler(req):
    loads.append(neighbour.value)
    req.write(f"{neighbour.value} {apache.import_module('wide').value}")
    return apache.OK
"""

EDITS = """
import os
from mod_python import apache

def fixup(req):
    "Changes this file, and makes the importer look at it again, by an import."
    with open(__file__, "a") as file:
        file.write("# more\\n")
    open(os.path.join(os.path.dirname(__file__), "new.py"), "w").close()
    apache.import_module("./new")
    req.seen = fixup
    return apache.OK

def handler(req):
    req.write(str(req.seen is fixup))
    return apache.OK
"""

FILES = {
    "htdocs/hooked/x.txt": "", "htdocs/plain/x.txt": "", "htdocs/wrong/x.txt": "", "htdocs/phases/x.txt": "",
    "htdocs/hooked/page.py": PAGE, "htdocs/plain/pages/page.py": PAGE, "htdocs/wrong/page.py": PAGE,
    "htdocs/hooked/neighbour.py": "import deeper\nvalue = deeper.value\n",
    "htdocs/hooked/deeper.py": "value = 'one'\n",
    "htdocs/plain/pages/neighbour.py": "",
    "htdocs/phases/edits.py": EDITS,
    "more/wide.py": "value = 'wide'\n",
}


def test_neighbours_are_found_and_followed_where_the_hook_is_on(httpd: Httpd) -> None:
    assert httpd.get("/hooked/x.txt").text == "one wide"
    for value in ("two", "three"):
        httpd.write("htdocs/hooked/deeper.py", f"value = '{value}'\n")
        assert {r.text for r in at_once(THREADS, lambda _: httpd.get("/hooked/x.txt"))} == {f"{value} wide"}
    for name in ("page", "neighbour", "deeper"):
        httpd.claim(rf"mod_python: \(Re\)importing module '.*{name}.*' from .*/hooked/{name}\.py in interpreter '.+'")


def test_they_are_not_where_it_is_off(httpd: Httpd) -> None:
    assert httpd.get("/plain/x.txt").status == 500
    httpd.claim_failure("PythonHandler ./pages/page", "No module named 'neighbour'")


def test_a_wrong_value_is_said(httpd: Httpd) -> None:
    assert httpd.get("/wrong/x.txt").status == 500
    httpd.claim_failure("PythonHandler ./page", "PythonOption mod_python.importer.hook must be On or Off, not 'maybe'")


def test_a_module_is_the_same_in_all_phases_of_a_request(httpd: Httpd) -> None:
    for _ in range(3):
        assert httpd.get("/phases/x.txt").text == "True"
