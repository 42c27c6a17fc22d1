"""PythonHandlerModule: one line for the handlers of all phases (spec: directives, section 6)."""

import base64

import pytest
from httpd import Httpd, wait_for

LOGIN = {"Authorization": "Basic " + base64.b64encode(b"ann:secret").decode()}

CONF = """
    <Directory "${htdocs}">
        SetHandler mod_python
        AuthType Basic
        AuthName "x"
    </Directory>
    <Directory "${htdocs}/all">
        Require valid-user
        PythonHandlerModule all_phases
    </Directory>
    <Directory "${htdocs}/open">
        Require all granted
        PythonHandlerModule all_phases
    </Directory>
    <Directory "${htdocs}/local">
        PythonHandlerModule only_local
    </Directory>
    <Directory "${htdocs}/function">
        PythonHandlerModule named::func
    </Directory>
    <Directory "${htdocs}/extension">
        PythonHandlerModule all_phases | .one
        Require all granted
    </Directory>
    <Directory "${htdocs}/empty">
        PythonHandlerModule nothing_at_all
    </Directory>
    <Directory "${htdocs}/missing">
        PythonHandlerModule no_such_module
    </Directory>
    <Directory "${htdocs}/beside">
        PythonHandlerModule nothing_at_all
        PythonHandler named::loud
    </Directory>
    <VirtualHost *>
        ServerName plain
    </VirtualHost>
    <VirtualHost *>
        ServerName early
        PythonHandlerModule all_phases
    </VirtualHost>
"""

FILES = {
    **{f"htdocs/{place}/page.txt": "static" for place in (
        "all", "open", "local", "function", "empty", "missing", "beside")},
    "htdocs/extension/a.one": "static", "htdocs/extension/b.two": "static two", "htdocs/page.txt": "static",
    "nothing_at_all.py": "",
    "htdocs/local/only_local.py": "def handler(req):\n    req.write('local')\n    return 0\n",
    "named.py": """
from mod_python import apache

def func(req):
    req.phases = getattr(req, "phases", []) + [req.phase]
    if req.phase == "PythonTypeHandler":
        return apache.DECLINED
    if req.phase == "PythonHandler":
        req.write(" ".join(req.phases))
    return apache.OK

def loud(req):
    req.write("%s" % req.hlist.silent)
    return apache.OK
""",
    "all_phases.py": """
from mod_python import apache

ended = []

def note(req, result=apache.OK):
    assert req.hlist.silent == 1
    req.phases = getattr(req, "phases", []) + [req.phase]
    return result

def postreadrequesthandler(req):
    return note(req)

inithandler = headerparserhandler = accesshandler = fixuphandler = loghandler = postreadrequesthandler

def transhandler(req):
    return note(req, apache.DECLINED)

def typehandler(req):
    return note(req, apache.DECLINED)

def authenhandler(req):
    req.get_basic_auth_pw()
    return note(req) if req.user else apache.HTTP_UNAUTHORIZED

def authzhandler(req):
    return note(req)

def handler(req):
    note(req)
    if req.args == "ended":
        req.write(" ".join(ended))
    else:
        req.write(" ".join(req.phases))
    return apache.OK

def cleanuphandler(req):
    note(req)
    ended[:] = req.phases[-2:]

def connectionhandler(conn):
    raise LookupError("no line of PythonHandlerModule is for connections")
"""}

DIRECTORY = ["PythonInitHandler", "PythonHeaderParserHandler", "PythonAccessHandler"]
USER = ["PythonAuthenHandler", "PythonAuthzHandler"]
LATE = ["PythonTypeHandler", "PythonFixupHandler", "PythonHandler"]


def test_every_phase_of_a_directory_has_the_module(httpd: Httpd) -> None:
    assert httpd.get("/all/page.txt", LOGIN).text.split() == DIRECTORY + USER + LATE
    assert httpd.get("/all/page.txt").status == 401
    wait_for(lambda: httpd.get("/open/page.txt?ended").text == "PythonLogHandler PythonCleanupHandler")


def test_no_user_no_functions_of_the_user(httpd: Httpd) -> None:
    assert httpd.get("/open/page.txt", LOGIN).text.split() == DIRECTORY + LATE


def test_the_early_phases_are_in_it_at_server_level(httpd: Httpd) -> None:
    r = httpd.get("/page.txt", {"Host": "early"})
    assert r.text.split() == ["PythonInitHandler", "PythonPostReadRequestHandler", "PythonTransHandler",
                              "PythonHeaderParserHandler", "PythonAccessHandler", *LATE]


def test_the_directory_of_the_section_is_searched(httpd: Httpd) -> None:
    assert httpd.get("/local/page.txt").text == "local"


def test_a_named_function_serves_every_phase(httpd: Httpd) -> None:
    assert httpd.get("/function/page.txt").text.split() == DIRECTORY + LATE


def test_it_may_be_restricted_to_extensions(httpd: Httpd) -> None:
    assert httpd.get("/extension/a.one").text.split() == DIRECTORY + LATE
    assert httpd.get("/extension/b.two").body == b"static two"


def test_a_module_without_functions_declines(httpd: Httpd) -> None:
    assert httpd.get("/empty/page.txt").body == b"static"
    assert httpd.get("/beside/page.txt").body == b"0"


def test_a_module_that_is_not_there_is_an_error(httpd: Httpd) -> None:
    assert httpd.get("/missing/page.txt").status == 500
    httpd.claim_failure("PythonInitHandler no_such_module", "No module named 'no_such_module'")
    if "PythonLogHandler no_such_module" not in httpd.unclaimed():
        wait_for(lambda: "PythonCleanupHandler no_such_module failed" in httpd.unclaimed())
    for phase in ("PythonLogHandler", "PythonCleanupHandler"):
        httpd.claim_failure(f"{phase} no_such_module", "No module named 'no_such_module'")


@pytest.mark.parametrize("extension", ["", " | .one"])
def test_it_is_accepted_everywhere(httpd: Httpd, extension: str) -> None:
    line = f"PythonHandlerModule a{extension}\n"
    status, output = httpd.configtest(
        line + f"<VirtualHost *>\n{line}</VirtualHost>\n<Location /x>\n{line}</Location>\n")
    assert status == 0, output
