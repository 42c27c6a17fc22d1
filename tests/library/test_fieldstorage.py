"""util.FieldStorage: queries and urlencoded bodies of real requests. For multipart bodies see test_uploads.py."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from cases import CASES, CASES_CONF
from formdata import chunk
from h2client import H2Client
from httpd import Httpd, at_once
from hypothesis import given, settings
from hypothesis import strategies as st

MODULES = ("http2",)

CONF = CASES_CONF + """
    Protocols h2c http/1.1
"""

FILES = {"cases.py": CASES + r'''
import os
from mod_python import util

def fields(req):
    form = util.FieldStorage(req, keep_blank_values="keep" in req.uri)
    return [(field.name, field.value) for field in form.list]

def the_repr(req):
    return repr(util.FieldStorage(req).list)

def whole(req):
    form = util.FieldStorage(req)
    return {name if isinstance(name, str) else name.decode("latin-1"): [str(field) for field in form.getlist(name)]
            for name in form.keys()}

def lookups(req):
    form = util.FieldStorage(req)
    return [form["x"][0].value, form[b"x"][1].value, form.getfirst("y").value, "z" in form, form.get("z", 5),
            str(form["y"]), form["y"] == "3", form["y"] == b"3", form.getlist("y") == ["3"], repr(form)]

def answered(req):
    try:
        util.FieldStorage(req)
    except apache.SERVER_RETURN as error:
        return error.args
    return "read"

def refused(req):
    util.FieldStorage(req)

def mapped(req):
    form = util.FieldStorage(req)
    first = (len(form), bool(form), list(form), form.keys(), [(name, str(field)) for name, field in form.items()],
             [str(field) for field in form.values()], form.has_key("a"), form.has_key("z"))
    form.add_field("c", "4")
    form["a"] = "5"
    form[b"d"] = b"6"
    del form["b"]
    second = repr(form), raised(form.__getitem__, "b"), raised(form.__delitem__, "b")
    form.clear()
    return first, second, (len(form), bool(form), form.list)

def of_the_module(req):
    return [util.readBlockSize, issubclass(util.FieldList, list), util.parse_header(b'Form-Data; Name="x;y"; z=1'),
            raised(util.parse_header, "text/plain")[0], raised(util.StringField, 5)[0]]

def strings(req):
    form = util.FieldStorage(req)
    return [form["x"].upper(), "%s" % form["x"], f"{form['x']}", isinstance(form.list, util.FieldList),
            raised(form["x"].__getattribute__, "nonsense")[0], len({form["x"], form["y"]})]

def pid(req):
    util.FieldStorage(req, 0), util.FieldStorage(req, 1)
    return os.getpid()

def functions(req):
    query = req.args or ""
    return [util.parse_qs(query, 1), util.parse_qsl(query.encode(), 1)]

def deferred(req):
    form = util.FieldStorage(req)
    return [type(form["x"]).__name__, isinstance(form["x"], bytes), isinstance(form["x"].value, bytes),
            form["x"].filename, form["x"].type, form["x"].file, form["x"].headers, hasattr(form["x"], "nonsense")]

def rest(req):
    util.FieldStorage(req)
    return req.read()

def broken_off(req):
    try:
        util.FieldStorage(req)
    except OSError as error:
        req.log_error("broken off: " + type(error).__name__, apache.APLOG_NOTICE)
    return None
'''}

URLENCODED = "application/x-www-form-urlencoded"


def ask(httpd: Httpd, name: str, query: str = "", body: bytes | None = None,
        content_type: str | None = URLENCODED) -> Any:
    headers = {"Content-Type": content_type} if body is not None and content_type is not None else {}
    r = httpd.request("GET" if body is None else "POST", f"/case/{name}{query}", body, headers)
    assert r.status == 200, r.text
    return ast.literal_eval(r.text)


def test_the_reprs_are_kept(httpd: Httpd) -> None:
    assert ask(httpd, "the_repr", body=b"x=1&x=2&y=3") == "[Field(b'x', b'1'), Field(b'x', b'2'), Field(b'y', b'3')]"
    assert ask(httpd, "the_repr", "?x=1&x=2&y=3") == "[Field('x', '1'), Field('x', '2'), Field('y', '3')]"


def test_fields_are_found_by_text_and_bytes(httpd: Httpd) -> None:
    for body in (b"x=1&x=2&y=3", None):
        b = "" if body is None else "b"
        one, two, three = ("1", "2", "3") if body is None else (b"1", b"2", b"3")
        assert ask(httpd, "lookups", "?x=1&x=2&y=3" if body is None else "", body) == [
            one, two, three, False, 5, "3", True, True, True,
            f"{{{b}'x': [Field({b}'x', {b}'1'), Field({b}'x', {b}'2')], {b}'y': [Field({b}'y', {b}'3')]}}"]


def test_the_query_comes_before_the_body(httpd: Httpd) -> None:
    assert ask(httpd, "fields", "?a=1&b=2", b"a=3") == [("a", "1"), ("b", "2"), (b"a", b"3")]
    assert ask(httpd, "whole", "?a=1&b=2", b"a=3") == {"a": ["1", "3"], "b": ["2"]}


@pytest.mark.parametrize(("query", "fields"), [
    ("", []), ("?", []), ("?a=1;b=2", [("a", "1"), ("b", "2")]), ("?a=b=c", [("a", "b=c")]), ("?=x", [("", "x")]),
    ("?a+b=c+d", [("a b", "c d")]), ("?a=%zz%", [("a", "%zz%")]), ("?a=%00b", [("a", "\0b")]),
    ("?a=%e9", [("a", "é")]), ("?%e9=%c3%a9", [("é", "é")]), ("?a=%f0%9f%90%8d", [("a", "\U0001f40d")]),
    ("?a=1&&;&b&c=", [("a", "1")]),
])
def test_queries(httpd: Httpd, query: str, fields: list[tuple[str, str]]) -> None:
    assert ask(httpd, "fields", query) == fields
    assert ask(httpd, "fields", body=query[1:].encode()) == [
        (name.encode("latin-1" if "%e9" in query and "%e9=" in query.lower() else "utf-8"),
         value.encode("latin-1" if query.endswith("=%e9") else "utf-8")) for name, value in fields]


def test_blank_values_are_kept_if_asked_for(httpd: Httpd) -> None:
    assert ask(httpd, "fields/keep", "?a=&b&=&c=1") == [("a", ""), ("b", ""), ("", ""), ("c", "1")]
    assert ask(httpd, "fields/keep", body=b"a=&b&=&c=1") == [(b"a", b""), (b"b", b""), (b"", b""), (b"c", b"1")]


# CVE-2003-0973, CVE-2004-0096
CRASHERS = ["?", "?&", "?&&", "?=", "?=&=", "?a", "?a&", "?&a=", "?%", "?%z", "?a=%", "?;", "?" + "&" * 8000,
            "?%e9=%ff"]


def test_no_query_and_no_body_ends_a_child(httpd: Httpd) -> None:
    pid = ask(httpd, "pid")
    for crasher in CRASHERS:
        assert ask(httpd, "pid", crasher) == pid
        assert ask(httpd, "pid", body=crasher[1:].encode()) == pid
        assert ask(httpd, "functions", crasher)
    for body in (b"&" * 65536, b"=" * 65536, b"%" * 65536, bytes(range(256)) * 256, b";" * 65536):
        assert ask(httpd, "pid", body=body) == pid


def test_the_type_of_a_body(httpd: Httpd) -> None:
    for content_type in (None, URLENCODED, URLENCODED + "; charset=utf-8", "Application/X-WWW-Form-URLEncoded", ""):
        assert ask(httpd, "fields", body=b"a=1", content_type=content_type) == [(b"a", b"1")]
    for content_type in ("text/plain", "application/json", "x"):
        assert ask(httpd, "answered", body=b"a=1", content_type=content_type) == (501,)
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=", 'Multipart/mixed; boundary=""'):
        assert ask(httpd, "answered", body=b"a=1", content_type=content_type) == (400,)


def test_a_refusal_is_the_answer_and_is_logged(httpd: Httpd) -> None:
    for content_type, status in (("text/plain", 501), ("multipart/form-data", 400)):
        assert httpd.post("/case/refused", b"a=1", {"Content-Type": content_type}).status == status
        assert f"refused with {status}: a " in httpd.log_text()


def test_the_charset_of_text(httpd: Httpd) -> None:
    for content_type, body, text in (
            (URLENCODED, b"a=%c3%a9", "é"), (URLENCODED, b"a=%e9", "é"),
            (URLENCODED + "; charset=iso-8859-1", b"a=%c3%a9", "Ã©"),
            (URLENCODED + '; charset="Shift_JIS"', b"a=%82%a0", "あ"),
            (URLENCODED + "; charset=hex", b"a=ab", "ab"),
            (URLENCODED, b"_charset_=windows-1252&a=%80", "\u20ac")):
        assert ask(httpd, "whole", body=body, content_type=content_type)["a"] == [text]
    assert ask(httpd, "fields", body=b"a=%ff%00") == [(b"a", b"\xff\0")]


def test_what_a_string_field_has(httpd: Httpd) -> None:
    assert ask(httpd, "deferred", body=b"x=1") == ["StringField", True, True, None, None, None, {}, False]
    assert ask(httpd, "deferred", "?x=1") == ["StringField", True, False, None, None, None, {}, False]


def test_methods_other_than_post_have_no_body(httpd: Httpd) -> None:
    for method in ("PUT", "GET", "DELETE"):
        r = httpd.request(method, "/case/fields?a=1", b"b=2", {"Content-Type": URLENCODED})
        assert ast.literal_eval(r.text) == [("a", "1")]
    assert ast.literal_eval(httpd.request("PUT", "/case/rest", b"b=2").text) == b"b=2"
    assert ask(httpd, "rest", body=b"b=2") == b""


def test_a_post_has_a_length_or_is_chunked(httpd: Httpd) -> None:
    with httpd.raw() as client:
        assert client.send_request("POST", "/case/answered", {"Content-Type": URLENCODED}).response().text == "(411,)"
    with httpd.raw() as client:
        client.send_request("POST", "/case/fields", {"Transfer-Encoding": "chunked"},
                            chunk(b"a=1") + chunk(b"&b=2") + chunk(b""))
        assert client.response().text == "[(b'a', b'1'), (b'b', b'2')]"
    assert ask(httpd, "fields", body=b"") == []


def test_a_client_that_goes_away_is_an_os_error(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send_request("POST", "/case/broken_off", {"Content-Length": "1000"}, b"a=1&b").half_close().receive_all()
    httpd.claim("broken off: OSError")


def test_large_bodies(httpd: Httpd) -> None:
    value = b"x" * 3_000_000
    found = ask(httpd, "fields", body=b"a=1&b=" + value + b"&c=3")
    assert found == [(b"a", b"1"), (b"b", value), (b"c", b"3")]



def test_the_mapping(httpd: Httpd) -> None:
    first, second, cleared = ask(httpd, "mapped", "?a=1&b=2&a=3")
    assert first == (2, True, ["a", "b"], ["a", "b"], [("a", "1"), ("b", "2"), ("a", "3")], ["1", "2", "3"], True,
                     False)
    assert second == ("{'c': [Field('c', '4')], 'a': [Field('a', '5')], b'd': [Field(b'd', b'6')]}",
                      ("KeyError", "'b'"), ("KeyError", "'b'"))
    assert cleared == (0, False, [])
    first, second, _ = ask(httpd, "mapped", body=b"a=1&b=2&a=3")
    assert first[2:6] == ([b"a", b"b"], [b"a", b"b"], [(b"a", "1"), (b"b", "2"), (b"a", "3")], ["1", "2", "3"])
    assert second[0].startswith("{'c': [Field('c', '4')], 'a': [Field('a', '5')], ")


def test_functions_and_constants(httpd: Httpd) -> None:
    assert ask(httpd, "of_the_module") == [
        65368, True, ("form-data", {b"name": b"x;y", b"z": b"1"}), "TypeError", "TypeError"]
    assert ask(httpd, "functions", "?a=1&b=%e9;a=2&c") == [
        {"a": ["1", "2"], "b": ["é"], "c": [""]}, [(b"a", b"1"), (b"b", b"\xe9"), (b"a", b"2"), (b"c", b"")]]
    assert ask(httpd, "strings", "?x=a%c3%a9&y=a%c3%a9") == [
        "aé".encode().upper(), "aé", "aé", True, "AttributeError", 1]


def test_http_2_needs_no_length(httpd: Httpd) -> None:
    with H2Client(httpd.port) as client:
        answer = client.ask("/case/fields", "POST", {"content-type": URLENCODED}, b"a=1&b=2")
        assert answer.body == b"[(b'a', b'1'), (b'b', b'2')]"
        assert client.ask("/case/fields?a=1", "POST", {"content-type": URLENCODED}).body == b"[('a', '1')]"


def test_fifty_forms_at_once(httpd: Httpd) -> None:
    def work(number: int) -> bool:
        body = b"a=%d&b=%s" % (number, b"x" * 1000 * number)
        return bool(ask(httpd, "fields", f"?n={number}", body) == [
            ("n", str(number)), (b"a", b"%d" % number), (b"b", b"x" * 1000 * number)][:3 if number else 2])
    assert all(at_once(50, work))


SHREDS = st.lists(
    st.sampled_from([b"a", b"&", b";", b"=", b"%", b"%4", b"%41", b"+", b"\xff", b"\0", b"\r\n"])).map(b"".join)


@settings(max_examples=50)
@given(SHREDS | st.binary(), st.sampled_from(["fields", "fields/keep", "whole"]))
def test_any_body_is_read(httpd: Httpd, body: bytes, name: str) -> None:
    pids = httpd.child_pids()
    ask(httpd, name, body=body)
    assert httpd.child_pids() == pids
