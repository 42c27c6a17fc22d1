"""util.redirect: what is sent, in which phases, and what is refused."""

from __future__ import annotations

import pytest
from cases import CASES
from httpd import Httpd

CONF = """
    <Location /case>
        SetHandler mod_python
        PythonHandler cases::dispatch cases::never
        ErrorDocument 301 "an error document"
        ErrorDocument 302 "an error document"
    </Location>
    <Location /early>
        SetHandler mod_python
        PythonHandler cases::never
        ErrorDocument 302 "an error document"
    </Location>
    <Location /early/init>
        PythonInitHandler cases::early
    </Location>
    <Location /early/access>
        PythonAccessHandler cases::early
    </Location>
    <Location /early/fixup>
        PythonFixupHandler cases::early
    </Location>
    <Location /plain>
        SetHandler mod_python
        PythonHandler cases::dispatch
    </Location>
    PythonTransHandler cases::translated
"""

FILES = {"cases.py": CASES + r'''
from mod_python import util

def temporary(req):
    util.redirect(req, "/new?a=1&b=<2>")

def permanent(req):
    util.redirect(req, "http://example.org/", permanent=1)

def by_position(req):
    util.redirect(req, "/new", True, "gone there")

def text(req):
    req.content_type = "text/plain"
    req.headers_out["X-Kept"] = "no"
    req.err_headers_out["X-Kept-Too"] = "yes"
    util.redirect(req, "/new", text="<gone & there>")

def typed(req):
    req.content_type = "application/xhtml+xml"
    util.redirect(req, "/new")

def other(req):
    util.redirect(req, "/\u20ac")

def sent(req):
    req.write("sent")
    req.flush()
    return raised(util.redirect, req, "/new")

def refused(req):
    return [raised(util.redirect, req, location)[0]
            for location in (None, 5, b"/new", "/a\r\nSet-Cookie: x=y", "/a\n", "/a\r", "/a\0")] + [
            "Location" in req.err_headers_out, req.status]

def never(req):
    req.write("a handler that must not run")
    return apache.OK

def early(req):
    util.redirect(req, "/from" + req.uri)

def translated(req):
    if req.uri == "/translated":
        early(req)
    return apache.DECLINED
'''}


def test_the_default_is_a_temporary_one_with_a_link(httpd: Httpd) -> None:
    r = httpd.get("/case/temporary")
    assert (r.status, r.headers["Location"], r.headers["Content-Type"]) == (302, "/new?a=1&b=<2>", "text/html")
    assert '<a href="/new?a=1&amp;b=&lt;2&gt;">' in r.text and "moved" in r.text and "<2>" not in r.text


def test_permanent_and_text(httpd: Httpd) -> None:
    r = httpd.get("/case/permanent")
    assert (r.status, r.headers["Location"]) == (301, "http://example.org/")
    r = httpd.get("/case/by_position")
    assert (r.status, r.headers["Location"], r.text) == (301, "/new", "gone there")
    r = httpd.get("/case/text")
    assert (r.status, r.text, r.headers["Content-Type"]) == (302, "<gone & there>", "text/plain")
    assert httpd.get("/case/typed").headers["Content-Type"] == "application/xhtml+xml"


def test_the_location_is_sent_as_it_is(httpd: Httpd) -> None:
    assert httpd.get("/case/other").headers["Location"].encode("latin-1") == "/\u20ac".encode()


def test_a_head_request_gets_no_text(httpd: Httpd) -> None:
    r = httpd.request("HEAD", "/case/temporary")
    assert (r.status, r.headers["Location"], r.body) == (302, "/new?a=1&b=<2>", b"")


@pytest.mark.parametrize("path", ["/early/init", "/early/access", "/early/fixup", "/translated"])
def test_any_phase_can_redirect(httpd: Httpd, path: str) -> None:
    r = httpd.get(path)
    assert (r.status, r.headers["Location"]) == (302, f"/from{path}")
    assert r.text.startswith("<p>") and "must not run" not in r.text and "error document" not in r.text


def test_not_after_a_part_of_the_answer(httpd: Httpd) -> None:
    r = httpd.get("/plain/sent")
    assert r.status == 200 and r.text.startswith("sent('OSError', ")
    assert "Location" not in r.headers


def test_a_location_is_text_of_one_line(httpd: Httpd) -> None:
    r = httpd.get("/plain/refused")
    assert r.text == repr([*["TypeError"] * 3, *["ValueError"] * 4, False, 200])


def test_it_ends_the_request_of_a_keep_alive_connection_only(httpd: Httpd) -> None:
    with httpd.session() as ask:
        for _ in range(3):
            assert ask("GET", "/case/by_position").text == "gone there"
