"""What the members of a request do to its answer: status, headers, content type, the file that is served."""

import pytest
from cases import CASES, CASES_CONF
from httpd import Httpd, wait_for

CONF = CASES_CONF + """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler cases::by_query
        PythonDebug On
    </Directory>
    <Directory "${htdocs}/static">
        SetHandler none
        PythonFixupHandler cases::by_query
    </Directory>
    <Location /raw>
        SetHandler mod_python
        PythonHandler cases::raw
    </Location>
    PythonTransHandler cases::translate
"""

FILES = {
    "htdocs/page.txt": "static", "htdocs/static/page.txt": "the file", "htdocs/static/other.txt": "another file",
    "outside/mapped.txt": "from outside",
    "cases.py": CASES + r'''
import os

root = os.path.dirname(__file__)

def by_query(req):
    result = globals()[req.args](req)
    return apache.OK if result is None else result

def raw(req):
    result = globals()[req.uri.split("/")[2]](req)
    return apache.OK if result is None else result

def translate(req):
    if req.uri == "/mapped":
        req.filename = root + "/outside/mapped.txt"
        req.add_handler("PythonFixupHandler", lambda req: req.__setattr__("handler", "mod_python") or apache.OK)
        req.add_handler("PythonHandler", lambda req: req.sendfile(req.filename) and apache.OK)
        return apache.OK
    if req.uri == "/moved.txt":
        req.uri = "/static/other.txt"
    return apache.DECLINED

# Status

def own_status(req):
    req.status = 404
    req.write("own page")

def own_line(req):
    req.status = 299
    req.status_line = "299 Quite Good"
    seen = req.status_line
    req.write(seen)

def lines(req):
    seen = [req.status_line, req.status]
    req.write(" ")
    return None if seen == [None, 200] and req.status_line == "200 OK" else 500

# Headers

def no_cache(req):
    req.no_cache = 1
    req.write("x")

def languages(req):
    seen = req.content_languages
    req.content_languages = ["en", "de"]
    assert (seen, req.content_languages) == ((), ("en", "de"))
    req.content_encoding = "x-own"
    req.write("x")

def languages_gone(req):
    req.content_languages, req.content_encoding = ("en",), "x-own"
    del req.content_languages
    req.content_encoding = None
    assert req.content_languages == () and req.content_encoding is None
    req.write("x")

def content_type(req):
    seen = [req.content_type, req._content_type_set]
    req.content_type = "text/x-own"
    seen += [req.content_type, req._content_type_set]
    del req.content_type
    seen += [req.content_type, req._content_type_set]
    req.content_type = "text/x-again"
    req.content_type = None
    seen += [req.content_type, req._content_type_set]
    req.write(repr(seen))

def no_headers(req):
    req.assbackwards = 1
    req.write("naked")

def error_headers(req):
    req.headers_out["X-Out"] = "1"
    req.err_headers_out["X-Err"] = "2"
    return apache.HTTP_FORBIDDEN

def unauthorized(req):
    req.err_headers_out["WWW-Authenticate"] = "Own realm=x"
    return apache.HTTP_UNAUTHORIZED

def unauthorized_plain(req):
    return apache.HTTP_UNAUTHORIZED

def location_err(req):
    req.err_headers_out["Location"] = "http://elsewhere.example/"
    return apache.HTTP_MOVED_PERMANENTLY

def late_length(req):
    req.write("sent already")
    req.set_content_length(5)

def not_chunked_any_more(req):
    before = req.chunked
    req.write("x")
    req.write("%s %s" % (before, req.chunked))

def queued(req):
    seen = [req._bytes_queued]
    req.write("abc", 0)
    seen.append(req._bytes_queued)
    req.write("", 1)
    seen.append(req._bytes_queued)
    req.write(repr(seen))

def connection_close(req):
    req.connection.keepalive = apache.AP_CONN_CLOSE
    req.write("last")

# The file that httpd serves

def another_file(req):
    req.filename = os.path.join(os.path.dirname(req.filename), "other.txt")
    req.finfo = apache.stat(req.filename, apache.APR_FINFO_NORM)

def no_handler(req):
    req.handler = None

def not_a_handler(req):
    req.handler = "no-such-handler"

# The end of the answer

ends = []

def ended(req):
    ends.append(req.eos_sent)
    req.register_cleanup(lambda data: ends.append(req.eos_sent))
    req.write("x")

def ended_before(req):
    req.write(repr(ends))
'''}


def test_the_status_may_be_set_with_an_own_page(httpd: Httpd) -> None:
    r = httpd.get("/raw/own_status")
    assert (r.status, r.reason, r.body) == (404, "Not Found", b"own page")


def test_the_status_line_is_none_until_it_is_set_or_sent(httpd: Httpd) -> None:
    r = httpd.get("/raw/own_line")
    assert (r.status, r.reason, r.body) == (299, "Quite Good", b"299 Quite Good")
    assert httpd.get("/raw/lines").status == 200


def test_no_cache_adds_an_expires_header(httpd: Httpd) -> None:
    r = httpd.get("/raw/no_cache")
    assert r.headers["Expires"] == r.headers["Date"]
    assert "Expires" not in httpd.get("/raw/own_status").headers


def test_languages_and_encoding_become_headers(httpd: Httpd) -> None:
    r = httpd.get("/raw/languages")
    assert (r.headers["Content-Language"], r.headers["Content-Encoding"]) == ("en,de", "x-own")
    r = httpd.get("/raw/languages_gone")
    assert "Content-Language" not in r.headers and "Content-Encoding" not in r.headers


def test_the_content_type_can_be_cleared(httpd: Httpd) -> None:
    pids = httpd.child_pids()
    r = httpd.get("/raw/content_type")
    assert eval(r.text) == [None, 0, "text/x-own", 1, None, 0, None, 0] and "Content-Type" not in r.headers
    assert httpd.child_pids() == pids


def test_assbackwards_suppresses_the_headers(httpd: Httpd) -> None:
    with httpd.raw() as client:
        assert client.send(b"GET /raw/no_headers HTTP/1.0\r\n\r\n").receive_all() == b"naked"


def test_only_err_headers_out_is_in_error_answers(httpd: Httpd) -> None:
    r = httpd.get("/raw/error_headers")
    assert r.status == 403 and r.headers["X-Err"] == "2" and "X-Out" not in r.headers


def test_401_of_the_content_phase_has_the_header_that_the_handler_sets(httpd: Httpd) -> None:
    assert httpd.get("/raw/unauthorized").headers["WWW-Authenticate"] == "Own realm=x"
    r = httpd.get("/raw/unauthorized_plain")
    assert r.status == 401 and "WWW-Authenticate" not in r.headers


def test_a_redirect_may_take_its_location_from_err_headers_out(httpd: Httpd) -> None:
    r = httpd.get("/raw/location_err")
    assert (r.status, r.headers["Location"]) == (301, "http://elsewhere.example/")


def test_a_length_is_too_late_after_the_headers(httpd: Httpd) -> None:
    r = httpd.get("/raw/late_length")
    assert r.body == b"sent already" and "Content-Length" not in r.headers


def test_chunked_is_1_when_the_answer_became_so(httpd: Httpd) -> None:
    assert httpd.get("/raw/not_chunked_any_more").text == "x0 1"


def test_queued_bytes_are_counted(httpd: Httpd) -> None:
    assert httpd.get("/raw/queued").text == "abc[0, 3, 0]"


def test_a_connection_can_be_closed_after_the_answer(httpd: Httpd) -> None:
    with httpd.raw() as client:
        answer = client.send_request("GET", "/raw/connection_close").receive_all()
    assert b"\r\nConnection: close\r\n" in answer and b"last" in answer


@pytest.mark.parametrize(("query", "body"), [
    ("another_file", b"another file"), ("no_handler", b"the file"), ("not_a_handler", b"the file"),
])
def test_a_fixup_handler_says_what_httpd_serves(httpd: Httpd, query: str, body: bytes) -> None:
    assert httpd.get(f"/static/page.txt?{query}").body == body


def test_a_trans_handler_maps_a_request_to_a_file(httpd: Httpd) -> None:
    assert httpd.get("/mapped").body == b"from outside"


def test_a_trans_handler_may_change_the_uri(httpd: Httpd) -> None:
    assert httpd.get("/moved.txt?no_handler").body == b"another file"


def test_the_end_of_the_answer_is_told_to_cleanups(httpd: Httpd) -> None:
    assert httpd.get("/raw/ended").body == b"x"
    wait_for(lambda: httpd.get("/raw/ended_before").text == "[0, 1]")
