"""mod_python.publisher: from URLs to objects, and from objects to answers (spec: library, section 4)."""

from __future__ import annotations

import pytest
from httpd import Httpd

MPMS = ("event", "prefork")

PUBLISH = """
    SetHandler mod_python
    PythonHandler mod_python.publisher
"""

CONF = f"""
    MergeSlashes Off
    <Directory "${{htdocs}}">
        {PUBLISH}
    </Directory>
    <Directory "${{htdocs}}/debug">
        PythonDebug On
    </Directory>
    <Directory "${{htdocs}}/by">
        SetHandler none
        AddHandler mod_python .py .pub .html
        PythonHandler mod_python.publisher | .html
    </Directory>
    <Directory "${{htdocs}}/put">
        PythonOption mod_python.publisher.methods "GET, PUT"
    </Directory>
    <Location /located>
        {PUBLISH}
    </Location>
    <Directory "${{htdocs}}/form">
        PythonFixupHandler early
    </Directory>
"""

FILES = {
    "early.py": """
from mod_python import util
def fixuphandler(req):
    if req.args == "early":
        req.form = util.FieldStorage(req)
    return 0
""",
    "htdocs/page.py": r'''
import functools
import os
from mod_python import apache, util

text, number, nothing, empty = "text", 7, None, ""
a_list, a_dict = [1, "a"], {"a": 1}
octets = b"\xff\x00\xe9"
umlauts = "\xe4\u20ac"

def index(req):
    return "index of %s %s" % (os.path.basename(__file__), __name__ == __file__.translate({47: 95, 46: 95, 45: 95}))

def hello(name="nobody"):
    return "hello " + name

def both(req, name):
    return "%s %s" % (req.method, name)

def fields(req, **kw):
    return repr(sorted((name, value) for name, value in kw.items() if name != "form"))

def listed(x):
    return repr(x)

def positional(a, /, b=2, *, c=3):
    return repr((a, b, c))

def html():
    return "<html><body>x</body></HTML >\n \n"

def longer():
    return "</html>" + "x" * 101

def own_type(req):
    req.content_type = "text/csv"
    return "<html></html>"

def writes(req):
    req.write("written")

def sends(req):
    req.sendfile(__file__)

def silent():
    pass

def returns_function():
    return lambda req: hello

def again():
    return again

def returns_module():
    return os

def returned(req):
    raise apache.SERVER_RETURN(apache.HTTP_GONE)

def redirected(req):
    util.redirect(req, "/elsewhere")

def raises():
    raise LookupError("<script> is not there")

def generator(req):
    yield "one "
    yield b"two "
    yield 3

def html_generator():
    yield ""
    yield "<!DOCTYPE html>"
    yield "<html></html>"

def broken_generator(req):
    try:
        yield "one"
        raise LookupError("in the middle")
    finally:
        req.log_error("generator was closed", apache.APLOG_NOTICE)

def large():
    return "x" * 300000

def filename(req):
    return req.filename

def cached(req):
    from mod_python import publisher
    page = publisher.page_cache[req]
    return repr((page.__dict__ is globals(), publisher.page_cache[__file__] is page))

def nested_publish(req):
    from mod_python import publisher
    return repr((publisher.publish_object(req, "inner "), publisher.publish_object(req, None)))

def resolved(req):
    from mod_python import publisher
    page = publisher.page_cache[req]
    found = []
    for name in ("hello", "shop.price", "missing", "_private", "shop._private", "os", "a..b"):
        try:
            publisher.resolve_object(req, page, name)
            found.append(200)
        except apache.SERVER_RETURN as error:
            found.append(error.args[0])
    return repr(found)

def argument_named_kw(req, kw):
    return kw

def doubled(function):
    @functools.wraps(function)
    def inner(*args, **kw):
        return function(*args, **kw) * 2
    return inner

@doubled
def decorated(name):
    return name

@functools.lru_cache
def remembered(name):
    return name

part = functools.partial(hello, name="part")

class Shop:
    "A shop."
    word = "word"
    def __init__(self):
        self.goods = {"tea": 2}
        self.title = "Shop"
    def price(self, name):
        return "price of %s" % name
    @classmethod
    def of_class(cls):
        return "class method of " + cls.__name__
    @staticmethod
    def alone():
        return "static method"
    @property
    def changing(self):
        return Shop()
    @property
    def failing(self):
        raise LookupError("in a property")

class Callable:
    inner = Shop()
    def __call__(self, req, name="x"):
        return "called with " + name

class Tree:
    def __call__(self):
        return "tree"
    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return Tree()

class Slotted:
    __slots__ = ("title",)

class Text(str):
    pass

shop, instance, tree = Shop(), Callable(), Tree()
slotted = Slotted()
slotted.title = "slotted title"
own_call = Shop()
own_call.__call__ = lambda: "instance attribute"
subclassed = Text("a text of its own")
subclassed.more = "more of it"
''',
    "htdocs/index.py": """
def index():
    return "root index"
def hello(req):
    return "hello of root index"
class A:
    def b(self):
        return "a.b of root index"
a = A()
umlaut = "x"
""",
    "htdocs/sub/index.py": "def index():\n    return 'sub index'\ndef hello():\n    return 'hello of sub index'\n",
    "htdocs/sub/page.py": "def index(req):\n    return 'page of sub ' + __file__\n",
    "htdocs/bare/page.py": "def hello():\n    return 'hello'\n",
    "htdocs/bare/old.pyc": "nothing",
    "htdocs/debug/page.py": """
def silent():
    pass
def writes(req):
    req.write("written")
def flushed(req):
    req.write("written", 1)
def sends(req):
    req.sendfile(__file__)
""",
    "htdocs/by/page.py": "def index(req):\n    return 'page by %s' % req.extension\n",
    "htdocs/by/other.pub": "",
    "htdocs/by/other.py": "def index():\n    return 'other'\n",
    "htdocs/by/page.html": "",
    "htdocs/put/page.py": "def index(req):\n    return req.method + ' ' + req.read().decode()\n",
    "htdocs/form/page.py": "def index(req, x='none'):\n    return repr((x, type(req.form).__name__))\n",
    "htdocs/broken/page.py": "def index(:\n",
}


def text(httpd: Httpd, path: str, status: int = 200) -> str:
    r = httpd.get(path)
    assert r.status == status, r.text
    return r.text


@pytest.mark.parametrize(("path", "expected"), [
    ("/page.py", "index of page.py True"), ("/page", "index of page.py True"), ("/page/", "index of page.py True"),
    ("/page.py/index", "index of page.py True"), ("/page.py/index/", "index of page.py True"),
    ("/page/hello", "hello nobody"), ("/page.py/hello?name=x", "hello x"), ("/", "root index"),
    ("/hello", "hello of root index"), ("/hello.py", "hello of root index"), ("/a/b", "a.b of root index"),
    ("/a.b", "a.b of root index"), ("/index.py/hello", "hello of root index"), ("/sub/", "sub index"),
    ("/sub/hello", "hello of sub index"), ("/bare/page/hello", "hello"),
])
def test_a_url_finds_an_object(httpd: Httpd, path: str, expected: str) -> None:
    assert text(httpd, path) == expected


@pytest.mark.parametrize("path", [
    "/missing", "/missing/hello", "/page.py/missing", "/page.py/shop/missing", "/bare/", "/bare/missing",
    "/bare/page.py",
    "/bare/old.pyc", "/page.py//hello", "/page.py/shop//price", "/page.py//", "/page.py/a..b", "/page.py/.hello",
    "/.py",
    "/page.py/%e9", "/page.py/\xe9", "/%e9", "/page.py/hello%2fx", "/page.py/number/missing", "/bare/%e9",
])
def test_what_is_not_there_is_404(httpd: Httpd, path: str) -> None:
    with httpd.raw() as client:
        assert client.send_request("GET", path).response().status == 404


def test_a_location_has_no_pages(httpd: Httpd) -> None:
    text(httpd, "/located/page.py", 404)
    httpd.claim("MP0114: publisher: no file belongs to '/located/page.py'")


def test_equal_names_in_two_directories_are_two_pages(httpd: Httpd) -> None:
    assert text(httpd, "/sub/page.py").startswith("page of sub ")
    assert text(httpd, "/page.py") == "index of page.py True"


def test_suffixes_of_the_handler_are_taken_off(httpd: Httpd) -> None:
    assert text(httpd, "/by/page.py").startswith("page by ")
    assert text(httpd, "/by/page.html") == "page by .html"
    assert text(httpd, "/by/other.pub") == "other"


def test_the_file_of_the_page_is_the_file_of_the_request(httpd: Httpd) -> None:
    assert text(httpd, "/page/filename") == str(httpd.htdocs / "page.py")


@pytest.mark.parametrize(("name", "expected"), [
    ("text", "text"), ("number", "7"), ("a_list", "[1, 'a']"), ("a_dict", "{'a': 1}"), ("umlauts", "\xe4\u20ac"),
    ("shop/goods", "{'tea': 2}"), ("shop/title", "Shop"), ("shop.title", "Shop"),
    ("shop/price?name=tea", "price of tea"),
    ("shop.price?name=tea", "price of tea"), ("shop/of_class", "class method of Shop"), ("shop/alone", "static method"),
    ("shop/changing/changing/title", "Shop"), ("instance?name=y", "called with y"), ("instance/inner/title", "Shop"),
    ("tree", "tree"), ("tree/any/branch", "tree"), ("slotted/title", "slotted title"),
    ("own_call", "instance attribute"), ("subclassed", "a text of its own"), ("subclassed/more", "more of it"),
    ("part", "hello part"), ("part?name=evil", "hello part"), ("decorated?name=ab", "abab"),
    ("remembered?name=ab", "ab"), ("returns_function", "hello nobody"), ("nested_publish", "inner (True, False)"),
    ("both?name=x", "GET x"), ("both?name=x&unknown=y", "GET x"), ("both?name=x&req=evil", "GET x"),
    ("listed?x=1&x=2", "['1', '2']"), ("listed?x=", "''"), ("fields?a=1&b=2&b=3", "[('a', '1'), ('b', ['2', '3'])]"),
    ("positional?a=1&c=5", "('1', 2, '5')"), ("cached", "(True, True)"), ("argument_named_kw?kw=1", "1"),
    ("resolved", "[200, 200, 404, 403, 403, 403, 404]"),
])
def test_an_object_is_published(httpd: Httpd, name: str, expected: str) -> None:
    assert text(httpd, "/page.py/" + name).replace(", ('req'", "") == expected
    httpd.unclaimed()


def test_nothing_is_an_empty_answer(httpd: Httpd) -> None:
    for name in ("nothing", "empty", "silent"):
        r = httpd.get("/page.py/" + name)
        assert (r.status, r.body, r.headers["Content-Length"]) == (200, b"", "0")
    assert "MP0113" not in httpd.log_text()


def test_the_post_of_a_form_is_mapped_to_arguments(httpd: Httpd) -> None:
    urlencoded = {"Content-Type": "application/x-www-form-urlencoded"}
    assert httpd.post("/page.py/both", "name=x%c3%a9", urlencoded).text == "POST xé"
    multipart = {"Content-Type": "multipart/form-data; boundary=B"}
    body = b'--B\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--B--\r\n'
    assert httpd.post("/page.py/listed", body, multipart).text == "b'1'"
    body = b'--B\r\nContent-Disposition: form-data; name="x"; filename="f"\r\n\r\n1\r\n--B--\r\n'
    assert httpd.post("/page.py/listed", body, multipart).text == "Field('x', b'1')"


def test_bytes_are_sent_as_they_are(httpd: Httpd) -> None:
    r = httpd.get("/page.py/octets")
    assert (r.body, r.headers["Content-Type"]) == (b"\xff\x00\xe9", "text/plain")


@pytest.mark.parametrize(("name", "content_type"), [
    ("html", "text/html"), ("hello", "text/plain"), ("longer", "text/plain"), ("own_type", "text/csv"),
    ("generator", "text/plain"), ("html_generator", "text/html"), ("octets", "text/plain"), ("number", "text/plain"),
])
def test_the_content_type_comes_from_the_result(httpd: Httpd, name: str, content_type: str) -> None:
    assert httpd.get("/page.py/" + name).headers["Content-Type"] == content_type


def test_the_length_is_known_also_for_head(httpd: Httpd) -> None:
    for method in ("GET", "HEAD"):
        r = httpd.request(method, "/page.py/hello")
        assert (r.status, r.text, r.headers["Content-Length"]) == (200, "hello nobody" if method == "GET" else "", "12")
    assert httpd.get("/page.py/large").text == "x" * 300000


def test_generators_are_written_piece_by_piece(httpd: Httpd) -> None:
    assert text(httpd, "/page.py/generator") == "one two 3"
    httpd.get("/page.py/broken_generator")
    httpd.claim_failure("PythonHandler mod_python.publisher", "LookupError: in the middle")
    httpd.claim("generator was closed")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "PROPFIND", "FROB"])
def test_other_methods_are_405_with_allow(httpd: Httpd, method: str) -> None:
    r = httpd.request(method, "/page.py", b"")
    assert r.status == 405
    assert {"GET", "POST", "HEAD"} <= set(r.headers["Allow"].replace(",", " ").split())


def test_an_option_allows_other_methods(httpd: Httpd) -> None:
    assert httpd.request("PUT", "/put/page.py", b"body").text == "PUT body"
    r = httpd.request("POST", "/put/page.py", b"body")
    assert r.status == 405 and "PUT" in r.headers["Allow"]


def test_an_unknown_type_of_body_is_501_with_allow(httpd: Httpd) -> None:
    r = httpd.post("/page.py", b"{}", {"Content-Type": "application/json"})
    assert r.status == 501 and "POST" in r.headers["Allow"]


def test_what_a_page_raises_counts(httpd: Httpd) -> None:
    text(httpd, "/page.py/returned", 410)
    assert httpd.get("/page.py/redirected").headers["Location"].endswith("/elsewhere")
    assert b"script" not in httpd.get("/page.py/raises").body
    httpd.claim_failure("PythonHandler mod_python.publisher", "LookupError: <script> is not there")
    text(httpd, "/page.py/shop/failing", 500)
    httpd.claim_failure("PythonHandler mod_python.publisher", "LookupError: in a property")
    text(httpd, "/broken/page.py", 500)
    httpd.claim_failure("PythonHandler mod_python.publisher", "SyntaxError")


def test_a_missing_argument_is_an_error(httpd: Httpd) -> None:
    text(httpd, "/page.py/both", 500)
    httpd.claim_failure("PythonHandler mod_python.publisher", "TypeError: both() missing 1 required positional")


def test_functions_that_return_functions_come_to_an_end(httpd: Httpd) -> None:
    text(httpd, "/page.py/again", 500)
    httpd.claim_failure("PythonHandler mod_python.publisher", "RecursionError: publisher: 100 functions in a row")


def test_a_result_that_must_not_be_published_is_403(httpd: Httpd) -> None:
    text(httpd, "/page.py/returns_module", 403)
    httpd.claim("MP0111: publisher: '/page.py/returns_module' asks for 'os', which is of type module")


def test_nothing_to_publish_is_logged_when_debugging_modpython_180(httpd: Httpd) -> None:
    for name in ("writes", "flushed", "sends"):
        assert text(httpd, "/debug/page.py/" + name)
    assert "MP0113" not in httpd.log_text()
    assert text(httpd, "/debug/page.py/silent") == ""
    httpd.claim("MP0113: publisher: nothing to publish for '/debug/page.py/silent'")


def test_loads_of_pages_are_logged_when_debugging(httpd: Httpd) -> None:
    text(httpd, "/debug/page.py/silent")
    assert f"(Re)importing module '{httpd.htdocs}/debug/page.py'" in httpd.log_text()


def test_a_form_that_was_read_before_is_used(httpd: Httpd) -> None:
    urlencoded = {"Content-Type": "application/x-www-form-urlencoded"}
    assert httpd.post("/form/page.py?early", "x=1", urlencoded).text == "('1', 'FieldStorage')"
    assert httpd.post("/form/page.py", "x=1", urlencoded).text == "('1', 'FieldStorage')"
