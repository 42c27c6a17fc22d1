"""Python in the processes of a group: its settings, preloads, and its end."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any

from httpd import Httpd, wait_for

SCRIPT = """
import atexit, os, sys, threading
from mod_python import apache

def tell(name, value):
    with open(os.path.join(os.path.dirname(__file__), name), "a") as stream:
        stream.write(repr(value) + "\\n")

atexit.register(tell, "ended", os.getpid())
tell("facts", {"pid": os.getpid(), "path": sys.path, "interval": sys.getswitchinterval(), "cwd": os.getcwd(),
               "lang": os.environ.get("LANG"), "main": threading.current_thread() is threading.main_thread(),
               "version": sys.version_info[:2], "title": open("/proc/self/cmdline").read()})
"""


def told(directory: Path, name: str) -> list[Any]:
    file = directory / name
    return [ast.literal_eval(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_a_groups_python_is_as_its_line_says(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    conf = f"""
        WSGIDaemonProcess shop processes=2 home={tmp_path}/more python-path={tmp_path}/more:{tmp_path}/logs \\
            switch-interval=0.25 lang=de_DE.UTF-8 display-name=%{{GROUP}} deadlock-timeout=2
        WSGIImportScript {tmp_path}/warm.wsgi process-group=shop application-group=%{{GLOBAL}}
    """
    with Httpd(tmp_path, conf, {"warm.wsgi": SCRIPT}) as server:
        facts = wait_for(lambda: (lambda all: all if len(all) == 2 else None)(told(tmp_path, "facts")))
        assert not {fact["pid"] for fact in facts} & server.child_pids()
        for fact in facts:
            assert fact["path"][:2] == [str(tmp_path / "more"), str(tmp_path / "logs")]
            assert (fact["interval"], fact["cwd"], fact["lang"]) == (0.25, str(tmp_path / "more"), "de_DE.UTF-8")
            assert fact["version"] == server.python_version()[:2]
            assert fact["title"].startswith("(wsgi:shop)")
        wait_for(lambda: server.log_text().count("is ready") == 2)
        os.kill(facts[0]["pid"], 15)
        wait_for(lambda: len(told(tmp_path, "facts")) == 3, what="another process")
        wait_for(lambda: told(tmp_path, "ended") == [facts[0]["pid"]])
        server.end()
        assert len(set(told(tmp_path, "ended"))) == 3


def test_home_is_no_site_directory(tmp_path: Path) -> None:
    """It is first in sys.path, whatever its name is; .pth files count in the directories of python-path only."""
    home, packages = tmp_path / "the:home", tmp_path / "packages"
    files = {"the:home/own.pth": "import sys; sys.wrong = True\n", "the:home/shop_module.py": "place = 'home'\n",
             "packages/own.pth": "more\nimport sys; sys.right = True\n", "packages/more/x.py": "",
             "packages/shop_module.py": "place = 'packages'\n", "app.wsgi": r"""
import os, shop_module, sys

def application(environ, start_response):
    start_response("200 OK", [])
    return [repr([sys.path[:3], shop_module.place, hasattr(sys, "wrong"), hasattr(sys, "right"), os.getcwd()]).encode()]
"""}
    conf = f"""
        WSGIDaemonProcess shop threads=1 home={home} python-path={packages}
        WSGIScriptAlias /main {tmp_path}/app.wsgi process-group=shop application-group=%{{GLOBAL}}
        WSGIScriptAlias /sub {tmp_path}/app.wsgi process-group=shop application-group=sub
        <Directory {tmp_path}>
            Require all granted
        </Directory>
    """
    with Httpd(tmp_path, conf, files) as server:
        for path in ("/main", "/sub"):
            assert ast.literal_eval(server.get(path).text) == [
                [str(home), str(packages), str(packages / "more")], "home", False, True, str(home)]
