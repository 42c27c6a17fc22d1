"""Every phase directive runs its handler, in httpd's order, with the default function name."""

import base64

from httpd import Httpd, wait_for

LOGIN = {"Authorization": "Basic " + base64.b64encode(b"ann:secret").decode()}

CONF = """
    PythonPostReadRequestHandler trace
    PythonTransHandler trace
    PythonInitHandler trace::serverinit
    <Directory "${htdocs}/all">
        SetHandler mod_python
        PythonHeaderParserHandler trace
        PythonInitHandler trace
        PythonAccessHandler trace
        PythonAuthenHandler trace
        PythonAuthzHandler trace
        PythonTypeHandler trace
        PythonFixupHandler trace
        PythonHandler trace
        PythonLogHandler trace
        PythonCleanupHandler trace
        AuthType Basic
        AuthName "all phases"
        Require valid-user
    </Directory>
    <Directory "${htdocs}/open">
        SetHandler mod_python
        PythonAuthenHandler trace
        PythonAuthzHandler trace
        PythonHandler trace
    </Directory>
    <Directory "${htdocs}/inherited">
        SetHandler mod_python
        PythonHandler trace
    </Directory>
    <Directory "${htdocs}/static">
        PythonHandler trace
        PythonFixupHandler trace::mark
    </Directory>
    <Directory "${htdocs}/old">
        SetHandler python-program
        PythonHandler trace
    </Directory>
    <Directory "${htdocs}/typed">
        PythonTypeHandler trace::html
    </Directory>
    <Directory "${htdocs}/dir">
        PythonFixupHandler trace::take
        PythonHandler trace
    </Directory>
    <Location /ended>
        SetHandler mod_python
        PythonHandler trace::show_ended
    </Location>
"""

FILES = {
    "htdocs/all/page.txt": "static", "htdocs/open/page.txt": "static", "htdocs/static/page.txt": "static",
    "htdocs/old/page.txt": "static", "htdocs/typed/page.txt": "<b>typed</b>", "htdocs/dir/other.txt": "",
    "htdocs/inherited/page.txt": "static",
    "trace.py": """
from mod_python import apache

ended = []

def note(req, result=apache.OK):
    phases = getattr(req, "phases", [])
    phases.append(req.phase)
    req.phases = phases
    return result

def serverinit(req):
    req.server_init = True
    return note(req)

def postreadrequesthandler(req):
    return note(req)

def transhandler(req):
    return note(req, apache.DECLINED)

headerparserhandler = inithandler = accesshandler = typehandler = fixuphandler = postreadrequesthandler

def authenhandler(req):
    if req.get_basic_auth_pw() != "secret":
        return apache.HTTP_UNAUTHORIZED
    return note(req)

def authzhandler(req):
    return note(req)

def handler(req):
    note(req)
    req.write("\\n".join(req.phases))
    return apache.OK

def loghandler(req):
    return note(req)

def cleanuphandler(req):
    note(req)
    ended.append(" ".join(req.phases[-3:]))
    return apache.OK

def mark(req):
    req.headers_out["X-Fixup"] = req.phase
    return apache.OK

def html(req):
    req.content_type = "text/html"
    return apache.OK

def take(req):
    if req.uri.endswith("/"):
        req.handler = "mod_python"
    return apache.OK

def show_ended(req):
    req.write("\\n".join(ended))
    return apache.OK
"""}

EARLY = ["PythonInitHandler", "PythonPostReadRequestHandler", "PythonTransHandler"]


def test_a_request_meets_every_phase_in_order(httpd: Httpd) -> None:
    assert httpd.get("/all/page.txt", LOGIN).lines == [
        *EARLY, "PythonInitHandler", "PythonHeaderParserHandler", "PythonAccessHandler", "PythonAuthenHandler",
        "PythonAuthzHandler", "PythonTypeHandler", "PythonFixupHandler", "PythonHandler"]


def test_log_and_cleanup_run_after_the_answer(httpd: Httpd) -> None:
    httpd.get("/all/page.txt", LOGIN)
    wait_for(lambda: "PythonHandler PythonLogHandler PythonCleanupHandler" in httpd.get("/ended").lines)


def test_an_inherited_init_handler_runs_once(httpd: Httpd) -> None:
    assert httpd.get("/inherited/page.txt").lines == [*EARLY, "PythonHandler"]


def test_authen_and_authz_run_only_when_a_user_is_required(httpd: Httpd) -> None:
    assert httpd.get("/open/page.txt", LOGIN).lines == [*EARLY, "PythonHandler"]


def test_the_content_phase_needs_the_handler_name(httpd: Httpd) -> None:
    r = httpd.get("/static/page.txt")
    assert r.body == b"static" and r.headers["X-Fixup"] == "PythonFixupHandler"


def test_the_old_handler_name_works(httpd: Httpd) -> None:
    assert httpd.get("/old/page.txt").lines[-1] == "PythonHandler"


def test_a_type_handler_comes_before_mod_mime(httpd: Httpd) -> None:
    assert httpd.get("/typed/page.txt").headers["Content-Type"] == "text/html"


def test_a_fixup_handler_may_take_a_directory_url(httpd: Httpd) -> None:
    assert httpd.get("/dir/").lines[-1] == "PythonHandler"
