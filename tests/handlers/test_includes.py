"""Python in pages: <!--#python --> of mod_include (spec: directives, section 10)."""

import http.client
import threading

import pytest
from httpd import Httpd

MPMS = ("event", "prefork")
MODULES = ("include", "deflate", "filter")

PAGES = {
    "eval": '<!--#python eval="1 + 1" -->',
    "none": 'a<!--#python eval="None" -->b',
    "empty_text": 'a<!--#python eval="str()" -->b',
    "exec": '<!--#python exec="filter.write(str(3 * 3))" -->',
    "shared": '<!--#python exec="x = [1]" -->|<!--#python exec="x.append(2)" -->|<!--#python eval="x" -->',
    "functions": """<!--#python exec="
import math

class Shop:
    size = 3

def area(r):
    return math.floor(scale * r * r)

scale = 2
" -->|<!--#python eval="area(3), Shop().size, Shop.__module__" -->""",
    "crlf": '<!--#python exec="\r\nif True:\r\n    filter.write(repr(\'\'\'a\r\nb\'\'\'))\r\n  \r\n\t" -->',
    "spaces": '<!--#python eval="\n   2 + 3 \r\n" -->',
    "single": "<!--#python eval='\"double\" + \"quotes\"' -->",
    "backtick": "<!--#python eval=`'single' + \"double\"` -->",
    "escaped": '<!--#python eval="\'a\\"b\'" -->',
    "entities": '<!--#python eval="1 &lt; 2 and &quot;q&quot; + \'&amp;\'" -->',
    "variables": '<!--#set var="x" value="expanded" --><!--#python eval="\'$x ${x} $(x)\'" -->',
    "file": '<!--#python eval="__file__" -->',
    "filter": '<!--#python eval="[str(type(filter)), filter.name, filter.is_input, filter.handler, filter.dir, '
              'filter.closed, filter.req.uri, filter.req.phase, filter.read(), filter.readline(), '
              'filter.softspace]" -->',
    "filter_is_none": '<!--#python exec="old = filter" -->x<!--#python exec="kept = filter" -->'
                      '<!--#python eval="old is filter, filter.__class__.__name__" -->'
                      '<!--#python exec="\ntry:\n    old.write(str())\nexcept RuntimeError as error:\n'
                      '    filter.write(str(error))\n" -->',
    "filter_in_globals": '<!--#python eval="filter.req.ssi_globals is globals()" -->|'
                         '<!--#python exec="import atexit; seen = []; check = lambda: filter" -->',
    "utf8": '<!--#python exec="filter.write(\'\\xe9 \\u20ac \'); filter.write(b\'\\xff\')" -->'
            '<!--#python eval="\'é €\'" -->',
    "order": 'one <!--#python exec="filter.write(\'two \')" -->three <!--#python eval="\'four \'" -->five',
    "long": '<!--#python exec="filter.write(\'x\' * 3000000)" -->end',
    "flushes": '<!--#python exec="filter.write(\'a\'); filter.flush(); filter.write(\'b\'); filter.flush()" -->c',
    "close": '<!--#python exec="filter.close(); filter.write(\'still \'); filter.pass_on(); filter.disable()" -->open'
             '<!--#python eval="filter.closed" -->',
    "many": '<!--#python exec="\nfor i in range(10000):\n    filter.write(\'number %d;\' % i)\n'
            '    filter.write(b\'bytes %d;\' % i)\n" -->',
    "if": '<!--#if expr="false" --><!--#python exec="globals()[\'ran\'] = 1" --><!--#else -->'
          '<!--#python eval="\'ran\' in globals()" --><!--#endif -->',
    "include": 'outer <!--#python exec="name = \'outer\'" --><!--#include virtual="inner.shtml" --> '
               '<!--#python eval="name" -->',
    "inner": '<!--#python eval="\'name\' in globals(), filter.req.main.uri, __file__.rpartition(chr(47))[2]" -->',
    "options": '<!--#python eval="filter.req.get_options()[\'greeting\']" -->',
    "interpreter": '<!--#python exec="from mod_python import apache" --><!--#python eval="apache.interpreter" -->',
    "path": '<!--#python exec="import on_the_path" --><!--#python eval="on_the_path.value" -->',
    # what fails; the page goes on
    "raises": 'before <!--#python eval="{}[\'<k>\']" --> after <!--#python eval="2 + 2" -->',
    "raises_late": 'before <!--#python exec="filter.write(\'written \'); 1 / 0" --> after',
    "syntax": 'before <!--#python exec="if" --> after',
    "syntax_eval": 'before <!--#python eval="x = 1" --> after',
    "indented": 'before <!--#python exec="  x = 1\ny = 2" --> after',
    "returns": 'before <!--#python exec="from mod_python import apache; raise apache.SERVER_RETURN(404)" --> after',
    "exits": 'before <!--#python exec="raise SystemExit(3)" --> after',
    "wrong_text": 'before <!--#python eval="chr(0xd800)" --> after',
    "errmsg": '<!--#config errmsg="[sorry]" -->before <!--#python eval="nobody" --> after',
    "empty": 'before <!--#python eval="" --> after',
    "unknown": 'before <!--#python run="1" --> after',
    "attributeless": 'before <!--#python --> after',
    "both": 'before <!--#python eval="1" exec="filter.write(\'ran\')" --> after',
    "twice": 'before <!--#python exec="filter.write(\'ran\')" exec="filter.write(\'ran\')" --> after',
    "wrong_globals": 'before <!--#python eval="1" --> after',
    "globals": '<!--#python eval="greeting + str(len(seen))" --><!--#python exec="seen.append(1); made = 5" -->'
               '<!--#python eval="len(seen)" -->',
    "endless": '<!--#python exec="\nwhile True:\n    filter.write(\'endless \' * 1000)\n" -->',
}

CONF = """
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
    PythonOption greeting hello
    <Directory "${htdocs}">
        Options +Includes
    </Directory>
    <Directory "${htdocs}/noexec">
        Options IncludesNOEXEC
    </Directory>
    <Directory "${htdocs}/debug">
        PythonDebug On
    </Directory>
    <Directory "${htdocs}/other">
        PythonInterpreter other
        PythonPath "sys.path + ['${root}/more']"
    </Directory>
    <Directory "${htdocs}/per_directive">
        PythonInterpPerDirective On
    </Directory>
    <Directory "${htdocs}/per_directory">
        PythonInterpPerDirectory On
    </Directory>
    <Directory "${htdocs}/fixed">
        PythonFixupHandler fixer
    </Directory>
    <Directory "${htdocs}/wrong">
        PythonFixupHandler fixer::wrong
    </Directory>
    <Location /made>
        SetHandler mod_python
        PythonHandler fixer::page
        Options +Includes
        SetOutputFilter INCLUDES
    </Location>
    <Directory "${htdocs}/filtered">
        PythonOutputFilter fixer::upper UPPER
        AddOutputFilter INCLUDES;UPPER;DEFLATE .shtml
    </Directory>
"""

FILES = {
    **{f"htdocs/{name}.shtml": text.encode() for name, text in PAGES.items()},
    **{f"htdocs/{place}.shtml": PAGES[place.partition("/")[2]].encode() for place in (
        "noexec/eval", "debug/raises", "debug/syntax", "debug/raises_late", "other/interpreter", "other/path",
        "per_directive/interpreter", "per_directory/interpreter", "fixed/globals", "wrong/wrong_globals",
        "filtered/order", "filtered/many")},
    "more/on_the_path.py": "value = 'found'\n",
    "fixer.py": """
from mod_python import apache

seen = []

def fixuphandler(req):
    req.ssi_globals = {"greeting": "hi ", "seen": []}
    req.register_cleanup(seen.append, req.ssi_globals)
    return apache.OK

def wrong(req):
    req.ssi_globals = ["no", "dict"]
    return apache.OK

def page(req):
    req.content_type = "text/html"
    req.write("<!--#python eval='__file__, filter.req.uri' -->|<!--#python eval='1 / 0' -->")
    return apache.OK

def upper(filter):
    while s := filter.read():
        filter.write(s.upper())
    if s is None:
        filter.close()
"""}

ERROR = "[an error occurred while processing this directive]"
MANY = "".join(f"number {i};bytes {i};" for i in range(10000))


def text(httpd: Httpd, path: str) -> str:
    r = httpd.get(path)
    assert r.status == 200
    return r.text


@pytest.mark.parametrize(("page", "found"), [
    ("eval", "2"), ("none", "ab"), ("empty_text", "ab"), ("exec", "9"), ("shared", "||[1, 2]"),
    ("functions", "|(18, 3, 'builtins')"), ("crlf", r"'a\nb'"), ("spaces", "5"), ("single", "doublequotes"),
    ("backtick", "singledouble"), ("escaped", 'a"b'), ("entities", "q&"), ("variables", "$x ${x} $(x)"),
    ("order", "one two three four five"), ("long", "x" * 3000000 + "end"), ("flushes", "abc"), ("close", "still open0"),
    ("many", MANY), ("if", "False"), ("options", "hello"), ("interpreter", "localhost"),
    ("include", "outer (False, '/include.shtml', 'inner.shtml') outer"),
    ("filter", "[\"<class 'mp_filter'>\", 'includes', 0, None, None, 0, '/filter.shtml', None, b'', b'', 0]"),
    ("filter_is_none", "x(False, 'mp_filter')this call of the filter is over; copy what you need of it while it runs"),
    ("filter_in_globals", "True|"),
    ("per_directive/interpreter", "main_interpreter"), ("other/interpreter", "other"), ("other/path", "found"),
])
def test_pages(httpd: Httpd, page: str, found: str) -> None:
    for _ in range(2):
        assert text(httpd, f"/{page}.shtml") == found


def test_text_is_utf8_and_bytes_are_bytes(httpd: Httpd) -> None:
    assert httpd.get("/utf8.shtml").body == "é € ".encode() + b"\xff" + "é €".encode()


def test_the_page_is_file(httpd: Httpd) -> None:
    assert text(httpd, "/file.shtml") == f"{httpd.htdocs}/file.shtml"


def test_a_page_that_a_handler_makes_has_no_file(httpd: Httpd) -> None:
    assert text(httpd, "/made") == f"(None, '/made')|{ERROR}"
    httpd.claim_failure("includes /made", "ZeroDivisionError")


def test_the_directory_names_the_interpreter(httpd: Httpd) -> None:
    assert text(httpd, "/per_directory/interpreter.shtml") == f"{httpd.htdocs}/per_directory/"


def test_a_handler_gives_names_to_the_page(httpd: Httpd) -> None:
    for _ in range(2):
        assert text(httpd, "/fixed/globals.shtml") == "hi 01"


def test_a_page_among_filters(httpd: Httpd) -> None:
    assert text(httpd, "/filtered/order.shtml") == "ONE TWO THREE FOUR FIVE"
    assert text(httpd, "/filtered/many.shtml") == MANY.upper()


@pytest.mark.parametrize(("page", "found", "message"), [
    ("raises", f"before {ERROR} after 4", "KeyError: '<k>'"),
    ("raises_late", f"before written {ERROR} after", "ZeroDivisionError"),
    ("syntax", f"before {ERROR} after", "SyntaxError"),
    ("syntax_eval", f"before {ERROR} after", "SyntaxError"),
    ("indented", f"before {ERROR} after", "IndentationError"),
    ("returns", f"before {ERROR} after", "SERVER_RETURN: 404"),
    ("exits", f"before {ERROR} after", "SystemExit: 3"),
    ("wrong_text", f"before {ERROR} after", "UnicodeEncodeError"),
    ("errmsg", "before [sorry] after", "NameError"),
    ("wrong/wrong_globals", f"before {ERROR} after", "TypeError: req.ssi_globals must be a dict, not list"),
])
def test_a_page_goes_on_behind_an_element_that_fails(httpd: Httpd, page: str, found: str, message: str) -> None:
    with httpd.session() as ask:
        for _ in range(2):
            assert ask("GET", f"/{page}.shtml").text == found
            httpd.claim_failure(f"includes {httpd.htdocs}/{page}.shtml", message)


@pytest.mark.parametrize(("page", "start", "end"), [
    ("raises", "before \n<pre>\nMod_python error: \"includes ", "KeyError: &#39;&lt;k&gt;&#39;\n</pre>\n after 4"),
    ("raises_late", "before written \n<pre>\nMod_python error: ", "Error: division by zero\n</pre>\n after"),
    ("syntax", "before \n<pre>\nMod_python error: ", "SyntaxError: invalid syntax\n</pre>\n after"),
])
def test_with_debug_on_the_report_stands_in_the_page(httpd: Httpd, page: str, start: str, end: str) -> None:
    with httpd.session() as ask:
        for _ in range(2):
            found = ask("GET", f"/debug/{page}.shtml").text
            assert found.startswith(start) and found.endswith(end)
            httpd.claim_failure(f"includes {httpd.htdocs}/debug/{page}.shtml", "Error")


@pytest.mark.parametrize(("page", "message"), [
    ("empty", "eval is empty"), ("unknown", "the attribute 'run' is unknown"),
    ("attributeless", "there is no attribute"), ("both", "there are several attributes"),
    ("twice", "there are several attributes"),
])
def test_an_element_without_one_attribute_is_an_error(httpd: Httpd, page: str, message: str) -> None:
    assert text(httpd, f"/{page}.shtml") == f"before {ERROR} after"
    httpd.claim(f"MP0243: <!--#python --> in {httpd.htdocs}/{page}.shtml: {message}")


def test_includes_noexec_forbids_it(httpd: Httpd) -> None:
    assert text(httpd, "/noexec/eval.shtml") == ERROR
    httpd.claim("MP0242: <!--#python --> is not allowed in .*noexec/eval.shtml")


def test_a_slow_client_gets_every_byte(httpd: Httpd) -> None:
    with httpd.raw(receive_buffer=4096) as client:
        assert client.send_request("GET", "/many.shtml", {"Connection": "close"}).response().text == MANY


def test_a_client_that_hangs_up_is_no_error(httpd: Httpd) -> None:
    with httpd.raw(receive_buffer=4096) as client:
        client.send_request("GET", "/endless.shtml").receive(10000)
        client.hang_up()
    httpd.claim(r"MP0081: includes .*endless.shtml: the stream broke off")


def test_pages_at_once_have_names_of_their_own(httpd: Httpd) -> None:
    if httpd.mpm == "prefork":
        pytest.skip("one request at a time")
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(text(httpd, "/shared.shtml"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["||[1, 2]"] * 20


def test_head(httpd: Httpd) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", httpd.port, timeout=20)
    connection.request("HEAD", "/eval.shtml")
    assert connection.getresponse().status == 200
    connection.close()
