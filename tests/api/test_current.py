"""What mod_python.apache says of the current request and thread; the functions of the importer (spec: API, 1.1)."""

from cases import CASES, CASES_CONF, case
from httpd import Httpd

CONF = CASES_CONF.replace("PythonDebug On", "PythonDebug On\n        PythonOption here yes") + """
    PythonOption everywhere yes
    PythonOption mod_python.legacy.importer *
    <Location /frozen>
        SetHandler mod_python
        PythonInterpreter frozen
        PythonHandler frozen
    </Location>
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler cases::by_query
        PythonDebug On
    </Directory>
    <Directory "${htdocs}/sub">
        PythonHandler ../cases2::root
    </Directory>
"""

FILES = {
    "htdocs/page.txt": "static", "htdocs/sub/page.txt": "",
    "htdocs/cases2.py": "from mod_python import apache\ndef root(req):\n"
                        "    req.write(repr(apache.get_handler_root()))\n    return apache.OK\n",
    "frozen.py": """
from mod_python import apache

apache.freeze_modules()

def handler(req):
    req.write("old")
    return apache.OK
""",
    "cases.py": CASES + r'''
import os, sys, threading

root = os.path.dirname(__file__)

def by_query(req):
    req.write(repr(globals()[req.args](req)))
    return apache.OK

def modules(req):
    import _apache, mod_python._apache
    return [_apache is mod_python._apache, _apache.SERVER_RETURN is apache.SERVER_RETURN,
            _apache.table is apache.table, _apache.stat is apache.stat]

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

def escaped(req):
    return apache.escape("<a href='x'>&\"")

def module_helpers(req):
    module = apache.import_module("cases2", autoreload=0, log=0, path=[root + "/htdocs"])
    return [apache.module_mtime(module) == os.stat(module.__file__).st_mtime, module.root.__name__,
            apache.resolve_object(module, "root").__name__, apache.resolve_object(module, "absent", silent=1),
            apache.module_info(module.__mp_info__.label).file == module.__file__,
            module.__file__ in apache.modules_graph(), module.__file__ in apache.request_modules_graph()]
'''}


def test_the_c_module_has_two_names(httpd: Httpd) -> None:
    assert case(httpd, "modules") == [True] * 4


def test_settings_of_the_current_request(httpd: Httpd) -> None:
    assert case(httpd, "current") == ["yes", "yes", "1", None]
    assert httpd.get("/sub/page.txt").text == repr(str(httpd.htdocs / "sub"))


def test_settings_outside_of_a_request_are_the_main_servers(httpd: Httpd) -> None:
    assert case(httpd, "outside") == [None, "yes", None]


def test_text_is_escaped_as_for_html(httpd: Httpd) -> None:
    assert case(httpd, "escaped") == "&lt;a href=&#x27;x&#x27;&gt;&amp;&quot;"


def test_what_the_importer_offers(httpd: Httpd) -> None:
    assert eval(httpd.get("/page.txt?module_helpers").text) == [True, "root", "root", None, True, True, True]


def test_frozen_modules_are_not_loaded_again(httpd: Httpd) -> None:
    assert httpd.get("/frozen").text == "old"
    httpd.write("frozen.py", "def handler(req):\n    req.write('new')\n    return 0\n")
    assert httpd.get("/frozen").text == "old"


def test_the_importer_of_old_can_not_be_chosen_which_is_said_once(httpd: Httpd) -> None:
    httpd.claim(r"\[python:notice\].*PythonOption mod_python\.legacy\.importer has no effect any more")
    assert "legacy.importer has" not in httpd.unclaimed()
