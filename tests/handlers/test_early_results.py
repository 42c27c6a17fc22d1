"""Results of the phases before the content: who may end a request, and how (spec: directives, 2.1)."""

import base64
from urllib.parse import quote

import pytest
from httpd import Httpd

CONF = """
    PythonPostReadRequestHandler results
    PythonTransHandler results
    PythonInitHandler results
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHeaderParserHandler results
        PythonAccessHandler results
        PythonTypeHandler results
        PythonFixupHandler results
        PythonHandler results::hello
        PythonLogHandler results
    </Directory>
    <Directory "${htdocs}/user">
        AuthType Basic
        AuthName "x"
        Require user ann bob
        PythonAuthenHandler results
        PythonAuthzHandler results
    </Directory>
    <Directory "${htdocs}/no_require">
        AuthType Basic
        AuthName "x"
        AuthMerging Off
        PythonAuthenHandler results
    </Directory>
    <Directory "${htdocs}/stack">
        PythonAccessHandler results::stop results::boom
        PythonFixupHandler results::again results::hello_fixup
        PythonAuthenHandler results::boom
    </Directory>
"""

FILES = {
    **{f"htdocs/{place}/page.txt": "static" for place in ("any", "user", "no_require", "stack")},
    "htdocs/missing.txt": "not asked for",
    "results.py": """
from urllib.parse import unquote
from mod_python import apache

def run(req):
    phase, _, code = unquote(req.args or "").partition(":")
    if req.phase == phase:
        scope = {"req": req, "apache": apache}
        exec("def function(req):\\n    " + code, scope)
        return scope["function"](req)
    if req.phase == "PythonAuthenHandler":
        req.get_basic_auth_pw()
        return apache.OK
    declining = ("PythonTransHandler", "PythonTypeHandler", "PythonAuthzHandler")
    return apache.DECLINED if req.phase in declining else apache.OK

postreadrequesthandler = transhandler = inithandler = headerparserhandler = accesshandler = typehandler = run
fixuphandler = authenhandler = authzhandler = loghandler = run

def hello(req):
    req.write("hello %s" % req.user)
    return apache.OK

def stop(req):
    if req.args == "stop":
        return apache.HTTP_NOT_FOUND
    return apache.OK

def boom(req):
    if req.args == "stop":
        raise LookupError("the stack has ended")
    return apache.OK

def again(req):
    return apache.DECLINED

def hello_fixup(req):
    req.user = "of the second fixup"
    return apache.OK
"""}

LOGIN = {"Authorization": "Basic " + base64.b64encode(b"ann:x").decode()}
ANY = ["PostReadRequest", "Trans", "Init", "HeaderParser", "Access", "Type", "Fixup"]
PHASES = [*ANY, "Authen", "Authz"]


def run(httpd: Httpd, phase: str, code: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    place = "user" if phase.startswith("Auth") else "any"
    r = httpd.get(f"/{place}/page.txt?{quote(f'Python{phase}Handler:{code}')}", LOGIN if headers is None else headers)
    return r.status, r.body


@pytest.mark.parametrize("phase", PHASES)
def test_done_ends_the_request_with_what_was_written(httpd: Httpd, phase: str) -> None:
    assert run(httpd, phase, "req.write('early'); return apache.DONE") == (200, b"early")
    assert run(httpd, phase, "req.status = 404; req.write('own'); return apache.DONE") == (404, b"own")


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_status_is_the_answer(httpd: Httpd, phase: str, status: int) -> None:
    got, body = run(httpd, phase, f"return {status}")
    assert got == status and b"<title>" in body
    assert run(httpd, phase, f"raise apache.SERVER_RETURN({status})")[0] == status


@pytest.mark.parametrize("phase", PHASES)
def test_a_redirect_has_its_location(httpd: Httpd, phase: str) -> None:
    code = f"Python{phase}Handler:req.headers_out['Location'] = 'http://elsewhere.example/'; return 302"
    place = "user" if phase.startswith("Auth") else "any"
    r = httpd.get(f"/{place}/page.txt?{quote(code)}", LOGIN)
    assert (r.status, r.headers["Location"]) == (302, "http://elsewhere.example/")


@pytest.mark.parametrize("phase", [*PHASES, "Log"])
@pytest.mark.parametrize(("code", "said"), [
    ("return None", "a non-integer"), ("return True", "a non-integer"), ("return 999", "returned 999;"),
    ("raise LookupError('odd')", "LookupError: odd"), ("raise SystemExit(1)", "SystemExit"),
])
def test_what_is_no_result_is_500_and_logged(httpd: Httpd, phase: str, code: str, said: str) -> None:
    status, body = run(httpd, phase, code)
    assert (status, body) == (200, b"hello None") if phase == "Log" else status == 500
    httpd.claim_failure(f"Python{phase}Handler results", said)


@pytest.mark.parametrize("phase", ANY)
def test_ok_and_declined_let_the_request_go_on(httpd: Httpd, phase: str) -> None:
    assert run(httpd, phase, "return apache.DECLINED") == (200, b"hello None")
    if phase != "Trans":        # whose OK says that the file name is there
        assert run(httpd, phase, "return apache.OK") == (200, b"hello None")


def test_authz_handlers_decide_or_leave_it_to_require(httpd: Httpd) -> None:
    bob, other = ({"Authorization": "Basic " + base64.b64encode(name + b":x").decode()} for name in (b"bob", b"other"))
    assert run(httpd, "Authz", "return apache.DECLINED", bob) == (200, b"hello bob")
    assert run(httpd, "Authz", "return apache.DECLINED", other)[0] == 401
    httpd.claim("user other: authorization failure")
    assert run(httpd, "Authz", "return apache.OK", other) == (200, b"hello other")
    assert run(httpd, "Authz", "return 403", bob)[0] == 403
    assert run(httpd, "Authz", "return 401", bob)[0] == 401


def test_httpd_itself_refuses_auth_that_is_half_configured(httpd: Httpd) -> None:
    assert httpd.get("/no_require/page.txt", LOGIN).status == 500
    httpd.claim("AH01627: AuthType configured with no corresponding authorization directives")


def test_a_stack_ends_with_the_first_refusal(httpd: Httpd) -> None:
    assert httpd.get("/stack/page.txt?stop").status == 404
    assert httpd.get("/stack/page.txt").body == b"hello of the second fixup"
