"""How the text of a handler directive becomes a callable (spec: directives, section 3)."""

import pytest
from httpd import Httpd

FORMS = {
    "plain": "hello", "function": "hello::named", "dotted": "pkg.deep", "dotted_function": "pkg.deep::named",
    "class_method": "objects::Shop.open", "nested_class": "objects::outer.Inner.answer",
    "instance": "objects::instance", "instance_method": "objects::instance.method",
    "absolute": "${root}/paths/byfile.py", "absolute_no_py": "${root}/paths/byfile",
    "absolute_function": "${root}/paths/byfile.py::named",
    "handler_root": "~/local.py", "here": "./local.py", "above": "../above.py", "below": "below/inner",
}

ERRORS = {
    "class_itself": "objects::Shop", "number": "objects::number", "none": "objects::nothing",
    "missing_function": "hello::nowhere", "missing_attribute": "objects::Shop.nowhere",
    "missing_module": "no_such_module", "missing_file": "${root}/paths/nowhere.py",
    "broken": "broken", "raises": "raises", "quotes": '""',
}

CONF = "\n".join(f"""
    <Directory "${{htdocs}}/{place}">
        SetHandler mod_python
        PythonHandler {text}
    </Directory>""" for place, text in {**FORMS, **ERRORS}.items())

LOCAL = "def handler(req):\n    req.write('local of ' + __file__.split('htdocs/')[1])\n    return 0\n"

FILES = {
    **{f"htdocs/{place}/page.txt": "static" for place in [*FORMS, *ERRORS]},
    "hello.py": "def handler(req):\n    req.write('plain')\n    return 0\n"
                "def named(req):\n    req.write('named')\n    return 0\n",
    "pkg/__init__.py": "",
    "pkg/deep.py": "def handler(req):\n    req.write(__name__)\n    return 0\n"
                   "def named(req):\n    req.write(__name__ + ' named')\n    return 0\n",
    "objects.py": """
from mod_python import apache

number = 5
nothing = None

class Shop:
    def __init__(self, req):
        self.req = req

    def open(self, req):
        req.write("open %s" % (self.req is req))
        return apache.OK

class Answering:
    def __call__(self, req):
        req.write("called")
        return apache.OK

    def method(self, req):
        req.write("method")
        return apache.OK

class outer:
    class Inner:
        def __init__(self, req):
            req.write("inner ")

        def answer(self, req):
            req.write("answer")
            return apache.OK

    def __init__(self, req):
        req.write("outer ")

instance = Answering()
""",
    "paths/byfile.py": "def handler(req):\n    req.write('by file')\n    return 0\n"
                       "def named(req):\n    req.write('by file named')\n    return 0\n",
    "htdocs/handler_root/local.py": LOCAL, "htdocs/here/local.py": LOCAL, "htdocs/above.py":
        "def handler(req):\n    req.write('above')\n    return 0\n",
    "htdocs/below/below/inner.py": "def handler(req):\n    req.write('inner')\n    return 0\n",
    "broken.py": "def handler(req:\n", "raises.py": "raise LookupError('import went wrong')\n",
}


@pytest.mark.parametrize(("place", "body"), [
    ("plain", "plain"), ("function", "named"), ("dotted", "pkg.deep"), ("dotted_function", "pkg.deep named"),
    ("class_method", "open True"), ("nested_class", "outer inner answer"), ("instance", "called"),
    ("instance_method", "method"), ("absolute", "by file"), ("absolute_no_py", "by file"),
    ("absolute_function", "by file named"), ("handler_root", "local of handler_root/local.py"),
    ("here", "local of here/local.py"), ("above", "above"), ("below", "inner"),
])
def test_a_handler_text_names_a_callable(httpd: Httpd, place: str, body: str) -> None:
    r = httpd.get(f"/{place}/page.txt")
    assert (r.status, r.text) == (200, body)
    assert httpd.get(f"/{place}/page.txt").text == body


@pytest.mark.parametrize(("place", "message"), [
    ("class_itself", "int"), ("number", "callable"), ("none", "callable"),
    ("missing_function", "contains no 'nowhere'"), ("missing_attribute", "contains no 'Shop.nowhere'"),
    ("missing_module", "No module named 'no_such_module'"), ("missing_file", "nowhere"),
    ("broken", "SyntaxError"), ("raises", "LookupError: import went wrong"), ("quotes", '""'),
])
def test_a_handler_that_cannot_be_had_is_500_and_logged(httpd: Httpd, place: str, message: str) -> None:
    for _ in range(2):
        r = httpd.get(f"/{place}/page.txt")
        assert r.status == 500 and b"Traceback" not in r.body
        text = ERRORS[place].replace("${root}", str(httpd.root))
        httpd.claim_failure(f"PythonHandler {text}", message)


def test_a_missing_function_is_told_with_its_module_and_file(httpd: Httpd) -> None:
    assert httpd.get("/missing_function/page.txt").status == 500
    httpd.claim_failure("PythonHandler hello::nowhere",
                        f"AttributeError: module 'hello', file \"{httpd.root}/hello.py\" contains no 'nowhere'")
