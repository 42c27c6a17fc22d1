"""Exceptions in handlers: the error log, the answer, and the page of PythonDebug (spec: directives, section 8)."""

import html
import http.client
from urllib.parse import quote

import pytest
from httpd import Httpd

CONF = """
    ErrorDocument 503 "busy"
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler faults
    </Directory>
    <Directory "${htdocs}/debug">
        PythonDebug On
    </Directory>
    <Directory "${htdocs}/debug_fixup">
        PythonDebug On
        PythonFixupHandler faults
    </Directory>
    <Directory "${htdocs}/debug_late">
        PythonDebug On
        PythonHandler faults::fine
        PythonLogHandler faults
        PythonCleanupHandler faults
    </Directory>
    <Directory "${htdocs}/debug/off">
        PythonDebug Off
    </Directory>
"""

FILES = {
    **{f"htdocs/{place}page.txt": "" for place in ("", "debug/", "debug_fixup/", "debug_late/", "debug/off/")},
    "faults.py": """
from mod_python import apache

def say(req):
    raise LookupError("<script>alert(\\"1\\" + '2')</script> & %s %n")

def with_args(req):
    raise LookupError(req.unparsed_uri)

def after_flush(req):
    req.write("sent already")
    raise LookupError("after flush")

def queued(req):
    req.write("queued", 0)
    raise LookupError("after queued")

def odd_text(req):
    raise LookupError("line one\\nline two \\x07 \\udc80 \\u20ac")

def cause(req):
    try:
        {}["key"]
    except KeyError as error:
        raise LookupError("the outer") from error

def group(req):
    code = compile("raise LookupError('no source')", "/nowhere/at/all.py", "exec")
    exec(code)

def recursion(req):
    return recursion(req)

class BadText(Exception):
    def __str__(self):
        raise ValueError("text of text")

def bad_text(req):
    raise BadText()

def handler(req):
    return globals()[(req.args or "fine").partition("&")[0]](req)

fixuphandler = loghandler = cleanuphandler = handler

def fine(req):
    req.write("fine")
    return apache.OK
"""}


def test_without_debug_the_client_learns_nothing(httpd: Httpd) -> None:
    for path in ("/page.txt?say", "/debug/off/page.txt?say"):
        r = httpd.get(path)
        assert r.status == 500 and b"script" not in r.body and b"Traceback" not in r.body
        assert r.headers["Content-Type"].startswith("text/html")
        httpd.claim_failure("PythonHandler faults", "LookupError: <script>", "localhost")


def test_every_line_of_the_log_has_client_level_and_handler(httpd: Httpd) -> None:
    httpd.get("/page.txt?cause")
    lines = httpd.claim(r"MP0010: PythonHandler faults[\s\S]*?LookupError: the outer.*")[0].splitlines()
    assert len(lines) > 6
    for line in lines[1:]:
        assert "[python:error]" in line and "[client 127.0.0.1:" in line and "PythonHandler faults: " in line
    text = "\n".join(lines)
    assert "KeyError: 'key'" in text and "direct cause of the following exception" in text


def test_percent_signs_and_control_characters_are_logged_as_text(httpd: Httpd) -> None:
    httpd.get("/page.txt?say")
    httpd.claim_failure("PythonHandler faults", "& %s %n")
    httpd.get("/page.txt?odd_text")
    httpd.claim(r"MP0010: PythonHandler faults[\s\S]*?LookupError: line one\n.*PythonHandler faults: line two .*")


@pytest.mark.parametrize(("fault", "text"), [
    ("group", "LookupError: no source"), ("recursion", "RecursionError"), ("bad_text", "BadText"),
])
def test_tracebacks_that_are_hard_to_print(httpd: Httpd, fault: str, text: str) -> None:
    assert httpd.get(f"/page.txt?{fault}").status == 500
    httpd.claim_failure("PythonHandler faults", text)


def test_the_debug_page(httpd: Httpd) -> None:
    r = httpd.get("/debug/page.txt?say")
    assert r.status == 500 and r.headers["Content-Type"].startswith("text/html")
    assert r.text.startswith('\n<pre>\nMod_python error: "PythonHandler faults"\n\nTraceback (most recent call last)')
    assert r.text.endswith("</pre>\n")
    assert "LookupError: &lt;script&gt;alert(&quot;1&quot; + " in r.text and "&lt;/script&gt; &amp; %s %n\n" in r.text
    assert """LookupError: <script>alert("1" + '2')</script> & %s %n\n""" in html.unescape(r.text)
    report = r.text.partition("Traceback")[2].removesuffix("</pre>\n")
    assert not set("<>'\"") & set(report)
    httpd.claim_failure("PythonHandler faults", "LookupError")


def test_what_the_client_sent_is_escaped_in_the_debug_page(httpd: Httpd) -> None:
    with httpd.raw() as client:
        r = client.send_request("GET", "/debug/page.txt?with_args&<script>'\"").response()
    assert r.status == 500 and b"<script>" not in r.body and "<script>'\"" in html.unescape(r.text)
    httpd.claim_failure("PythonHandler faults", "LookupError: /debug")


def test_an_answer_that_an_exception_cuts_short_does_not_look_complete(httpd: Httpd) -> None:
    with pytest.raises(http.client.IncompleteRead) as cut:
        httpd.get("/page.txt?after_flush")
    assert cut.value.partial == b"sent already"
    httpd.claim_failure("PythonHandler faults", "LookupError: after flush")


def test_queued_output_does_not_stand_before_the_error_page(httpd: Httpd) -> None:
    r = httpd.get("/page.txt?queued")
    assert r.status == 500 and b"queued" not in r.body
    httpd.claim_failure("PythonHandler faults", "LookupError: after queued")


def test_the_debug_page_follows_what_was_sent(httpd: Httpd) -> None:
    r = httpd.get("/debug/page.txt?after_flush")
    assert r.status == 200 and r.text.startswith("sent already\n<pre>\nMod_python error:")
    httpd.claim_failure("PythonHandler faults", "LookupError: after flush")


def test_the_debug_page_follows_what_was_queued(httpd: Httpd) -> None:
    r = httpd.get("/debug/page.txt?queued")
    assert r.status == 500 and r.text.startswith("queued\n<pre>\nMod_python error:")
    httpd.claim_failure("PythonHandler faults", "LookupError: after queued")


def test_the_debug_page_of_an_earlier_phase(httpd: Httpd) -> None:
    r = httpd.get("/debug_fixup/page.txt?say")
    assert r.status == 500 and 'Mod_python error: "PythonFixupHandler faults"' in r.text
    httpd.claim_failure("PythonFixupHandler faults", "LookupError")


def test_late_phases_only_log(httpd: Httpd) -> None:
    assert httpd.get("/debug_late/page.txt?say").body == b"fine"
    httpd.claim_failure("PythonLogHandler faults", "LookupError")
    httpd.claim_failure("PythonCleanupHandler faults", "LookupError")
    httpd.get("/page.txt")


def test_one_connection_serves_on_after_errors(httpd: Httpd) -> None:
    with httpd.session() as ask:
        assert ask("GET", f"/page.txt?{quote('say')}").status == 500
        assert ask("GET", "/page.txt").body == b"fine"
    httpd.claim_failure("PythonHandler faults", "LookupError")
