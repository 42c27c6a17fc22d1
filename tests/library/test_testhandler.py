"""mod_python.testhandler: the page, and the log (spec: library, section 8)."""

from __future__ import annotations

from httpd import Httpd

CONF = """
    PythonOption server_option "of <server>"
    <Location /test>
        SetHandler mod_python
        PythonHandler mod_python.testhandler
        PythonOption own_option "<b>bold</b>"
    </Location>
    <Location /debug>
        SetHandler mod_python
        PythonHandler mod_python.testhandler
        PythonDebug On
    </Location>
    Listen 127.0.0.1:${piped}
    <VirtualHost 127.0.0.1:${piped}>
        ErrorLog "|/bin/cat >>${root}/logs/piped"
        PythonDebug On
        <Location /debug>
            SetHandler mod_python
            PythonHandler mod_python.testhandler
        </Location>
    </VirtualHost>
"""

FILES: dict[str, str] = {}
PORTS = ("piped",)


def test_the_page_tells_what_is_there(httpd: Httpd) -> None:
    r = httpd.get("/test?x=1", {"X-Header": "<script>alert(1)</script>"})
    assert (r.status, r.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for text in ("Apache/2.4", "with threads", str(httpd.root), str(httpd.htdocs), "3.1", "localhost",
                 "mod_python.publisher", "imported", "X-Header", "REQUEST_METHOD", "own_option", "server_option",
                 "?view_log=1",
                 "PythonHandler mod_python.testhandler"):
        assert text in r.text, text


def test_everything_is_escaped(httpd: Httpd) -> None:
    text = httpd.get("/test?<script>", {"X-Header": "<script>alert(1)</script>\xe9"}).text
    assert "<script>" not in text and "<b>" not in text and "of <server>" not in text
    assert "&lt;script&gt;alert(1)" in text and "&lt;b&gt;bold&lt;/b&gt;" in text


def test_the_log_is_shown_only_when_debugging(httpd: Httpd) -> None:
    r = httpd.get("/test?view_log=1")
    assert r.status == 403 and "AH00" not in r.text
    assert httpd.get("/test?view_log").status == 403
    r = httpd.get("/debug?view_log=1")
    assert (r.status, r.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert "resuming normal operations" in r.text and len(r.lines) <= 100


def test_a_log_that_is_no_file_is_not_shown(httpd: Httpd) -> None:
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", httpd.ports["piped"], timeout=20)
    connection.request("GET", "/debug?view_log=1")
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200 and text.endswith(", which is no file.\n") and "cat" in text
