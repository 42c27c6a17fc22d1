"""The functions of mod_python.apache inside httpd (spec: API, sections 1, 1.1, 1.2)."""

import os

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd

LOG_LEVEL = "trace8"

CONF = CASES_CONF.replace("PythonDebug On", "PythonDebug On\n        PythonOption here yes") + """
    PythonOption everywhere yes
    PythonOption mod_python.legacy.importer *
    Define MP_TEST_DEFINE
    <Location /frozen>
        SetHandler mod_python
        PythonInterpreter frozen
        PythonHandler frozen
    </Location>
    <IfDefine MP_TEST_DEFINE>
        SetEnvIf X-H\xe9 "^x" found
    </IfDefine>
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler cases::by_query
        PythonDebug On
    </Directory>
    <Directory "${htdocs}/sub">
        PythonHandler ../cases2::root
    </Directory>
"""

MODULES = ("setenvif",)

FILES = {
    "htdocs/page.txt": "static", "htdocs/sub/page.txt": "",
    "htdocs/cases2.py": "from mod_python import apache\ndef root(req):\n"
                        "    req.write(repr(apache.get_handler_root()))\n    return apache.OK\n",
    "frozen.py": "from mod_python import apache\napache.freeze_modules()\ndef handler(req):\n"
                 "    req.write('old')\n    return apache.OK\n",
    "cases.py": CASES + r'''
import os, sys, threading

root = os.path.dirname(__file__)

def by_query(req):
    req.write(repr(globals()[req.args](req)))
    return apache.OK

def tree(req):
    return apache.config_tree()

def tree_is_a_copy(req):
    first = apache.config_tree()
    first.clear()
    return len(apache.config_tree()) > 0

def names(req):
    return [apache.server_root() == root, apache.exists_config_define("FOREGROUND"),
            apache.exists_config_define("MP_TEST_DEFINE"), apache.exists_config_define("absent"),
            apache.make_table is apache.table, apache.exists_config_define(b"FOREGROUND")]

def attributes(req):
    return [apache.interpreter == req.interpreter, apache.main_server.server_hostname, apache.main_server == req.server,
            type(apache.main_server).__name__, apache.SERVER_RETURN.__module__,
            apache.SERVER_RETURN.__mro__[1].__name__,
            sys.argv]

def modules(req):
    import _apache, mod_python._apache
    return [_apache is mod_python._apache, _apache.SERVER_RETURN is apache.SERVER_RETURN,
            _apache.table is apache.table, _apache.stat is apache.stat]

def found(file, wanted=0):
    info = apache.stat(file, wanted)
    return [info.filetype, info.fname, info.size, info.mtime]

def stats(req):
    page = root + "/htdocs/page.txt"
    with open(root + "/unreadable", "w"):
        pass
    return {"file": found(page), "norm": found(page, apache.APR_FINFO_NORM)[:3],
            "directory": apache.stat(root, 0).filetype == apache.APR_DIR, "missing": found(root + "/absent"),
            "all of missing": list(apache.stat(root + "/absent", 0)),
            "below a file": raised(apache.stat, page + "/x", 0)[0],
            "too long": raised(apache.stat, "/" + "x" * 5000, 0)[0],
            "errno": errno_of(page + "/x"), "bytes": found(os.fsencode(page))[0], "odd": found(root + "/\udcff")[0]}

def errno_of(file):
    try:
        apache.stat(file, 0)
    except OSError as error:
        return [error.errno, error.filename == file]

def current(req):
    return [apache.get_current_options().get("here"), apache.get_current_options().get("everywhere"),
            apache.get_current_config().get("PythonDebug"), apache.get_handler_root()]

def outside(req):
    "In a thread of the application's, which serves no request."
    result = []
    def work():
        result.extend([apache.get_current_options().get("here"), apache.get_current_options().get("everywhere"),
                       apache.get_handler_root()])
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return result

def logs(req):
    for level in range(16):
        apache.log_error("nobody's at %d." % level, level)
        apache.log_error("the server's at %d." % level, level, req.server)
        req.log_error("the request's at %d." % level, level)
    apache.log_error("without a level.")
    apache.log_error("or-ed with NOERRNO.", apache.APLOG_NOERRNO | apache.APLOG_WARNING)
    apache.log_error("", apache.APLOG_WARNING)
    apache.log_error("h\xe9 \u20ac \udc80", apache.APLOG_WARNING)
    return [apache.log_error(None), apache.log_error("none", 5, None)]

def escaped(req):
    return apache.escape("<a href='x'>&\"")

def module_helpers(req):
    import cases2 as other
    module = apache.import_module("cases2", autoreload=0, log=0, path=[root + "/htdocs"])
    return [apache.module_mtime(module) == os.stat(module.__file__).st_mtime, module.root.__name__,
            apache.resolve_object(module, "root").__name__, apache.resolve_object(module, "absent", silent=1),
            apache.module_info("cases2") is None, isinstance(apache.modules_graph(), str),
            isinstance(apache.request_modules_graph(), str)]
'''}


def test_the_configuration_is_a_tree(httpd: Httpd) -> None:
    tree = case(httpd, "tree")
    assert all(isinstance(entry, (tuple, list)) for entry in tree)
    assert ("DocumentRoot", f'"{httpd.htdocs}"') in tree
    index = tree.index(("<Location", "/case>"))
    assert isinstance(tree[index + 1], list) and ("PythonHandler", "cases::dispatch") in tree[index + 1]
    assert any("X-H\xe9" in entry[1] for entry in tree if isinstance(entry, tuple))
    assert case(httpd, "tree_is_a_copy") is True


def test_what_httpd_was_started_with(httpd: Httpd) -> None:
    assert case(httpd, "names") == [True, True, True, False, True, True]


def test_attributes_of_apache(httpd: Httpd) -> None:
    assert case(httpd, "attributes") == [True, "localhost", True, "mp_server", "_apache", "Exception", ["mod_python"]]
    assert case(httpd, "modules") == [True] * 4


def test_stat_tells_about_files(httpd: Httpd) -> None:
    page = str(httpd.htdocs / "page.txt")
    stats = case(httpd, "stats")
    assert stats == {
        "file": [1, page, 6, int(os.stat(page).st_mtime)], "norm": [1, page, 6], "directory": True,
        "missing": [0, None, None, None], "all of missing": [None] * 12, "below a file": "NotADirectoryError",
        "too long": "OSError", "errno": [20, True], "bytes": 1, "odd": 0}


def test_settings_of_the_current_request(httpd: Httpd) -> None:
    assert case(httpd, "current") == ["yes", "yes", "1", None]
    assert httpd.get("/sub/page.txt").text == repr(str(httpd.htdocs / "sub"))


def test_settings_outside_of_a_request_are_the_main_servers(httpd: Httpd) -> None:
    assert case(httpd, "outside") == [None, "yes", None]


NAMES = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug", *(f"trace{n}" for n in range(1, 9))]


def test_log_lines_have_the_level_that_was_given(httpd: Httpd) -> None:
    assert case(httpd, "logs") == [None, None]
    for level, name in enumerate(NAMES):
        shown = "error" if level == 0 else name
        httpd.claim(rf"\[python:{shown}\].*the server's at {level}\.\n")
        httpd.claim(rf"\[python:{shown}\].*\[client 127.0.0.1:\d+\].*the request's at {level}\.\n")
    for level in range(6):      # without a server only what is above httpd's own default
        httpd.claim(rf"\[:?\w*:?{'error' if level == 0 else NAMES[level]}\].*nobody's at {level}\.\n")
    assert "nobody's at 6." not in httpd.log_text() and "nobody's at 7." not in httpd.log_text()
    httpd.claim(r":error\].*without a level\.\n")
    httpd.claim(r":warn\].*or-ed with NOERRNO\.\n")


def test_text_is_escaped_as_for_html(httpd: Httpd) -> None:
    assert case(httpd, "escaped") == "&lt;a href=&#x27;x&#x27;&gt;&amp;&quot;"


@pytest.mark.parametrize("path", ["/page.txt?module_helpers"])
def test_what_the_importer_offers(httpd: Httpd, path: str) -> None:
    assert eval(httpd.get(path).text)[:4] == [True, "root", "root", None]


def test_frozen_modules_are_not_loaded_again(httpd: Httpd) -> None:
    assert httpd.get("/frozen").text == "old"
    httpd.write("frozen.py", "def handler(req):\n    req.write('new')\n    return 0\n")
    assert httpd.get("/frozen").text == "old"


def test_the_importer_of_old_can_not_be_chosen_which_is_said_once(httpd: Httpd) -> None:
    httpd.claim(r"\[python:notice\].*PythonOption mod_python\.legacy\.importer has no effect any more")
    assert "legacy.importer has" not in httpd.unclaimed()
