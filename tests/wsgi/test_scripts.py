"""Script files: how they become modules, and when they are loaded anew."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from httpd import Httpd, at_once
from wsgi_site import wsgi_conf

MPMS = ("event", "prefork")
MODULES = ("env",)

CONF = wsgi_conf() + wsgi_conf('<Directory "${htdocs}/fixed">', more="WSGIScriptReloading Off") + \
    wsgi_conf('<Directory "${htdocs}/named">', more="WSGICallableObject other") + """
    WSGIImportScript "${htdocs}/early.wsgi" process-group=${group} application-group=%{GLOBAL}
    WSGIImportScript "${htdocs}/early_fails.wsgi" process-group=${group} application-group=%{GLOBAL}
"""

HELLO = """
import sys, threading
sys.loads = getattr(sys, "loads", {})
sys.loads[__file__] = sys.loads.get(__file__, 0) + 1
had_mtime = "__mtime__" in globals()
class Item:
    pass
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(VALUE).encode()]
"""


def script(value: str, more: str = "") -> str:
    return HELLO + f"{more}\nVALUE = {value}\n"


FILES = {
    "htdocs/identity.wsgi": script("None").replace("repr(VALUE)", """repr((
        __name__, __file__, __mtime__, had_mtime, __spec__.name, type(__loader__).__name__, __cached__,
        sys.modules[__name__].__dict__ is globals(), __import__("os").path.dirname(__file__) in sys.path,
        __import__("pickle").dumps(Item).hex()))"""),
    "htdocs/a/same.wsgi": script("'a'"), "htdocs/b/same.wsgi": script("'b'"),
    "htdocs/latin.wsgi": b"# coding: latin-1\n" + script("'\xe9' == chr(233)").encode("latin-1"),
    "htdocs/noext.wsgi": script("1"),
    "htdocs/changes.wsgi": script("1"), "htdocs/older.wsgi": script("1"), "htdocs/mtime.wsgi": script(
        "1", "import threading").replace("return [repr", "del globals()['__mtime__']\n    return [repr"),
    "htdocs/fixed/app.wsgi": script("1"),
    "htdocs/hook.wsgi": script("sys.loads[__file__], __import__('os').getpid()",
                               "asked = sys.hooks = getattr(sys, 'hooks', [])\ndef reload_required(path):\n"
                               "    asked.append(path)\n    return len(asked) >= 3\n"),
    "htdocs/bad_hook.wsgi": script("sys.loads[__file__]", "def reload_required(path):\n"
                                   "    raise LookupError('hook')\n"),
    "htdocs/fails.wsgi": script("sys.loads[__file__]", "if sys.loads[__file__] == 1:\n    raise LookupError('first')"),
    "htdocs/syntax.wsgi": "def (:\n", "htdocs/exits.wsgi": "raise SystemExit('enough')\n",
    "htdocs/missing.wsgi": "x = 1\n", "htdocs/no_callable.wsgi": "application = 5\n",
    "htdocs/named/app.wsgi": script("'other'") + "other = application\ndel application\n",
    "htdocs/slow.wsgi": script("sys.loads[__file__]", "__import__('time').sleep(0.2)"),
    "htdocs/early.wsgi": script("sys.loads[__file__], threading.get_ident() != loaded_by",
                                "loaded_by = threading.get_ident()"),
    "htdocs/early_fails.wsgi": script("sys.loads[__file__]",
                                      "import os\nif not os.path.exists(__file__ + '.tried'):\n"
                                      "    open(__file__ + '.tried', 'x').close()\n    raise LookupError('e')"),
    "htdocs/vanishes.wsgi": script("1"),
}


def get(httpd: Httpd, name: str) -> str:
    r = httpd.get(f"/{name}.wsgi")
    assert r.status == 200, r.text
    return r.text


def path(httpd: Httpd, name: str) -> Path:
    return httpd.htdocs / f"{name}.wsgi"


# Preloads first: in a process group, a script that changes makes a new process, with preloads of its own.

def test_a_preloaded_script_is_the_one_that_serves(httpd: Httpd) -> None:
    assert get(httpd, "early")[:2] == "(1"


def test_a_preload_that_failed_is_tried_again(httpd: Httpd) -> None:
    assert get(httpd, "early_fails") == "2"
    httpd.claim(rf"Loading WSGI script '{path(httpd, 'early_fails')}' into main interpreter {httpd.mode}\.")
    httpd.claim_failure(f"WSGIImportScript {path(httpd, 'early_fails')} (error importing)", "LookupError: e")


def test_the_module_of_a_script(httpd: Httpd) -> None:
    file = path(httpd, "identity")
    name = "_mod_wsgi_" + hashlib.md5(os.fsencode(file)).hexdigest()
    *facts, pickled = eval(get(httpd, "identity"))
    assert facts == [name, str(file), file.stat().st_mtime_ns // 1000, False, name, "SourceLoader", None, True, False]
    assert name.encode() in bytes.fromhex(pickled)
    assert not list(httpd.htdocs.rglob("*.pyc"))


def test_scripts_of_the_same_name_are_two(httpd: Httpd) -> None:
    assert (get(httpd, "a/same"), get(httpd, "b/same")) == ("'a'", "'b'")


def test_the_encoding_of_a_script(httpd: Httpd) -> None:
    assert get(httpd, "latin") == "True"


def test_a_changed_script_is_loaded_anew(httpd: Httpd) -> None:
    assert get(httpd, "changes") == "1"
    httpd.write("htdocs/changes.wsgi", script("2"))
    assert get(httpd, "changes") == "2"
    if httpd.group:
        httpd.claim(rf"\[python:info\].*Forcing restart of daemon process '{httpd.group}' due to modification of ")
    else:
        httpd.claim(r"\[python:info\].*Reloading WSGI script '.*changes.wsgi' into main interpreter in embedded mode\.")


def test_an_older_file_is_a_change(httpd: Httpd) -> None:
    assert get(httpd, "older") == "1"
    httpd.write("htdocs/older.wsgi", script("2"))
    os.utime(path(httpd, "older"), ns=(10**18, 10**18))
    assert get(httpd, "older") == "2"


def test_a_module_without_its_time_is_loaded_anew(httpd: Httpd) -> None:
    assert get(httpd, "mtime") == "1"
    httpd.write("htdocs/mtime.wsgi", script("2"))
    assert get(httpd, "mtime") == "2"


def test_without_reloading_a_script_stays(httpd: Httpd) -> None:
    assert get(httpd, "fixed/app") == "1"
    httpd.write("htdocs/fixed/app.wsgi", script("2"))
    assert get(httpd, "fixed/app") == "1"


def test_the_hook_of_a_script(httpd: Httpd) -> None:
    loads, pids = zip(*(eval(get(httpd, "hook")) for _ in range(5)), strict=True)
    if httpd.group:                 # a new process loads it
        assert loads == (1,) * 5 and pids[0] == pids[1] == pids[2] != pids[3] == pids[4]
    else:
        assert loads == (1, 1, 1, 2, 3) and len(set(pids)) == 1


def test_a_failing_hook_is_logged_and_changes_nothing(httpd: Httpd) -> None:
    assert [get(httpd, "bad_hook") for _ in range(2)] == ["1", "1"]
    httpd.claim(r"MP0337: reload_required\(\) of WSGI script '.*bad_hook.wsgi' failed(.*\n)+?.*LookupError: hook\n")


@pytest.mark.parametrize(("name", "exception"), [
    ("fails", "LookupError: first"), ("syntax", "SyntaxError"), ("exits", "SystemExit: enough")])
def test_a_script_that_fails_is_500_and_tried_again(httpd: Httpd, name: str, exception: str) -> None:
    assert httpd.get(f"/{name}.wsgi").status == 500
    httpd.claim_failure(f"loading WSGI script '{path(httpd, name)}'", exception)
    if name == "fails":
        assert get(httpd, name) == "2"
    else:
        assert httpd.get(f"/{name}.wsgi").status == 500
        httpd.claim_failure(f"loading WSGI script '{path(httpd, name)}'", exception)


def test_a_script_without_its_application(httpd: Httpd) -> None:
    assert httpd.get("/missing.wsgi").status == 500
    file = path(httpd, "missing")
    httpd.claim_failure(f"loading WSGI script '{file}'",
                        f"Target WSGI script '{file}' does not contain WSGI application 'application'")


def test_an_application_that_is_no_callable(httpd: Httpd) -> None:
    assert httpd.get("/no_callable.wsgi").status == 500
    httpd.claim_failure(f"processing WSGI script '{path(httpd, 'no_callable')}'", "'int' object is not callable")


def test_the_callable_may_have_another_name(httpd: Httpd) -> None:
    assert get(httpd, "named/app") == "'other'"


def test_a_script_is_loaded_once_whoever_comes(httpd: Httpd) -> None:
    assert at_once(6, lambda _: get(httpd, "slow")) == ["1"] * 6


def test_a_script_that_vanished_is_not_found(httpd: Httpd) -> None:
    assert get(httpd, "vanishes") == "1"
    path(httpd, "vanishes").unlink()
    assert httpd.get("/vanishes.wsgi").status == 404
    httpd.claim("MP0305: Target WSGI script not found or unable to stat: .*/vanishes.wsgi")
    httpd.write("htdocs/vanishes.wsgi", script("2"))
    assert get(httpd, "vanishes") == "2"
