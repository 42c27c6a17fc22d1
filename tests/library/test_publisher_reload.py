"""mod_python.publisher: pages are loaded once per version of their files (spec: library, 4.1)."""

from __future__ import annotations

from httpd import Httpd, at_once

MPMS = ("event", "prefork")

CONF = """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler mod_python.publisher
    </Directory>
    <Directory "${htdocs}/off">
        PythonAutoReload Off
    </Directory>
"""

PAGE = "loads = globals().get('loads', 0) + 1\ndef index():\n    return '%s %s'\n"
SLOW = """
import threading
from elsewhere import loads
loads.append(1)
threading.Event().wait(0.05)
def index():
    return str(len(loads))
"""
STANDING = """
from mod_python import apache
part = apache.import_module("./part")
def index():
    return part.value
"""

FILES = {
    "elsewhere.py": "loads = []\n",
    "htdocs/page.py": PAGE % ("old", 1), "htdocs/off/page.py": PAGE % ("old", 1), "htdocs/older.py": PAGE % ("old", 1),
    "htdocs/healed.py": "def index():\n    return 'whole'\n", "htdocs/gone.py": "def index():\n    return 'there'\n",
    "htdocs/slow.py": SLOW, "htdocs/standing.py": STANDING, "htdocs/part.py": "value = 'old'\n",
    "htdocs/a-b.py": "def index():\n    return __name__ + ' a-b'\n",
    "htdocs/a_b.py": "def index():\n    return __name__ + ' a_b'\n",
    "htdocs/nested.py": "def index():\n    __access__ = False\n    return 'in'\n",
    "htdocs/consistent.py": """
from mod_python import publisher
def index(req):
    one = publisher.page_cache[req]
    with open(__file__, "a") as file:
        file.write("# changed\\n")
    return repr(publisher.page_cache[req] is one)
""",
}


def test_a_changed_page_is_loaded_anew(httpd: Httpd) -> None:
    assert httpd.get("/page").text == httpd.get("/page").text == "old 1"
    httpd.write("htdocs/page.py", PAGE % ("new", 1))
    assert httpd.get("/page").text == "new 1"


def test_a_page_that_became_older_is_loaded_anew(httpd: Httpd) -> None:
    import os
    assert httpd.get("/older").text == "old 1"
    file = httpd.write("htdocs/older.py", PAGE % ("before", 1))
    os.utime(file, (1000000000, 1000000000))
    assert httpd.get("/older").text == "before 1"


def test_autoreload_off_keeps_pages(httpd: Httpd) -> None:
    assert httpd.get("/off/page").text == "old 1"
    httpd.write("htdocs/off/page.py", PAGE % ("new", 1))
    assert httpd.get("/off/page").text == "old 1"


def test_a_page_is_loaded_anew_with_what_it_imports(httpd: Httpd) -> None:
    assert httpd.get("/standing").text == "old"
    httpd.write("htdocs/part.py", "value = 'new'\n")
    assert httpd.get("/standing").text == "new"


def test_a_broken_page_is_healed_by_its_next_version(httpd: Httpd) -> None:
    assert httpd.get("/healed").text == "whole"
    httpd.write("htdocs/healed.py", "def index(:\n")
    for _ in range(2):
        assert httpd.get("/healed").status == 500
        httpd.claim_failure("PythonHandler mod_python.publisher", "SyntaxError")
    httpd.write("htdocs/healed.py", "def index():\n    return 'healed'\n")
    assert httpd.get("/healed").text == "healed"


def test_a_page_that_is_gone_is_404(httpd: Httpd) -> None:
    assert httpd.get("/gone").status == 200
    (httpd.htdocs / "gone.py").unlink()
    assert httpd.get("/gone").status == 404


def test_many_threads_load_a_page_once(httpd: Httpd) -> None:
    assert set(at_once(8, lambda number: httpd.get("/slow").text)) == {"1"}


def test_names_that_look_alike_are_two_modules(httpd: Httpd) -> None:
    one, other = httpd.get("/a-b").text.split(), httpd.get("/a_b").text.split()
    assert (one[1], other[1]) == ("a-b", "a_b") and one[0] != other[0]


def test_nested_checks_are_those_of_the_version_that_is_served(httpd: Httpd) -> None:
    assert httpd.get("/nested").status == 403
    httpd.write("htdocs/nested.py", "def index():\n    __access__ = True\n    return 'in'\n")
    assert httpd.get("/nested").text == "in"


def test_a_request_has_one_version_of_a_page(httpd: Httpd) -> None:
    assert httpd.get("/consistent").text == "True"
