"""mod_python.Cookie with real requests: cookies that come, that go, and that go with an error page."""

from __future__ import annotations

import ast
from typing import Any

from cases import CASES, CASES_CONF, case
from h2client import H2Client
from httpd import Httpd, at_once
from hypothesis import given, settings
from hypothesis import strategies as st

MODULES = ("http2",)

CONF = CASES_CONF + """
    Protocols h2c http/1.1
    <Location /plain>
        SetHandler mod_python
        PythonHandler cases::dispatch
    </Location>
"""

FILES = {"cases.py": CASES + r'''
from mod_python import Cookie

SECRET = "k3y"

def described(cookies):
    return {name: (type(cookie).__name__, cookie.value) for name, cookie in cookies.items()}

def got(req):
    return described(Cookie.get_cookies(req))

def one(req):
    cookie = Cookie.get_cookie(req, "a")
    return cookie and (cookie.name, cookie.value)

def signed(req):
    return described(Cookie.get_cookies(req, Cookie.SignedCookie, secret=SECRET))

def signed_old(req):
    return described(Cookie.get_cookies(req, Cookie.SignedCookie, secret=SECRET, digest=("sha256", "md5")))

def ignoring(req):
    return [Cookie.get_cookie(req, "cart", Class, secret=SECRET, mismatch=Cookie.Cookie.IGNORE)
            for Class in (Cookie.SignedCookie, Cookie.MarshalCookie)]

def strict(req):
    try:
        Cookie.get_cookies(req, Cookie.SignedCookie, secret=SECRET, mismatch=Cookie.Cookie.EXCEPTION)
    except Cookie.CookieError as error:
        return str(error)

def marshalled(req):
    return described(Cookie.get_cookies(req, Cookie.MarshalCookie, secret=SECRET, digest=("sha256", "md5")))

def echo(req):
    for cookie in Cookie.get_cookies(req).values():
        Cookie.add_cookie(req, cookie)

def echo_marshalled(req):
    for cookie in Cookie.get_cookies(req, Cookie.MarshalCookie, secret=SECRET).values():
        Cookie.add_cookie(req, cookie)

def several(req):
    cookie = Cookie.Cookie("a", "1", path="/", secure=True, httponly=True, samesite="lax", max_age=60)
    cookie.expires = 0
    Cookie.add_cookie(req, cookie)
    Cookie.add_cookie(req, "b", "2", Domain="example.org", commentURL="http://example.org/why")
    Cookie.add_cookie(req, Cookie.SignedCookie("c", "\u20ac", SECRET))
    Cookie.add_cookie(req, Cookie.MarshalCookie("d", {"n": [1, b"\0"]}, SECRET))
    Cookie.add_cookie(req, Cookie.SignedCookie("cart", "plain", SECRET, digest="md5"))

def failing(req):
    Cookie.add_cookie(req, "lost", "1")
    Cookie.add_cookie(req, "kept", "1", on_error=True)
    raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN)

def failing_only(req):
    Cookie.add_cookie(req, "kept", "1", on_error=True, path="/")
    raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN)

def both(req):
    Cookie.add_cookie(req, "a", "1", on_error=True)
    Cookie.add_cookie(req, "b", "2")

def refused(req):
    results = [raised(Cookie.add_cookie, req, "n", "a\r\nX: y")[0], raised(Cookie.add_cookie, req, "a\n", "v")[0],
               raised(Cookie.add_cookie, req, Cookie.SignedCookie("n", "v"))[0],
               raised(lambda: Cookie.add_cookie(req, "n", "v", path="/\r\nX: y"))[0],
               raised(lambda: Cookie.add_cookie(req, "n", "v", nonsense=1))[0]]
    return results, "Set-Cookie" in req.headers_out, "Cache-Control" in req.headers_out

def added_by_a_handler(req):
    req.headers_in.add("Cookie", "b=2")
    return described(Cookie.get_cookies(req))

def all_classes(req):
    kinds = [(Cookie.Cookie, {})]
    kinds += [(Class, {"secret": SECRET, "digest": digest, "mismatch": mismatch})
              for Class in (Cookie.SignedCookie, Cookie.MarshalCookie) for digest in ("md5", "sha256")
              for mismatch in (Cookie.Cookie.DOWNGRADE, Cookie.Cookie.IGNORE)]
    for Class, data in kinds:
        for cookie in Cookie.get_cookies(req, Class, **data).values():
            Cookie.add_cookie(req, cookie)
    return sorted(described(Cookie.get_cookies(req)))

def visits(req):
    seen = Cookie.get_cookie(req, "visits", Cookie.SignedCookie, secret=SECRET, mismatch=Cookie.Cookie.IGNORE)
    count = int(seen.value) + 1 if seen else 1
    Cookie.add_cookie(req, Cookie.SignedCookie("visits", str(count), SECRET))
    return count
'''}

SIGNED = "cart=33d0da842918f2a744c6780ec2a37736plain"
MARSHALLED = "cart=5fe4098a69335f9fce84bc188d625e41cwMAAABhYmM="
LISTED = "cart=20c262443f7b181564b3d247b563a971WwIAAAB1AQAAAGFpAQAAAA=="


def ask(httpd: Httpd, name: str, cookies: str | None = None) -> Any:
    return case(httpd, name, {} if cookies is None else {"Cookie": cookies})


def sent(httpd: Httpd, path: str, cookies: str | None = None) -> list[str]:
    r = httpd.get(path, {} if cookies is None else {"Cookie": cookies})
    return r.headers.get_all("Set-Cookie") or []


def test_cookies_that_came(httpd: Httpd) -> None:
    assert ask(httpd, "got") == {} and ask(httpd, "one") is None
    assert ask(httpd, "got", "a=1; b=two; $Path=/; c") == {
        "a": ("Cookie", "1"), "b": ("Cookie", "two"), "c": ("Cookie", "")}
    assert ask(httpd, "one", "b=2; a=1") == ("a", "1") and ask(httpd, "one", "b=2") is None


def test_headers_that_httpd_joins(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send(b"GET /case/got HTTP/1.1\r\nHost: x\r\nCookie: spam=foo; path=blah;;eggs=bar;\r\n"
                    b"Cookie: bar=foo\r\n\r\n")
        assert ast.literal_eval(client.response().text) == {
            "spam": ("Cookie", "foo"), "path": ("Cookie", "blah"), "eggs": ("Cookie", "bar"), "bar": ("Cookie", "foo")}
    assert ask(httpd, "added_by_a_handler", "a=1") == {"a": ("Cookie", "1"), "b": ("Cookie", "2")}


def test_http_2_sends_them_one_by_one(httpd: Httpd) -> None:
    with H2Client(httpd.port) as client:
        answer = client.ask("/case/got", headers={"cookie": "a=1; b=2"})
        assert ast.literal_eval(answer.body.decode()) == {"a": ("Cookie", "1"), "b": ("Cookie", "2")}


def test_text_of_any_bytes(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send(b"GET /case/got HTTP/1.1\r\nHost: x\r\nCookie: a=\xc3\xa9\r\n\r\n")
        assert ast.literal_eval(client.response().text) == {"a": ("Cookie", "é")}
        client.send(b"GET /case/got HTTP/1.1\r\nHost: x\r\nCookie: a=\xe9\r\n\r\n")
        assert ast.literal_eval(client.response().text) == {"a": ("Cookie", "é")}


def test_cookies_that_go(httpd: Httpd) -> None:
    r = httpd.get("/case/several")
    first, second, signed, marshalled, old = [
        text.encode("latin-1").decode() for text in r.headers.get_all("Set-Cookie") or []]
    assert first == "a=1; path=/; secure; expires=Thu, 01-Jan-1970 00:00:00 GMT; Max-Age=60; samesite=Lax; httponly"
    assert second == "b=2; domain=example.org; commentURL=http://example.org/why"
    assert old == SIGNED
    assert r.headers.get_all("Cache-Control") == ['no-cache="set-cookie"']
    back = {"Cookie": f"{signed}; {marshalled}".encode().decode("latin-1")}
    assert case(httpd, "signed", back)["c"] == ("SignedCookie", "\u20ac")
    assert case(httpd, "marshalled", back)["d"] == ("MarshalCookie", {"n": [1, b"\0"]})


def test_signatures(httpd: Httpd) -> None:
    value = SIGNED.partition("=")[2]
    assert ask(httpd, "signed", SIGNED) == {"cart": ("Cookie", value)}          # SHA-256 alone is asked for
    assert ask(httpd, "signed_old", SIGNED) == {"cart": ("SignedCookie", "plain")}
    assert ask(httpd, "signed_old", SIGNED + "x") == {"cart": ("Cookie", value + "x")}
    assert ask(httpd, "marshalled", MARSHALLED) == {"cart": ("MarshalCookie", b"abc")}
    assert ask(httpd, "marshalled", LISTED) == {"cart": ("MarshalCookie", ["a", 1])}
    assert ask(httpd, "marshalled", SIGNED) == {"cart": ("Cookie", value)}      # signed, but not marshalled
    assert ask(httpd, "ignoring", "cart=forged") == [None, None]
    assert ask(httpd, "strict", "cart=forged") == "cookie 'cart': the signature is wrong"


def test_what_is_not_understood_is_echoed_unchanged(httpd: Httpd) -> None:
    for text in (SIGNED, MARSHALLED, LISTED, "eggs=d049b2b61adb6a1d895646719a3dc30bcwQAAABzcGFt", 'a="b; c"'):
        for path in ("/case/echo", "/case/echo_marshalled"):
            assert sent(httpd, path, text) == [text]
    long = "long=" + "x" * 5000
    assert sent(httpd, "/case/echo", long) == [long]


def test_cookies_and_error_pages(httpd: Httpd) -> None:
    r = httpd.get("/plain/failing")
    assert (r.status, r.headers.get_all("Set-Cookie")) == (403, ["kept=1"])
    r = httpd.get("/plain/failing_only")
    assert (r.status, r.headers.get_all("Set-Cookie")) == (403, ["kept=1; path=/"])
    assert r.headers.get_all("Cache-Control") == ['no-cache="set-cookie"']
    r = httpd.get("/case/both")
    assert sorted(r.headers.get_all("Set-Cookie") or []) == ["a=1", "b=2"]
    assert r.headers.get_all("Cache-Control") == ['no-cache="set-cookie"']


def test_what_would_break_the_answer_is_refused(httpd: Httpd) -> None:
    assert ask(httpd, "refused") == (
        ["ValueError", "ValueError", "CookieError", "ValueError", "AttributeError"], False, False)


def test_a_counter(httpd: Httpd) -> None:
    cookie = None
    for count in range(1, 5):
        r = httpd.get("/case/visits", {"Cookie": cookie} if cookie else {})
        cookie = r.headers["Set-Cookie"]
        assert r.text == str(count)
    assert ask(httpd, "visits", cookie.replace("=", "=0", 1) if cookie else "") == 1


def test_many_at_once(httpd: Httpd) -> None:
    assert at_once(50, lambda number: ask(httpd, "got", f"n={number}")["n"]) == [
        ("Cookie", str(number)) for number in range(50)]


HEADERS = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")) | st.lists(
    st.sampled_from(["a", "=", ";", '"', "\\", " ", ",", "$", "\t", "\xe9", "0" * 64, SIGNED, MARSHALLED])).map("".join)


@settings(max_examples=60)
@given(HEADERS)
def test_no_header_ends_a_child(httpd: Httpd, header: str) -> None:
    pids = httpd.child_pids()
    with httpd.raw() as client:
        r = client.send_request("GET", "/case/all_classes", {"Cookie": header}).response()
    assert r.status == 200, r.text
    assert httpd.child_pids() == pids
