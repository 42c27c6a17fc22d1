"""util.apply_fs_data with real forms: which values a function gets, and what the client is told if they do not fit."""

from __future__ import annotations

import ast
from typing import Any

from cases import CASES
from formdata import MULTIPART, URLENCODED, multipart, part
from httpd import Httpd

CONF = """
    SetHandler mod_python
    PythonHandler cases::dispatch
"""

FILES = {"cases.py": CASES + r'''
import functools
from mod_python import util

def plain(a, b="default", *, c="only"):
    return a, b, c

def everything(**kw):
    return {name: value if isinstance(value, (str, bytes)) else type(value).__name__ for name, value in kw.items()}

def with_req(req, a):
    return type(req).__name__, a

def upload(f):
    return type(f).__name__, f.filename, f.value

def typed(n: int, ratio: float = 0.5, flag: bool = False, text: str = "", many: list[int] = [],
          maybe: int | None = None):
    return n, ratio, flag, text, many, maybe

class Page:
    def method(self, a):
        return "method", a

    def __call__(self, a):
        return "call", a

class Made:
    def __init__(self, a):
        self.a = a

    def __repr__(self):
        return repr(self.a)

@functools.wraps(plain)
def wrapped(*args, **kw):
    return "wrapped", plain(*args, **kw)

CALLABLES = {"plain": plain, "everything": everything, "with_req": with_req, "upload": upload, "typed": typed,
             "class": Made, "method": Page().method, "instance": Page(), "wrapped": wrapped,
             "partial": functools.partial(plain, b="bound"), "builtin": dict}

def call(req):
    return util.apply_fs_data(CALLABLES[req.uri.split("/")[3]], util.FieldStorage(req), req=req)
'''}


def ask(httpd: Httpd, name: str, query: str = "", body: bytes | None = None,
        headers: dict[str, str] | None = None) -> Any:
    r = httpd.request("GET" if body is None else "POST", f"/case/call/{name}{query}", body, headers)
    assert r.status == 200, r.text
    return ast.literal_eval(r.text)


def test_values_of_each_kind_of_form(httpd: Httpd) -> None:
    assert ask(httpd, "plain", "?a=1&c=%c3%a9&x=y") == ("1", "default", "é")
    assert ask(httpd, "plain", "", b"a=1&a=2&b=%e9", URLENCODED) == (["1", "2"], "é", "only")
    assert ask(httpd, "plain", "?a=q", b"a=1", URLENCODED) == (["q", "1"], "default", "only")
    assert ask(httpd, "plain", "", multipart(part("a", b"1"), part("b", b"\xff")), MULTIPART) == (b"1", b"\xff", "only")
    assert ask(httpd, "upload", "", multipart(part("f", b"x", "a.txt")), MULTIPART) == ("Field", "a.txt", b"x")
    assert ask(httpd, "everything", "?q=1", multipart(part("f", b"x", "a.txt"), part("a", b"2")), MULTIPART) == {
        "q": "1", "f": "Field", "a": b"2", "req": "mp_request"}


def test_each_kind_of_callable(httpd: Httpd) -> None:
    assert ask(httpd, "class", "?a=1&b=2&self=3") == "1"
    assert ask(httpd, "method", "?a=1&b=2&self=3") == ("method", "1")
    assert ask(httpd, "instance", "?a=1&b=2&self=3") == ("call", "1")
    assert ask(httpd, "wrapped", "?a=1&b=2") == ("wrapped", ("1", "2", "only"))
    assert ask(httpd, "partial", "?a=1&b=2") == ("1", "bound", "only")
    assert ask(httpd, "builtin", "?a=1&b=2") == {}


def test_a_form_can_not_give_the_request(httpd: Httpd) -> None:
    assert ask(httpd, "with_req", "?a=1&req=forged") == ("mp_request", "1")
    assert ask(httpd, "with_req", "", b"req=forged&a=1", URLENCODED) == ("mp_request", "1")


def test_a_missing_argument_is_an_error(httpd: Httpd) -> None:
    assert httpd.get("/case/call/plain?b=1").status == 500
    httpd.claim_failure("PythonHandler cases::dispatch", "TypeError: ")


def test_typed_parameters(httpd: Httpd) -> None:
    assert ask(httpd, "typed", "?n=5") == (5, 0.5, False, "", [], None)
    assert ask(httpd, "typed", "", b"n=-5&ratio=2e3&flag=on&text=%c3%a9&many=1&many=2&maybe=7", URLENCODED) == (
        -5, 2000.0, True, "é", [1, 2], 7)
    assert ask(httpd, "typed", "", multipart(part("n", b"5"), part("text", b"\xe9"), part("maybe")), MULTIPART) == (
        5, 0.5, False, "é", [], None)


def test_what_does_not_fit_is_a_bad_request_that_names_the_field(httpd: Httpd) -> None:
    for query, said in (("?n=x", "field &#x27;n&#x27; must be a whole number"), ("", "field &#x27;n&#x27; is missing"),
                        ("?n=1&n=2", "field &#x27;n&#x27; is there 2 times"),
                        ("?n=1&ratio=nan", "field &#x27;ratio&#x27; must be a number"),
                        ("?n=1&flag=maybe", "field &#x27;flag&#x27; must be one of"),
                        ("?n=1&maybe=<b>", "field &#x27;maybe&#x27; must be a whole number")):
        r = httpd.get(f"/case/call/typed{query}")
        assert r.status == 400 and said in r.text and "<b>" not in r.text, r.text
    body = multipart(part("n", b"1", "a.txt"))
    r = httpd.post("/case/call/typed", body, MULTIPART)
    assert r.status == 400 and "field &#x27;n&#x27; must not be a file" in r.text
    assert "refused with 400: field 'n' must be a whole number" in httpd.log_text()
