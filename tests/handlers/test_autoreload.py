"""PythonAutoReload: a changed module is loaded anew at the next request, an unchanged one is not."""

import os

import pytest
from httpd import Httpd, at_once, wait_for

MPMS = ("event", "prefork")
CHILDREN = 3
THREADS = 4

PLACES = ("page", "other", "off", "needs", "chain", "broken", "same", "older", "gone", "directory/module", "byfile",
          "plainimport", "stateful")

CONF = """
    KeepAlive Off
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonInterpPerDirectory On
    </Directory>
""" + "".join(f"""
    <Directory "${{htdocs}}/{place}">
        PythonHandler {place.rpartition("/")[2]}_page
        PythonAutoReload {"Off" if place == "off" else "On"}
    </Directory>
    """ for place in PLACES if place != "byfile") + """
    <Directory "${htdocs}/byfile">
        PythonHandler ./local.py
    </Directory>
    <Directory "${htdocs}/other">
        PythonHandler page_page
        PythonInterpreter another
    </Directory>
    <Directory "${htdocs}/htaccess_off">
        PythonHandler ./local.py
    </Directory>
"""


def answering(text: str, before: str = "") -> str:
    return (f"import os\n{before}loads = globals().get('loads', 0) + 1\ndef handler(req):\n"
            f"    req.write('%s %s %s' % (os.getpid(), {text}, loads))\n    return 0\n")


FILES = {
    **{f"htdocs/{place}/page.txt": "" for place in (*PLACES, "htaccess_off")},
    **{f"{place.rpartition('/')[2]}_page.py": answering("'old'") for place in PLACES},
    "needs_page.py": answering("part.value", "from mod_python import apache\npart = apache.import_module('part')\n"),
    "part.py": "value = 'old'\n",
    "chain_page.py": answering("middle.value()", "from mod_python import apache\n"
                                                 "middle = apache.import_module('middle')\n"),
    "middle.py": "from mod_python import apache\nlast = apache.import_module('last')\n"
                 "def value():\n    return last.value\n",
    "last.py": "value = 'old'\n",
    "htdocs/byfile/local.py": answering("'old'"),
    "htdocs/htaccess_off/local.py": answering("'old'"),
    "htdocs/htaccess_off/.htaccess": "PythonAutoReload Off\n",
    "plainimport_page.py": answering("plain_part.value", "import plain_part\n"),
    "plain_part.py": "value = 'old'\n",
}


def answers(httpd: Httpd, place: str) -> dict[int, str]:
    """What every child says, by its pid."""
    seen: dict[int, str] = {}

    def ask() -> bool:
        for r in at_once(8, lambda _: httpd.get(f"/{place}/page.txt")):
            assert r.status == 200, r.text
            pid, text = r.text.split(" ", 1)
            seen[int(pid)] = text
        return set(seen) >= httpd.child_pids()
    wait_for(ask, what="every child to answer")
    return seen


def all_say(httpd: Httpd, place: str, text: str) -> bool:
    return set(answers(httpd, place).values()) == {text}


@pytest.mark.parametrize("place", ["page", "other", "directory/module"])
def test_a_changed_module_is_seen_in_every_child_and_interpreter(httpd: Httpd, place: str) -> None:
    name = place.rpartition("/")[2] if place != "other" else "page"
    httpd.write(f"{name}_page.py", answering("'old'"))
    assert all_say(httpd, place, "old 1")
    httpd.write(f"{name}_page.py", answering("'new'"))
    assert all_say(httpd, place, "new 1")


def test_an_unchanged_module_is_not_loaded_again(httpd: Httpd) -> None:
    httpd.write("stateful_page.py", "import os\ncount = 0\ndef handler(req):\n    global count\n    count += 1\n"
                                    "    req.write('%s %s' % (os.getpid(), count))\n    return 0\n")
    counts = [int(httpd.get("/stateful/page.txt").text.split()[1]) for _ in range(10 * CHILDREN)]
    assert max(counts) > 5


def test_off_does_not_look_at_the_file(httpd: Httpd) -> None:
    assert all_say(httpd, "off", "old 1")
    httpd.write("off_page.py", answering("'new'"))
    assert all_say(httpd, "off", "old 1")


def test_htaccess_can_switch_it_off(httpd: Httpd) -> None:
    assert all_say(httpd, "htaccess_off", "old 1")
    httpd.write("htdocs/htaccess_off/local.py", answering("'new'"))
    assert all_say(httpd, "htaccess_off", "old 1")
    httpd.write("htdocs/htaccess_off/.htaccess", "PythonAutoReload On\n")
    assert all_say(httpd, "htaccess_off", "new 1")


@pytest.mark.parametrize(("place", "dependency"), [("needs", "part.py"), ("chain", "last.py")])
def test_a_changed_dependency_reloads_what_stands_on_it(httpd: Httpd, place: str, dependency: str) -> None:
    assert all_say(httpd, place, "old 1")
    httpd.write(dependency, "value = 'new'\n")
    assert all_say(httpd, place, "new 1")


def test_a_plainly_imported_module_stays(httpd: Httpd) -> None:
    assert all_say(httpd, "plainimport", "old 1")
    httpd.write("plain_part.py", "value = 'new'\n")
    assert all_say(httpd, "plainimport", "old 1")


def test_a_module_given_as_a_file_is_reloaded(httpd: Httpd) -> None:
    assert all_say(httpd, "byfile", "old 1")
    httpd.write("htdocs/byfile/local.py", answering("'new'"))
    assert all_say(httpd, "byfile", "new 1")


def test_a_broken_change_is_an_error_until_it_is_healed(httpd: Httpd) -> None:
    assert all_say(httpd, "broken", "old 1")
    httpd.write("broken_page.py", "def handler(req:\n")
    for _ in range(2 * CHILDREN):
        assert httpd.get("/broken/page.txt").status == 500
        httpd.claim_failure("PythonHandler broken_page", "SyntaxError")
    httpd.write("broken_page.py", "raise LookupError('still wrong')\n")
    assert httpd.get("/broken/page.txt").status == 500
    httpd.claim_failure("PythonHandler broken_page", "LookupError: still wrong")
    httpd.write("broken_page.py", answering("'healed'"))
    assert all_say(httpd, "broken", "healed 1")


@pytest.fixture
def same_time(httpd: Httpd) -> int:
    """A moment in the past, in whole seconds, for changes within one second."""
    return (httpd.root / "same_page.py").stat().st_mtime_ns // 10**9 * 10**9 - 10**10


def test_a_change_within_the_same_second_and_size_is_seen(httpd: Httpd, same_time: int) -> None:
    file = httpd.write("same_page.py", answering("'one'"))
    os.utime(file, ns=(same_time, same_time))
    assert all_say(httpd, "same", "one 1")
    file.write_text(answering("'two'"))
    os.utime(file, ns=(same_time + 1000000, same_time + 1000000))
    assert all_say(httpd, "same", "two 1")


def test_an_older_file_counts_as_changed(httpd: Httpd) -> None:
    assert all_say(httpd, "older", "old 1")
    file = httpd.write("older_page.py", answering("'older'"))
    os.utime(file, ns=(10**18, 10**18))
    assert all_say(httpd, "older", "older 1")


def test_a_deleted_file_leaves_the_loaded_module_in_use(httpd: Httpd) -> None:
    assert all_say(httpd, "gone", "old 1")
    (httpd.root / "gone_page.py").unlink()
    assert all_say(httpd, "gone", "old 1")
