"""PythonImport and WSGIImportScript: before the first request, in order, in the named interpreter, in a child or in a
process of a group."""

import hashlib
import os
import re
from typing import Any

import pytest
from httpd import Httpd

MPMS = ("event", "worker", "prefork")

CONF = """
    PythonPath "['${root}/on_path'] + sys.path"
    PythonOption who server
    PythonImport first one
    PythonImport second one
    PythonImport broken one
    PythonImport breaks_after_parts one
    PythonImport no_such_module one
    PythonImport exits one
    PythonImport functions::prepare one
    PythonImport functions::shop.open one
    PythonImport functions::fails one
    PythonImport functions::missing one
    PythonImport first two
    PythonImport first main_interpreter
    PythonImport pkg.inner one
    PythonImport from_path one
    PythonImport third one
    WSGIImportScript "${root}/scripts/site.wsgi" process-group=%{GLOBAL} application-group=one
    WSGIImportScript "${root}/scripts/cookie.script" process-group=%{GLOBAL} application-group=one
    WSGIImportScript "${root}/scripts/global.wsgi" process-group=%{GLOBAL} application-group=%{GLOBAL}
    WSGIImportScript "${root}/scripts/broken.wsgi" process-group=%{GLOBAL} application-group=one
    WSGIImportScript "${root}/scripts/missing.wsgi" process-group=%{GLOBAL} application-group=one
    WSGIImportScript "${root}/scripts/exits.wsgi" process-group=%{GLOBAL} application-group=one
    <VirtualHost *>
        ServerName first.example
    </VirtualHost>
    <VirtualHost *>
        ServerName second.example
        PythonOption who vhost
        PythonPath "['${root}/on_vhost_path'] + sys.path"
        PythonImport from_vhost one
        WSGIImportScript "${root}/scripts/vhost.wsgi" process-group=%{GLOBAL} application-group=one
    </VirtualHost>
    PythonImport last one
""" + "".join(f"""
    <Location /{name}>
        SetHandler mod_python
        PythonInterpreter {name}
        PythonHandler report
        <If "%{{QUERY_STRING}} == 'broken'">
            PythonHandler broken
        </If>
        <If "%{{QUERY_STRING}} == 'parts'">
            PythonHandler breaks_after_parts
        </If>
    </Location>
    """ for name in ("one", "two", "main_interpreter"))

# A group preloads the same scripts.
CONF = re.sub(r"(WSGIImportScript .*) process-group=%\{GLOBAL\} (.*)",
              r"\1 process-group=%{GLOBAL} \2\n\1 process-group=shop \2", CONF) + """
    WSGIDaemonProcess shop threads=2
    WSGIScriptAlias /shop "${root}/scripts/report.wsgi" process-group=shop
    <Location /shop>
        WSGIApplicationGroup one
    </Location>
    <Location /shop/main_interpreter>
        WSGIApplicationGroup %{GLOBAL}
    </Location>
    <Directory "${root}/scripts">
        Require all granted
    </Directory>
"""
places = pytest.mark.parametrize("place", ["", "/shop"], ids=["child", "group"])


def loud(name: str, more: str = "") -> str:
    return f"import sys\nsys.order = getattr(sys, 'order', []) + ['{name}']\n{more}"


FILES = {
    "first.py": loud("first", "from mod_python import apache\n"
                     "facts = (apache.interpreter, apache.main_server.get_options()['who'])\n"),
    "second.py": loud("second"), "third.py": loud("third"), "last.py": loud("last"),
    "broken.py": loud("broken", "import helper_of_broken\nhandler = None\nraise LookupError('no stock yet')\n"),
    "helper_of_broken.py": "value = 1\n",
    "breaks_after_parts.py": loud("parts", "import half_package.part\n"),
    "half_package/__init__.py": "", "half_package/part.py": "raise LookupError('part is missing')\n",
    "exits.py": loud("exits", "raise SystemExit(3)\n"),
    "functions.py": loud("functions", "def prepare():\n    sys.order.append('prepare')\n"
                         "def fails():\n    raise LookupError('function fails')\n"
                         "class Shop:\n    def open(self):\n        sys.order.append('open')\nshop = Shop()\n"),
    "pkg/__init__.py": loud("pkg"), "pkg/inner.py": loud("pkg.inner"),
    "on_path/from_path.py": loud("from_path"), "on_vhost_path/from_vhost.py": loud("from_vhost"),
    "scripts/site.wsgi": loud("site.wsgi", "early = globals().get('__mtime__')\n"
                              "main = __name__ == '__main__'\n"),
    "scripts/cookie.script": "# -*- coding: latin-1 -*-\nimport sys\ntext = '\xe9'\n"
                             "sys.order.append('cookie')\n".encode("latin-1"),
    "scripts/global.wsgi": loud("global.wsgi"),
    "scripts/broken.wsgi": loud("broken.wsgi", "def application(:\n"),
    "scripts/exits.wsgi": loud("exits.wsgi", "raise SystemExit(4)\n"),
    "scripts/vhost.wsgi": loud("vhost.wsgi"),
    "report.py": """
import sys
from mod_python import apache

def fact(name):
    return getattr(sys.modules.get(name), "facts", None)

def answer(args):
    if args == "scripts":
        found = {}
        for name, module in list(sys.modules.items()):
            if name.startswith("_mod_wsgi_") and not module.__file__.endswith("report.wsgi"):
                found[name] = [module.__file__.rpartition("/")[2], type(module.__mtime__).__name__, module.__mtime__,
                               getattr(module, "early", None), getattr(module, "main", None),
                               getattr(module, "text", None), getattr(module, "__cached__", None)]
        return repr(found)
    elif args == "modules":
        names = ("broken", "helper_of_broken", "breaks_after_parts", "half_package.part", "exits", "first")
        return repr([name for name in names if name in sys.modules])
    return repr((getattr(sys, "order", []), fact("first")))

def handler(req):
    req.write(answer(req.args))
    return apache.OK
""",
    "scripts/report.wsgi": """
import report

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [report.answer(environ["QUERY_STRING"]).encode()]
"""}


def ask(httpd: Httpd, path: str) -> Any:
    answer = httpd.get(path)
    assert answer.status == 200
    return eval(answer.text)


@pytest.fixture(scope="module", autouse=True)
def failures_are_logged(httpd: Httpd) -> None:
    """Each failing preload of the configuration leaves its own traceback, once per child and process of the group."""
    scripts = [(f"WSGIImportScript {httpd.root}/scripts/broken.wsgi", "SyntaxError"),
               (f"WSGIImportScript {httpd.root}/scripts/missing.wsgi", "missing.wsgi"),
               (f"WSGIImportScript {httpd.root}/scripts/exits.wsgi", "SystemExit: 4")]
    for directive, error in [
            ("PythonImport broken", "LookupError: no stock yet"),
            ("PythonImport breaks_after_parts", "LookupError: part is missing"),
            ("PythonImport no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
            ("PythonImport exits", "SystemExit: 3"),
            ("PythonImport functions::fails", "LookupError: function fails"),
            ("PythonImport functions::missing", "missing"), *scripts, *scripts]:
        httpd.claim_failure(f"{directive} (error importing)", error, "one")


def test_preloads_run_in_the_order_written(httpd: Httpd) -> None:
    order, _ = ask(httpd, "/one")
    assert order == ["first", "second", "broken", "parts", "exits", "functions", "prepare", "open", "pkg", "pkg.inner",
                     "from_path", "third", "site.wsgi", "cookie", "exits.wsgi", "from_vhost", "vhost.wsgi", "last"]


def test_a_group_preloads_its_scripts_in_the_order_written(httpd: Httpd) -> None:
    """Those that fail, end in SystemExit or are not there change nothing for the others."""
    assert ask(httpd, "/shop/one") == (["site.wsgi", "cookie", "exits.wsgi", "vhost.wsgi"], None)
    assert "MP0417" not in httpd.log_text()             # nor for the process


@pytest.mark.parametrize("name", ["one", "two", "main_interpreter"])
def test_a_preload_runs_in_its_interpreter_with_the_main_server(httpd: Httpd, name: str) -> None:
    order, facts = eval(httpd.get(f"/{name}").text)
    assert order[0] == "first" and facts == (name, "server")


def test_failed_preloads_leave_nothing_half_imported(httpd: Httpd) -> None:
    assert eval(httpd.get("/one?modules").text) == ["helper_of_broken", "first"]


def test_a_handler_may_import_again_what_failed(httpd: Httpd) -> None:
    assert httpd.get("/one?broken").status == 500
    httpd.claim_failure("PythonHandler broken", "LookupError: no stock yet", "one")
    httpd.write("broken.py", "def handler(req):\n    req.write('healed')\n    return 0\n")
    assert httpd.get("/one?broken").body == b"healed"
    httpd.write("half_package/part.py", "value = 1\n")
    httpd.write("breaks_after_parts.py", "import half_package.part\ndef handler(req):\n    req.write('whole')\n"
                                         "    return 0\n")
    assert httpd.get("/one?parts").body == b"whole"


@places
def test_scripts_are_modules_under_the_digest_of_their_path(httpd: Httpd, place: str) -> None:
    found = ask(httpd, f"{place}/one?scripts")
    expected = {}
    for name in ("site.wsgi", "cookie.script", "vhost.wsgi"):
        path = str(httpd.root / "scripts" / name)
        expected["_mod_wsgi_" + hashlib.md5(path.encode()).hexdigest()] = name
    assert {key: facts[0] for key, facts in found.items()} == expected
    for _, kind, _, early, main, _, cached in found.values():
        assert kind == "int" and early is None and main in (False, None) and cached is None
    assert {facts[5] for facts in found.values()} == {None, "\xe9"}
    times = {facts[0]: facts[2] for facts in found.values()}
    assert times["site.wsgi"] == os.stat(httpd.root / "scripts" / "site.wsgi").st_mtime_ns // 1000
    assert not (httpd.root / "scripts" / "__pycache__").exists()


@places
def test_the_global_application_group_is_the_main_interpreter(httpd: Httpd, place: str) -> None:
    order, _ = ask(httpd, f"{place}/main_interpreter")
    assert order == (["global.wsgi"] if place else ["first", "global.wsgi"])


def test_every_child_and_process_preloads(httpd: Httpd) -> None:
    httpd.graceful()
    order, _ = ask(httpd, "/one")
    assert order[0] == "first" and order[-1] == "last"
    assert ask(httpd, "/shop/one")[0][-1] == "vhost.wsgi"
    httpd.claim(r"(?:.*MP0020: (?:PythonImport|WSGIImportScript)[\s\S]*)")
