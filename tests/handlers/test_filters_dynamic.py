"""Filters that a request adds to itself (spec: API 3.1, directives 9): by name, by callable, with a directory."""

import pytest
from httpd import Httpd

MODULES = ("deflate", "filter", "include")

CONF = """
    PythonOutputFilter filters::upper UPPER
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler filters::handler
    </Directory>
    <Directory "${htdocs}/directive">
        PythonInterpPerDirective On
        PythonHandler filters::handler
    </Directory>
    <Directory "${htdocs}/fixup">
        SetHandler none
        PythonFixupHandler filters::handler
    </Directory>
    <Directory "${htdocs}/index">
        SetHandler none
        DirectoryIndex page.txt
        PythonFixupHandler filters::handler
    </Directory>
    <Directory "${htdocs}/ssi">
        SetHandler none
        Options +Includes
        AddType text/html .shtml
        AddOutputFilter INCLUDES .shtml
    </Directory>
    <Location /located>
        PythonInterpPerDirective On
        SetHandler mod_python
        PythonHandler filters::handler
    </Location>
"""

FILES = {
    **{f"htdocs/{place}page.txt": "static text" for place in ("", "directive/", "fixup/", "index/")},
    "htdocs/ssi/page.shtml": '<!--#include virtual="/page.txt?by_name" -->|'
                             '<!--#include virtual="/fixup/page.txt?by_name" -->',
    "modules/elsewhere.py": "def outputfilter(filter):\n    filter.write('elsewhere %s ' % filter.dir)\n"
                            "    filter.disable()\n",
    "filters.py": r"""
from mod_python import apache

def handler(req):
    for name in (req.args or "nothing").split("&"):
        globals()[name](req)
    if req.phase == "PythonHandler":
        req.write(req.read() or b"some text")
    return apache.OK

def upper(filter):
    while s := filter.read():
        filter.write(s.upper())
    if s is None:
        filter.close()

def marked(mark):
    def function(filter):
        while s := filter.read():
            filter.write(mark + s)
        if s is None:
            filter.close()
    return function

def nothing(req):
    pass

def facts(filter):
    filter.write("%s %r %s %s %s|" % (filter.name, filter.handler, filter.dir, filter.is_input, apache.interpreter))
    filter.disable()

def by_name(req):
    req.register_output_filter("mine", "filters::upper")
    req.add_output_filter("MINE")

def by_callable(req):
    req.register_output_filter(name="Mine", handler=upper)
    req.add_output_filter(name="mine")

class Shouting:
    def __init__(self, mark):
        self.mark = mark

    def __call__(self, filter):
        filter.write((filter.read() or b"").upper() + self.mark)

def by_object(req):
    req.register_output_filter("object", Shouting(b"!"))
    req.add_output_filter("object")

def by_lambda(req):
    req.register_output_filter("lambda", lambda filter: filter.write((filter.read() or b"")[::-1]))
    req.add_output_filter("lambda")

def input_by_name(req):
    req.register_input_filter("in", "filters::upper")
    req.add_input_filter("in")

def input_by_callable(req):
    req.register_input_filter("in", marked(b"in:"), None)
    req.add_input_filter("IN")

def both(req):
    input_by_callable(req)
    req.register_output_filter("in", marked(b"out:"))
    req.add_output_filter("in")

def twice(req):
    req.register_output_filter("again", marked(b"first:"))
    req.register_output_filter("again", marked(b"second:"))
    req.add_output_filter("again")

def added_twice(req):
    req.register_output_filter("again", marked(b"*"))
    req.add_output_filter("again")
    req.add_output_filter("again")

def configured(req):
    req.add_output_filter("Upper")

def hides_configured(req):
    req.register_output_filter("upper", marked(b"own:"))
    req.add_output_filter("UPPER")

def of_httpd(req):
    req.add_output_filter("DEFLATE")

def unknown(req):
    req.add_output_filter("no such filter")
    req.add_input_filter("nor this")

def directory(req):
    req.register_output_filter("elsewhere", "elsewhere", apache.server_root() + "/modules")
    req.add_output_filter("elsewhere")

def show(req):
    req.register_output_filter("show", "filters::facts")
    req.add_output_filter("show")

def show_callable(req):
    req.register_output_filter("show", facts)
    req.add_output_filter("show")

def later(req):
    "In the middle of the answer."
    req.write("before,")
    by_name(req)
    req.write("after,")

def kept_alive(req):
    "Nobody but the request holds the function."
    import gc
    req.register_output_filter("kept", marked(b"kept:"))
    req.add_output_filter("kept")
    gc.collect()

def redirect(req):
    by_name(req)
    req.internal_redirect("/page.txt?nothing")

def missing(req):
    req.register_output_filter("missing", "filters::no_such_function")
    req.add_output_filter("missing")

def wrong(req):
    def raised(function, *args, **kwargs):
        try:
            function(*args, **kwargs)
        except Exception as error:
            return type(error).__name__
    req.write(repr([
        raised(req.register_output_filter), raised(req.register_output_filter, "x"),
        raised(req.register_output_filter, "x", 1), raised(req.register_output_filter, 1, "x"),
        raised(req.register_output_filter, "x", ""), raised(req.register_output_filter, "", "x"),
        raised(req.register_output_filter, "x", "y", 1), raised(req.register_output_filter, "x", "y", "/", 1),
        raised(req.register_input_filter, "x", None), raised(req.register_input_filter, b"x", "y"),
        raised(req.register_input_filter, "x", "a\0b"), raised(req.register_input_filter, "x", "y", wrong=1),
        raised(req.add_output_filter), raised(req.add_output_filter, 1), raised(req.add_output_filter, None),
        raised(req.add_output_filter, ""), raised(req.add_input_filter, b"x"), raised(req.add_input_filter, "x", 1)]))
"""}


def body(httpd: Httpd, path: str, data: bytes | None = None) -> bytes:
    r = httpd.get(path) if data is None else httpd.post(path, data)
    assert r.status == 200
    return r.body


@pytest.mark.parametrize(("what", "found"), [
    ("by_name", b"SOME TEXT"), ("by_callable", b"SOME TEXT"), ("by_object", b"SOME TEXT!!"),
    ("by_lambda", b"txet emos"), ("twice", b"second:some text"), ("added_twice", b"**some text"),
    ("configured", b"SOME TEXT"),
    ("hides_configured", b"own:some text"), ("later", b"before,AFTER,SOME TEXT"), ("kept_alive", b"kept:some text"),
    ("by_name&by_lambda", b"TXET EMOS"), ("nothing", b"some text"),
])
def test_output_filters(httpd: Httpd, what: str, found: bytes) -> None:
    for _ in range(2):
        assert body(httpd, f"/page.txt?{what}") == found
    assert body(httpd, "/page.txt") == b"some text"         # for that request only


@pytest.mark.parametrize(("what", "found"), [
    ("input_by_name", b"THE BODY"), ("input_by_callable", b"in:the body"), ("both", b"out:in:the body"),
])
def test_input_filters(httpd: Httpd, what: str, found: bytes) -> None:
    for _ in range(2):
        assert body(httpd, f"/page.txt?{what}", b"the body") == found


def test_filters_of_httpd_by_name(httpd: Httpd) -> None:
    r = httpd.request("POST", "/page.txt?of_httpd", b"text " * 1000, {"Accept-Encoding": "gzip"})
    assert r.headers["Content-Encoding"] == "gzip" and len(r.body) < 1000


def test_an_unknown_name_is_only_logged(httpd: Httpd) -> None:
    assert body(httpd, "/page.txt?unknown") == b"some text"
    httpd.claim(r"unknown filter was not added: no such filter")
    httpd.claim(r"unknown filter was not added: nor this")


def test_a_directory_has_the_module(httpd: Httpd) -> None:
    assert body(httpd, "/page.txt?directory") == f"elsewhere {httpd.root}/modules/ some text".encode()


def test_facts_and_interpreter(httpd: Httpd) -> None:
    assert body(httpd, "/page.txt?show") == (
        f"mod_python 'filters::facts' {httpd.htdocs}/ 0 localhost|some text".encode())
    assert body(httpd, "/page.txt?show_callable") == f"mod_python '' {httpd.htdocs}/ 0 localhost|some text".encode()


@pytest.mark.parametrize("what", ["show", "show_callable"])
def test_under_interp_per_directive_a_filter_runs_where_its_handler_runs(httpd: Httpd, what: str) -> None:
    handler = "" if what == "show_callable" else "filters::facts"
    name = f"{httpd.htdocs}/directive/"
    assert body(httpd, f"/directive/page.txt?{what}") == f"mod_python {handler!r} {name} 0 {name}|some text".encode()
    assert body(httpd, f"/located?{what}") == f"mod_python {handler!r} /located 0 /located|some text".encode()


@pytest.mark.parametrize("what", ["by_name", "by_callable", "by_name&by_lambda"])
def test_a_fixup_handler_filters_a_static_file(httpd: Httpd, what: str) -> None:
    found = b"TXET CITATS" if "lambda" in what else b"STATIC TEXT"
    assert body(httpd, f"/fixup/page.txt?{what}") == found


@pytest.mark.parametrize("what", ["by_name", "by_callable"])
def test_filters_stay_with_a_request_that_directory_index_replaces(httpd: Httpd, what: str) -> None:
    for _ in range(3):
        assert body(httpd, f"/index/?{what}") == b"STATIC TEXT"


def test_filters_of_subrequests_are_their_own(httpd: Httpd) -> None:
    assert body(httpd, "/ssi/page.shtml") == b"SOME TEXT|STATIC TEXT"


def test_a_redirected_request_has_not_the_filters_of_the_first_one(httpd: Httpd) -> None:
    with httpd.session() as ask:
        for _ in range(2):
            assert ask("GET", "/page.txt?redirect").body == b"some text"
            httpd.claim_failure("PythonHandler filters::handler", "the answer to this request is complete already")


def test_a_handler_that_is_not_there_is_an_error_of_the_filter(httpd: Httpd) -> None:
    assert body(httpd, "/page.txt?missing") == b"some text"
    httpd.claim_failure("mod_python filters::no_such_function", "contains no 'no_such_function'")


def test_wrong_arguments_are_refused(httpd: Httpd) -> None:
    assert eval(body(httpd, "/page.txt?wrong").removesuffix(b"some text")) == [
        "TypeError", "TypeError", "TypeError", "TypeError", "ValueError", "ValueError", "TypeError", "TypeError",
        "TypeError", "TypeError", "ValueError", "TypeError",
        "TypeError", "TypeError", "TypeError", "ValueError", "TypeError", "TypeError"]
