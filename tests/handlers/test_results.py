"""What handlers return and raise, and what becomes of it (spec: directives, section 2.1)."""

from urllib.parse import quote

import pytest
from httpd import Httpd, wait_for

CONF = """
    ErrorDocument 410 /teapot.txt
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler results
    </Directory>
    <Directory "${htdocs}/declined">
        PythonHandler results::declined
    </Directory>
    <Directory "${htdocs}/log">
        PythonLogHandler results::late
        PythonHandler results::hello
    </Directory>
    <Directory "${htdocs}/access">
        PythonAccessHandler results
        PythonHandler results::hello
    </Directory>
    <Directory "${htdocs}/fixup">
        PythonFixupHandler results::handler
        PythonHandler results::hello
    </Directory>
    <Directory "${htdocs}/headers">
        PythonHeaderParserHandler results::handler
        PythonHandler results::hello
    </Directory>
    <Directory "${htdocs}/type">
        PythonTypeHandler results::handler
        PythonHandler results::hello
    </Directory>
    <Directory "${htdocs}/cleanup">
        PythonCleanupHandler results::late
        PythonHandler results::hello
    </Directory>
    <Directory "${htdocs}/denied">
        Require all denied
        PythonAccessHandler results::hello_ok
    </Directory>
    <Files teapot.txt>
        SetHandler none
    </Files>
"""

FILES = {
    "htdocs/page.txt": "static", "htdocs/declined/page.txt": "static", "htdocs/teapot.txt": "short and stout",
    "htdocs/log/page.txt": "", "htdocs/access/page.txt": "", "htdocs/cleanup/page.txt": "",
    "htdocs/denied/page.txt": "", "htdocs/fixup/page.txt": "", "htdocs/headers/page.txt": "",
    "htdocs/type/page.txt": "",
    "results.py": """
from urllib.parse import unquote
from mod_python import apache

not_callable = 5
nothing = None
ended = []

def handler(req):
    scope = {"apache": apache, "req": req}
    code = unquote(req.args or "")
    if code.startswith("return "):
        return eval(code[7:], scope)
    exec(code, scope)
    return apache.OK

accesshandler = handler

def hello(req):
    if req.args == "ended":
        req.write(" ".join(ended))
    else:
        req.write("hello")
    return apache.OK

def hello_ok(req):
    return apache.OK

def declined(req):
    return apache.DECLINED

def late(req):
    if req.args == "late":
        ended.append(req.phase)
        raise LookupError("too late")
    return apache.OK if req.phase == "PythonLogHandler" else None
"""}


def run(httpd: Httpd, code: str, place: str = "") -> tuple[int, bytes]:
    r = httpd.get(f"{place}/page.txt?{quote(code)}")
    return r.status, r.body


def test_ok_ends_the_phase(httpd: Httpd) -> None:
    assert run(httpd, "req.write('fine')") == (200, b"fine")


def test_declined_lets_httpd_serve_the_file(httpd: Httpd) -> None:
    assert run(httpd, "", "/declined") == (200, b"static")
    assert httpd.get("/declined/missing.txt").status == 404


def test_done_ends_the_request_with_what_was_written(httpd: Httpd) -> None:
    assert run(httpd, "req.write('all'); raise apache.SERVER_RETURN(apache.DONE)") == (200, b"all")


@pytest.mark.parametrize("place", ["/headers", "/access", "/type", "/fixup"])
def test_done_in_an_earlier_phase_ends_the_request(httpd: Httpd, place: str) -> None:
    assert run(httpd, "req.write('early'); raise apache.SERVER_RETURN(apache.DONE)", place) == (200, b"early")


@pytest.mark.parametrize("status", [301, 400, 403, 404, 409, 500, 503])
def test_a_status_becomes_httpds_answer(httpd: Httpd, status: int) -> None:
    got, body = run(httpd, f"return {status}")
    assert got == status and b"<title>" in body


def test_a_status_goes_through_error_document(httpd: Httpd) -> None:
    assert run(httpd, "return apache.HTTP_GONE") == (410, b"short and stout")


def test_a_redirect_takes_its_location_from_headers_out(httpd: Httpd) -> None:
    r = httpd.get("/page.txt?" + quote("req.headers_out['Location'] = '/there'; raise apache.SERVER_RETURN(302)"))
    assert r.status == 302 and r.headers["Location"].endswith("/there")


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_body_have_none(httpd: Httpd, status: int) -> None:
    assert run(httpd, f"return {status}") == (status, b"")


def test_http_ok_instead_of_ok_is_taken_as_ok_with_a_warning(httpd: Httpd) -> None:
    assert run(httpd, "req.write('fine'); raise apache.SERVER_RETURN(apache.HTTP_OK)") == (200, b"fine")
    httpd.claim(r"\[python:warn\].*MP0012: PythonHandler returned apache.HTTP_OK")


@pytest.mark.parametrize("place", ["", "/access"])
@pytest.mark.parametrize("value", [1, 99, 999, -3, -5])
def test_other_numbers_are_an_error(httpd: Httpd, value: int, place: str) -> None:
    assert run(httpd, f"return {value}", place)[0] == 500
    httpd.claim_failure("PythonAccessHandler results" if place else "PythonHandler results", f"returned {value};")


@pytest.mark.parametrize("value", [2**31, 2**63, 2**200, -2**63 - 1])
def test_a_number_too_large_for_c_is_an_error(httpd: Httpd, value: int) -> None:
    pids = httpd.child_pids()
    assert run(httpd, f"return {value}")[0] == 500
    httpd.claim_failure("PythonHandler results", f"returned {value};")
    assert httpd.child_pids() == pids


@pytest.mark.parametrize("value", ["None", "'text'", "True", "False", "1.5", "object()", "[]"])
def test_a_value_that_is_no_int_is_an_error_that_says_so(httpd: Httpd, value: str) -> None:
    assert run(httpd, f"return {value}")[0] == 500
    httpd.claim_failure("PythonHandler results", "a non-integer")


def test_server_return_is_like_return(httpd: Httpd) -> None:
    assert run(httpd, "raise apache.SERVER_RETURN(apache.HTTP_NOT_FOUND)")[0] == 404
    assert run(httpd, "raise apache.SERVER_RETURN(apache.OK)") == (200, b"")


def test_server_return_may_set_the_status_too(httpd: Httpd) -> None:
    assert run(httpd, "req.write('own page', 0); raise apache.SERVER_RETURN(apache.OK, 404)") == (404, b"own page")
    assert run(httpd, "raise apache.SERVER_RETURN(apache.OK, 0)")[0] == 200


@pytest.mark.parametrize("raising", ["apache.SERVER_RETURN", "apache.SERVER_RETURN('text')"])
def test_server_return_without_a_number_is_an_error(httpd: Httpd, raising: str) -> None:
    assert run(httpd, f"raise {raising}")[0] == 500
    httpd.claim_failure("PythonHandler results", "SERVER_RETURN" if raising.endswith("RETURN") else "a non-integer")


@pytest.mark.parametrize("exception", ["SystemExit(3)", "KeyboardInterrupt()", "GeneratorExit()", "MemoryError('x')"])
def test_exceptions_that_end_programs_do_not_end_the_child(httpd: Httpd, exception: str) -> None:
    pids = httpd.child_pids()
    assert run(httpd, f"raise {exception}")[0] == 500
    httpd.claim_failure("PythonHandler results", exception.partition("(")[0])
    assert httpd.child_pids() == pids


def test_the_status_may_be_set_beside_ok(httpd: Httpd) -> None:
    assert run(httpd, "req.status = 404; req.write('not here')") == (404, b"not here")


def test_the_status_line_overrides_the_whole_line(httpd: Httpd) -> None:
    r = httpd.get("/page.txt?" + quote("req.status, req.status_line = 299, '299 Quite Good'; req.write('x')"))
    assert (r.status, r.reason) == (299, "Quite Good")


def test_an_access_handler_refuses(httpd: Httpd) -> None:
    assert run(httpd, "return 403", "/access")[0] == 403
    assert run(httpd, "return 0", "/access") == (200, b"hello")


def test_an_access_handlers_ok_grants_nothing(httpd: Httpd) -> None:
    assert httpd.get("/denied/page.txt").status == 403
    httpd.claim(r"AH01630: client denied by server configuration")


@pytest.mark.parametrize(("phase", "place"), [("PythonLogHandler", "/log"), ("PythonCleanupHandler", "/cleanup")])
def test_late_phases_do_not_change_the_answer(httpd: Httpd, phase: str, place: str) -> None:
    assert httpd.get(f"{place}/page.txt?late").body == b"hello"
    httpd.claim_failure(f"{phase} results::late", "LookupError: too late")
    wait_for(lambda: phase.encode() in httpd.get(f"{place}/page.txt?ended").body)
