"""mod_python.psp: pages as answers and as templates (spec: library, section 5; directives, section 13)."""

from __future__ import annotations

import re

import pytest
from client import Response
from httpd import Httpd

CONF = """
    <Directory ${htdocs}>
        AddHandler mod_python .psp .psp_
        PythonHandler mod_python.psp
    </Directory>
    <Directory ${htdocs}/debug>
        PythonDebug On
    </Directory>
    <Directory ${htdocs}/named>
        PythonHandler mod_python.psp::psphandler
    </Directory>
    <Directory ${htdocs}/handled>
        AddHandler mod_python .py
        PythonHandler handled
    </Directory>
    <Directory ${htdocs}/sessions>
        PythonHandler fakesession mod_python.psp
    </Directory>
    <Location /nowhere>
        SetHandler mod_python
        PythonHandler mod_python.psp
    </Location>
"""

HANDLED = '''
from mod_python import apache, psp

def handler(req):
    req.content_type = "text/plain"
    return globals()[req.args or "plain"](req) or apache.OK

def plain(req):
    page = psp.PSP(req, filename="template.psp", vars={"a": 1, "b": 2})
    page.run({"b": 3})
    page.run({"b": page.vars["b"], "c": 4})

def nested(req):
    inner = psp.PSP(req, string="[<%= word %>]", vars={"word": "inner"})
    psp.PSP(req, string=b"<%= before %>|<%= inner %>|").run({"before": "b", "inner": inner})
    req.write(req.content_type)

def both(req):
    try:
        psp.PSP(req, filename="template.psp", string="x")
    except ValueError as error:
        req.write(str(error))

def missing(req):
    psp.PSP(req, filename="missing.psp")

def string(req):
    psp.PSP(req, string="a\\n<%= 1/0 %>").run()

def including(req):
    psp.PSP(req, string='<%@ include file="part.inc" %>').run()

def flushed(req):
    psp.PSP(req, string="flushed").run(flush=1)
    req.write(str(req._bytes_queued), 0)

def shown(req):
    psp.PSP(req, string="<b>'&\\"<% x = 1 %>").display_code()

def delegated(req):
    req.filename = req.document_root() + "/utf8.psp"
    return psp.handler(req)

def whole(req):
    psp.PSP(req, filename=req.document_root() + "/plain.psp").run()

def made(req):
    req.write(psp.parse(req.document_root() + "/plain.psp") + psp.parse("plain.psp", req.document_root())
              + psp.parsestring(b"x"))
'''

FAKE_SESSION = '''
import sys
import types
from mod_python import apache

class Session(dict):
    made = []

    def __init__(self, req):
        super().__init__()
        self.req = req
        self.log = ["made"]
        Session.made.append(self)

    def save(self):
        self.log.append("saved")

    def unlock(self):
        self.log.append("unlocked")

module = types.ModuleType("mod_python.Session")
module.Session = Session
sys.modules["mod_python.Session"] = module

def handler(req):
    if req.args == "log":
        req.write(" ".join(Session.made[-1].log) + " " + str(hasattr(req, "session")) + " " + str(len(Session.made)))
        return apache.DONE
    if req.args == "own":
        req.session = Session(req)
    return apache.OK
'''

ERROR_PAGE = """<% req.status = 500 %>error page: <%= exception[0].__name__ %> <%= exception[1].args %>
<%= exception[2].tb_frame.f_code.co_filename.rpartition("/")[2] %>:<%= exception[2].tb_lineno %>"""

FILES = {
    "htdocs/plain.psp": "<p>one</p>\n<%\nfor n in range(3):\n%><i><%= n %></i>\n<%\n# end\n%>\\n \\x41 \"done\"\r\n",
    "htdocs/empty.psp": "",
    "htdocs/utf8.psp": "é<%= 'ü' %>",
    "htdocs/names.psp": "<%= [__file__, psp.filename] == [req.filename] * 2 %>"
                        " <%= [globals()[name] for name in ('form', 'session')] %>"
                        " <%= psp.error_page %> <%= apache.OK %> <%= util.parse_qs('a=1') %> <%= os.sep %>"
                        " <%= sys.argv %> <%= escape('<') %> <%= __mp_path__ %> <%= psp.req is req %>",
    "htdocs/form.psp": "<%= form.keys() %> <%= req.form is form is psp.form %> <%= form.getlist('a') %>",
    "htdocs/function.psp": "<%\ndef f():\n    return form.getfirst('a')\n# end\n%><%= f() %>",
    "htdocs/imports.psp": "<%\nbeside = apache.import_module('beside')\n%><%= beside.name %>",
    "htdocs/beside.py": "name = 'the module beside'",
    "htdocs/sub/imports.psp": "<%= apache.import_module('beside').name %>",
    "htdocs/sub/beside.py": "name = 'another one'",
    "htdocs/status.psp": "<% req.status = 404; req.content_type = 'text/plain; charset=utf-8' %>gone",
    "htdocs/redirect.psp": "<html><% psp.redirect('/plain.psp') %></html>",
    "htdocs/permanent.psp": "<% psp.redirect('/plain.psp', permanent=1) %>",
    "htdocs/apply.psp": "<%\ndef f(req, a, b='none'):\n    return req.method, a, b\n# end\n%><%= psp.apply_data(f) %>",
    "htdocs/return.psp": "lost <% raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN) %>",
    "htdocs/done.psp": "kept <% raise apache.SERVER_RETURN(apache.OK) %>",
    "htdocs/fails.psp": "one\ntwo\n<%\nx = 1\nraise ValueError('many', 'words', 3)\n%>",
    "htdocs/debug/fails.psp": "one\n<%= undefined %>",
    "htdocs/debug/wrong.psp": "one\n\n<%= a b %>",
    "htdocs/debug/missing.psp": "one\n<%@ include file=\"parts/nothing.inc\" %>",
    "htdocs/debug/circle.psp": "<%@ include file=\"circle.inc\" %>",
    "htdocs/debug/circle.inc": "\n<%@ include file=\"circle.psp\" %>",
    "htdocs/debug/outside.psp": "<%@ include file=\"../../outside.inc\" %>",
    "htdocs/debug/latin.psp": b"one\n\xe9",
    "htdocs/debug/part.psp": "one\n<%@ include file=\"part.inc\" %>\n<%= f(0) %>",
    "htdocs/debug/part.inc": "<%\n\ndef f(n):\n    return 1 / n\n# end\n%>",
    "htdocs/debug/inside.psp": "one\n<%@ include file=\"inside.inc\" %>\n",
    "htdocs/debug/inside.inc": "\n\n<b><%= 1/0 %></b>",
    "htdocs/debug/code.psp": "<b>bold</b>\n<% x = '<&>' %>",
    "htdocs/debug/xss.psp": "<% raise ValueError('<script>\"') %>",
    "outside.inc": "outside",
    "htdocs/wrong.psp": "one\n\n<%= a b %>",
    "htdocs/code.psp": "<b>bold</b>",
    "htdocs/on_error.psp": "so far <%\npsp.set_error_page('error.psp')\n\nraise LookupError('a', 2)\n%>",
    "htdocs/sub/on_error.psp": "<% psp.set_error_page('/error.psp') %><%= 1/0 %>",
    "htdocs/error.psp": ERROR_PAGE,
    "htdocs/no_error.psp": "<% psp.set_error_page('nothing.psp') %>",
    "htdocs/bad_error.psp": "<% psp.set_error_page('fails.psp') %><%= 1/0 %>",
    "htdocs/return_error.psp": "<% psp.set_error_page('error.psp') %><% psp.redirect('/plain.psp') %>",
    "htdocs/exit.psp": "<% psp.set_error_page('error.psp') %><% sys.exit(3) %>",
    "htdocs/named/page.psp": "named",
    "htdocs/handled/x.py": "",
    "htdocs/handled/handled.py": HANDLED,
    "htdocs/handled/template.psp": "<%= a %><%= b %><%= globals().get('c') %>;",
    "htdocs/handled/part.inc": "the part beside <%= req.filename.rpartition('/')[2] %>",
    "htdocs/sessions/fakesession.py": FAKE_SESSION,
    "htdocs/sessions/page.psp": "<% session['a'] = 1 %><%= req.session is session %> <%= session.log %>",
    "htdocs/sessions/none.psp": "<%= 'ses' + 'sion' in globals() %> <%= globals()['ses' + 'sion'] %>",
    "htdocs/sessions/fails.psp": "<% session['a'] = 1 %><%= 1/0 %>",
    "htdocs/sessions/error.psp": "<% req.status = 200 %><%= session.log %><% session['b'] = 2 %>",
    "htdocs/sessions/on_error.psp": "<% session['a'] = 1 %><% psp.set_error_page('error.psp') %><%= 1/0 %>",
    "htdocs/sessions/redirect.psp": "<% session.save(); psp.redirect('/') %>",
    "htdocs/sessions/module.psp": "<%= Session.Session.__name__ %>",
}


def page(httpd: Httpd, path: str, status: int = 200) -> Response:
    r = httpd.get(path)
    assert r.status == status, r.text
    return r


def failed(httpd: Httpd, exception: str, *lines: str) -> None:
    """Claims the report of a failed page, which has these lines."""
    httpd.claim_failure("PythonHandler mod_python.psp", exception)
    for line in lines:
        assert line in httpd.log_text()


def test_a_page_is_the_answer(httpd: Httpd) -> None:
    r = page(httpd, "/plain.psp")
    assert r.text == '<p>one</p>\n<i>0</i>\n<i>1</i>\n<i>2</i>\n\\n \\x41 "done"\n'
    assert r.headers["Content-Type"] == "text/html"
    assert r.headers["Content-Length"] == str(len(r.body))
    assert page(httpd, "/empty.psp").body == b""
    assert page(httpd, "/utf8.psp").text == "éü"
    assert page(httpd, "/named/page.psp").text == "named"


def test_a_head_request_runs_the_page(httpd: Httpd) -> None:
    r = httpd.request("HEAD", "/plain.psp")
    assert (r.status, r.body, r.headers["Content-Length"]) == (200, b"", "53")


def test_the_names_of_a_page(httpd: Httpd) -> None:
    assert page(httpd, "/names.psp").text == (
        "True [None, None] None 0 {'a': ['1']} / ['mod_python'] &lt; [] True")


def test_a_page_that_mentions_the_form_gets_it(httpd: Httpd) -> None:
    assert page(httpd, "/form.psp?a=1&b=&a=2").text == "['a', 'b'] True [Field('a', '1'), Field('a', '2')]"
    assert page(httpd, "/function.psp?a=x").text == "x"
    r = httpd.post("/form.psp?c", b"a=1", {"Content-Type": "application/x-www-form-urlencoded"})
    assert r.text == "['c', b'a'] True [Field(b'a', b'1')]"
    assert httpd.post("/form.psp", b"a=1", {"Content-Type": "text/plain"}).status == 501


def test_modules_beside_the_page_are_found(httpd: Httpd) -> None:
    assert page(httpd, "/imports.psp").text == "the module beside"
    assert page(httpd, "/sub/imports.psp").text == "another one"


def test_a_page_sets_status_and_type(httpd: Httpd) -> None:
    r = page(httpd, "/status.psp", 404)
    assert (r.text, r.headers["Content-Type"]) == ("gone", "text/plain; charset=utf-8")


@pytest.mark.parametrize(("path", "status"), [("/redirect.psp", 302), ("/permanent.psp", 301),
                                              ("/return_error.psp", 302)])
def test_a_redirect_is_an_answer_and_no_error(httpd: Httpd, path: str, status: int) -> None:
    r = page(httpd, path, status)
    assert r.headers["Location"] == "/plain.psp" and "error" not in r.text.lower()
    assert r.text.endswith('<a href="/plain.psp">here</a>.</p>\n')


def test_the_fields_of_a_form_are_arguments(httpd: Httpd) -> None:
    assert page(httpd, "/apply.psp?a=1&x=2").text == "('GET', '1', 'none')"


def test_server_return_ends_a_page(httpd: Httpd) -> None:
    r = page(httpd, "/return.psp", 403)
    assert not r.text.startswith("lost")
    assert page(httpd, "/done.psp").text == "kept "


@pytest.mark.parametrize("path", ["/nothing.psp", "/plain.psp/../nothing.psp", "/nothing.psp_", "/code.psp_",
                                  "/handled/x.py?missing"])
def test_a_page_that_is_not_there_is_404(httpd: Httpd, path: str) -> None:
    page(httpd, path, 404)


def test_a_failing_page_is_500_without_detail(httpd: Httpd) -> None:
    for path, error in (("/fails.psp", "ValueError"), ("/wrong.psp", "SyntaxError")):
        assert error not in page(httpd, path, 500).text
    failed(httpd, "ValueError: ('many', 'words', 3)", f'File "{httpd.htdocs}/fails.psp", line 5, in <module>',
           "raise ValueError('many', 'words', 3)")
    failed(httpd, "SyntaxError: invalid syntax", f'File "{httpd.htdocs}/wrong.psp", line 3')


@pytest.mark.parametrize(("path", "lines"), [
    ("fails.psp", ['fails.psp", line 2, in <module>', "NameError: name 'undefined' is not defined"]),
    ("wrong.psp", ['wrong.psp", line 3', "<%= a b %>", "SyntaxError: invalid syntax"]),
    ("missing.psp", ['missing.psp", line 2', 'include file "parts/nothing.inc": No such file or directory: ',
                     "/debug/parts/nothing.inc"]),
    ("circle.psp", ['circle.inc", line 2', "can't include itself", "circle.psp -> ", "circle.inc -> "]),
    ("outside.psp", ['outside.psp", line 1', "outside.inc is outside of the document root"]),
    ("latin.psp", ['latin.psp", line 2', "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe9",
                   "coding: latin-1"]),
    ("part.psp", ['part.psp", line 3, in <module>', "<%= f(0) %>", 'part.inc", line 4, in f', "return 1 / n"]),
    ("inside.psp", ['inside.inc", line 3, in <module>', "<b><%= 1/0 %></b>", "ZeroDivisionError"]),
])
def test_the_report_has_the_lines_of_the_pages(httpd: Httpd, path: str, lines: list[str]) -> None:
    text = page(httpd, f"/debug/{path}", 500).text
    text = re.sub(r"&(lt|gt|amp|quot|#x27|#39);", lambda match: {
        "lt": "<", "gt": ">", "amp": "&", "quot": '"'}.get(match[1], "'"), text)
    for line in lines:
        assert line in text
    failed(httpd, "Error")


def test_the_report_is_escaped(httpd: Httpd) -> None:
    text = page(httpd, "/debug/xss.psp", 500).text
    assert "<script>" not in text and "&lt;script&gt;" in text
    failed(httpd, "ValueError: <script>")


def test_a_location_has_no_pages(httpd: Httpd) -> None:
    page(httpd, "/nowhere/page.psp", 500)
    failed(httpd, "this request has no file")


# --- the display ---

def test_the_source_is_shown_with_debug_on(httpd: Httpd) -> None:
    r = page(httpd, "/debug/code.psp_")
    assert r.headers["Content-Type"] == "text/html"
    made, text = re.findall(r"<td><pre>(.*?)</pre></td>", r.text, re.DOTALL)
    assert made.startswith("   1 req.write(&quot;&quot;&quot;&lt;b&gt;bold&lt;/b&gt;\n   2 ")
    assert text == "   1 &lt;b&gt;bold&lt;/b&gt;\n   2 &lt;% x = &#x27;&lt;&amp;&gt;&#x27; %&gt;"
    assert page(httpd, "/debug/nothing.psp_", 404)
    assert "invalid syntax" not in page(httpd, "/debug/wrong.psp_").text
    assert "&lt;b&gt;&#x27;&amp;&quot;" in page(httpd, "/handled/x.py?shown").text


# --- error pages ---

def test_an_error_page_answers_for_a_page_that_fails(httpd: Httpd) -> None:
    assert page(httpd, "/on_error.psp", 500).text == "so far error page: LookupError ('a', 2)\non_error.psp:4"
    httpd.claim(r"MP0120: .*/on_error\.psp failed, and .*/error\.psp is the answer[\s\S]*LookupError: \('a', 2\)")
    assert page(httpd, "/sub/on_error.psp", 500).text.startswith("error page: ZeroDivisionError")
    httpd.claim(r"MP0120: [\s\S]*ZeroDivisionError: division by zero")
    assert page(httpd, "/exit.psp", 500).text.startswith("error page: SystemExit (3,)")
    httpd.claim(r"MP0120: [\s\S]*SystemExit: 3")


def test_an_error_page_must_be_there_and_may_fail(httpd: Httpd) -> None:
    page(httpd, "/no_error.psp", 500)
    failed(httpd, "/no_error.psp is not there: ")
    page(httpd, "/bad_error.psp", 500)
    failed(httpd, "ValueError: ('many', 'words', 3)")
    httpd.claim(r"MP0120: [\s\S]*ZeroDivisionError: division by zero")


# --- templates ---

@pytest.mark.parametrize(("function", "text"), [
    ("plain", "13None;124;"),
    ("nested", "b|[inner]|text/html"),
    ("both", "PSP(): give a filename or a string, not both"),
    ("including", "the part beside x.py"),
    ("flushed", "flushed0"),
    ("delegated", "éü"),
    ("whole", None),
])
def test_handlers_run_pages(httpd: Httpd, function: str, text: str | None) -> None:
    expected = text if text is not None else page(httpd, "/plain.psp").text
    assert page(httpd, f"/handled/x.py?{function}").text == expected


def test_a_page_without_a_file_has_lines_too(httpd: Httpd) -> None:
    page(httpd, "/handled/x.py?string", 500)
    assert re.search(r'File "<psp string \w+>", line 2, in <module>\n.*<%= 1/0 %>\n', httpd.log_text())
    httpd.claim_failure("PythonHandler handled", "ZeroDivisionError")


def test_handlers_see_the_source_that_is_made(httpd: Httpd) -> None:
    text = page(httpd, "/handled/x.py?made").text
    assert text.startswith('req.write("""<p>one</p>\n""",0); \nfor n in range(3):\n')
    assert text.endswith('req.write("""x""",0)\n') and text.count("for n in") == 2


# --- sessions: of mod_python.Session this tests only what a page does with one ---

def session_log(httpd: Httpd) -> str:
    return page(httpd, "/sessions/page.psp?log").text.rpartition(" ")[0]


def test_a_session_is_made_saved_and_unlocked(httpd: Httpd) -> None:
    assert page(httpd, "/sessions/page.psp").text == "True ['made']"
    assert session_log(httpd) == "made saved unlocked False"


def test_a_page_without_the_word_has_no_session(httpd: Httpd) -> None:
    assert page(httpd, "/sessions/none.psp").text == "True None"
    assert page(httpd, "/sessions/module.psp").text == "Session"


def test_the_session_of_a_page_that_fails_is_unlocked_and_not_saved(httpd: Httpd) -> None:
    page(httpd, "/sessions/fails.psp", 500)
    assert session_log(httpd) == "made unlocked False"
    failed(httpd, "ZeroDivisionError")


def test_an_error_page_has_the_session_of_its_page(httpd: Httpd) -> None:
    assert page(httpd, "/sessions/on_error.psp").text == "['made']"
    assert session_log(httpd) == "made saved unlocked False"
    httpd.claim("MP0120: [\\s\\S]*ZeroDivisionError: division by zero")


def test_a_session_of_another_handler_is_saved_and_stays_locked(httpd: Httpd) -> None:
    assert page(httpd, "/sessions/none.psp?own").text == "True {}"
    assert session_log(httpd) == "made saved False"


def test_a_redirect_leaves_saving_to_the_page(httpd: Httpd) -> None:
    page(httpd, "/sessions/redirect.psp", 302)
    assert session_log(httpd) == "made saved unlocked False"
