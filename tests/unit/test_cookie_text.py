"""Cookies as text: made, read back, signed; what must not get into a header."""

from __future__ import annotations

import hashlib
import hmac
import locale
import time
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mod_python import Cookie as module
from mod_python.Cookie import Cookie, CookieError, MarshalCookie, SignedCookie
from steps import grows_with_length

SECRET = "k3y"


# Attributes

def test_the_text_has_all_attributes_in_their_order() -> None:
    cookie = Cookie("n", "v", httponly=1, port="80", discard=True, commentURL="http://x", samesite="strict", max_age=5,
                    expires=0, comment="c", secure=True, domain=".example.com", path="/", version=1)
    assert str(cookie) == (
        "n=v; version=1; path=/; domain=.example.com; secure; comment=c; expires=Thu, 01-Jan-1970 00:00:00 GMT;"
        " Max-Age=5; samesite=Strict; commentURL=http://x; discard; port=80; httponly")
    assert repr(cookie) == f"<Cookie: {cookie}>"


def test_keywords_may_be_in_any_case_and_flags_false() -> None:
    cookie = Cookie("n", "v", PATH="/", CommentUrl="u", Secure=0, httponly=False, discard="")
    assert str(cookie) == "n=v; path=/; commentURL=u" and cookie.secure == 0


@pytest.mark.parametrize("name", ["nonsense", "maxage", "Path", "max-age", "commenturl"])
def test_unknown_attributes(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(Cookie("n", "v"), name, "x")
    if name not in ("Path", "commenturl"):
        with pytest.raises(AttributeError):
            Cookie("n", "v", **{name: "x"})


def test_attributes_that_were_not_set() -> None:
    cookie = Cookie("n", "v", path=None, expires=None)
    for name in ("path", "secure", "expires", "max_age"):
        with pytest.raises(AttributeError):
            getattr(cookie, name)
    cookie.path = "/"
    cookie.path = None
    cookie.__data__["mine"] = 1
    assert str(cookie) == "n=v" and cookie.__data__ == {"mine": 1} and Cookie("a", "b").__data__ == {}


def test_equality_is_identity() -> None:
    assert Cookie("n", "v") != Cookie("n", "v")


@pytest.mark.parametrize(("given_as", "text"), [
    (0, "Thu, 01-Jan-1970 00:00:00 GMT"), (1e9 + 0.9, "Sun, 09-Sep-2001 01:46:40 GMT"),
    ("Wed, 09-Nov-1999 23:12:40 GMT", "Wed, 09-Nov-1999 23:12:40 GMT"),
    ("Wed, 09 Nov 1999 23:12:40 GMT", "Wed, 09 Nov 1999 23:12:40 GMT"),
    (253402300799, "Fri, 31-Dec-9999 23:59:59 GMT"),
])
def test_expires(given_as: Any, text: str) -> None:
    assert Cookie("n", "v", expires=given_as).expires == text


@pytest.mark.parametrize("value", ["tomorrow", "", "Wed, 9-Nov-1999 23:12:40 GMT", "Wed, 09-Nov 1999 23:12:40 GMT",
                                   "Wed, 09-Nov-1999 23:12:40 CET", "Wed, 09-Nov-1999 23:12:40 GMT\r\nX: y", 1e20,
                                   253402300800])
def test_wrong_expires(value: Any) -> None:
    with pytest.raises(ValueError, match="expires"):
        Cookie("n", "v", expires=value)


def test_expires_does_not_follow_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_the_locale(*args: Any) -> str:
        raise AssertionError("the locale was asked")
    monkeypatch.setattr(time, "strftime", of_the_locale)
    monkeypatch.setattr(locale, "setlocale", of_the_locale)
    assert Cookie("n", "v", expires=86400 * 59).expires == "Sun, 01-Mar-1970 00:00:00 GMT"


@pytest.mark.parametrize(("attribute", "value", "error"), [
    ("max_age", "soon", ValueError), ("max_age", [], ValueError), ("samesite", "sometimes", ValueError),
    ("samesite", None, ValueError), ("path", "/\r\nX: y", ValueError), ("path", "/;secure", ValueError),
    ("domain", "x\0", ValueError), ("comment", "a;b", ValueError), ("expires", [], TypeError)])
def test_wrong_attributes(attribute: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        Cookie("n", "v", **{attribute: value})


# Names and values

@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x=y", "a\nb", "a\rb", "a\0", "a;b", "a; domain=evil", '"a;b',
                                   '"a";"b"', b"a\nb"])
def test_values_that_would_break_the_header(value: Any) -> None:
    with pytest.raises(ValueError, match="value"):
        Cookie("n", value)
    with pytest.raises(ValueError, match="value"):
        SignedCookie("n", value, SECRET)
    cookie = Cookie("n", "v")
    with pytest.raises(ValueError, match="value"):
        cookie.value = value
    assert str(cookie) == "n=v"


def test_a_value_that_becomes_such_a_text_later() -> None:
    class Value:
        def __str__(self) -> str:
            return "a\r\nb"
    cookie = Cookie("n", Value())
    with pytest.raises(ValueError, match="value"):
        str(cookie)
    assert repr(cookie) == "<Cookie: n (not to be sent as it is)>"


@pytest.mark.parametrize("name", ["", "a;b", "a=b", "a\nb", "a\0", " a", "a ", ",a", "$a", "a\x7f", "a\tb"])
def test_wrong_names(name: str) -> None:
    with pytest.raises(ValueError, match="cookie name"):
        Cookie(name, "v")


def test_a_name_is_text() -> None:
    with pytest.raises(TypeError, match="name must be str"):
        Cookie(b"n", "v")  # type: ignore[arg-type]


def test_other_values_are_sent_as_their_text() -> None:
    assert [str(Cookie("n", value)) for value in (5, b"\xc3\xa9", "é", "", '"a;b"')] == [
        "n=5", "n=é", "n=é", "n=", 'n="a;b"']
    assert Cookie("n", 5).value == 5


# Parsing

@pytest.mark.parametrize(("text", "cookies"), [
    ("a=1; b=2", {"a": "1", "b": "2"}),
    ("a=1;b=2;", {"a": "1", "b": "2"}),
    ("", {}), (";", {}), ("=", {}), ("=x", {}), ("; ;,;", {}),
    ("a", {"a": ""}), ("a=", {"a": ""}), ("a; b=2", {"a": "", "b": "2"}),
    ("a=1; a=2", {"a": "2"}),
    ("A=1; a=2", {"A": "1", "a": "2"}),
    ("a=1 ; b= 2 ", {"a": "1 ", "b": "2 "}),
    (" ,, a=1", {"a": "1"}),
    ("a=1,2, 3; b=4", {"a": "1,2, 3", "b": "4"}),
    ("a=b=c", {"a": "b=c"}),
    ('a="x; y=z"; b=2', {"a": '"x; y=z"', "b": "2"}),
    ('a="x\\"; y" ; b=2', {"a": '"x\\"; y"', "b": "2"}),
    ('a="x; b=2', {"a": '"x', "b": "2"}),
    ('a="x"y; b=2', {"a": '"x"y', "b": "2"}),
    ('a="x', {"a": '"x'}), ('a="', {"a": '"'}), ('a=""', {"a": '""'}),
    ("$Version=1; a=1; $Path=/; $x", {"a": "1"}),
    ("a=1; path=/; domain=x; expires=never", {"a": "1", "path": "/", "domain": "x", "expires": "never"}),
    ("a=1; b\x01=2; c=3", {"a": "1", "c": "3"}),
    ("\xe9=\xe9", {"\xe9": "\xe9"}),
    ("cart=33d0da842918f2a744c6780ec2a37736plain", {"cart": "33d0da842918f2a744c6780ec2a37736plain"}),
])
def test_parse(text: str, cookies: dict[str, str]) -> None:
    parsed = Cookie.parse(text)
    assert {name: cookie.value for name, cookie in parsed.items()} == cookies
    assert all(type(cookie) is Cookie and cookie.name == name for name, cookie in parsed.items())
    assert list(Cookie.parse(text, ["a", "none"])) == ["a"] * ("a" in cookies)


def test_parse_gives_the_class_that_was_asked() -> None:
    class Mine(Cookie):
        pass
    assert type(Mine.parse("a=1")["a"]) is Mine


@pytest.mark.parametrize("text", ["a=1\r\nb=2", "a=\0", "a\n"])
def test_no_header_has_line_ends(text: str) -> None:
    with pytest.raises(ValueError, match="line ends"):
        Cookie.parse(text)


HEADERS = st.text(st.characters(exclude_characters="\r\n\0")) | st.lists(
    st.sampled_from(["a", "=", ";", '"', "\\", " ", ",", "$", "\t", "é"])).map("".join)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters=";=, $\x7f", exclude_categories=("Cc",)), min_size=1)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters='\r\n\0;"')).map(lambda text: text.lstrip(" \t"))


@given(HEADERS)
def test_every_header_can_be_parsed_and_echoed(text: str) -> None:
    cookies = Cookie.parse(text)
    again = Cookie.parse("; ".join(str(cookie) for cookie in cookies.values()))
    assert {name: cookie.value for name, cookie in again.items()} == {name: c.value for name, c in cookies.items()}
    for digest in ("sha256", "md5"):
        assert SignedCookie.parse(text, SECRET, Cookie.IGNORE, digest=digest) == {}
        assert MarshalCookie.parse(text, SECRET, Cookie.IGNORE, digest=digest) == {}


@given(st.dictionaries(NAMES, VALUES))
def test_cookies_come_back(cookies: dict[str, str]) -> None:
    text = "; ".join(str(Cookie(name, value)) for name, value in cookies.items())
    assert {name: cookie.value for name, cookie in Cookie.parse(text).items()} == cookies


@given(NAMES, VALUES, st.binary(min_size=1), st.sampled_from(["sha256", "md5"]))
def test_signed_cookies_come_back(name: str, value: str, secret: bytes, digest: str) -> None:
    text = str(SignedCookie(name, value, secret, digest=digest))
    cookie = SignedCookie.parse(text, secret, digest=digest)[name]
    assert type(cookie) is SignedCookie and cookie.value == value
    assert str(cookie) == text


TEXTS = st.text(st.characters(codec="utf-8"))
MARSHALLED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.binary() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=10)


@given(NAMES, MARSHALLED, st.sampled_from(["sha256", "md5"]))
def test_marshalled_cookies_come_back(name: str, value: Any, digest: str) -> None:
    text = str(MarshalCookie(name, value, SECRET, digest=digest))
    cookie = MarshalCookie.parse(text, SECRET, digest=digest)[name]
    assert type(cookie) is MarshalCookie and cookie.value == value


@pytest.mark.parametrize("value", ["a\r\nb", "a;b", b"\xff\0", ["\0"], {"a": None}])
def test_what_is_marshalled_may_have_anything_in_it(value: Any) -> None:
    cookie = MarshalCookie("n", "v", SECRET)
    cookie.value = value
    assert MarshalCookie.parse(str(cookie), SECRET)["n"].value == value


@pytest.mark.parametrize("unit", ['a="', 'a="\\', 'a="\\";', '"', ";", " ", 'a="x" y;', "a= ", ",", "=", 'a="x";'])
def test_steps_of_parsing_grow_with_the_length_only(unit: str) -> None:
    assert grows_with_length(lambda length: partial(Cookie.parse, unit * length))


# Signatures

def test_the_wire_format_of_old() -> None:
    assert str(SignedCookie("cart", "plain", SECRET, digest="md5")) == "cart=33d0da842918f2a744c6780ec2a37736plain"
    assert str(MarshalCookie("cart", b"abc", SECRET, digest="md5")) == (
        "cart=5fe4098a69335f9fce84bc188d625e41cwMAAABhYmM=")
    assert str(MarshalCookie("cart", ["a", 1], SECRET, digest="md5")) == (
        "cart=20c262443f7b181564b3d247b563a971WwIAAAB1AQAAAGFpAQAAAA==")


def test_new_cookies_are_signed_with_sha256() -> None:
    signature = hmac.new(b"k3y", b"cart\xc3\xa9", hashlib.sha256).hexdigest()
    assert str(SignedCookie("cart", "é", SECRET)) == str(SignedCookie("cart", "é", b"k3y")) == f"cart={signature}é"
    assert SignedCookie.parse(f"cart={signature}é", b"k3y")["cart"].value == "é"


OLD = "cart=33d0da842918f2a744c6780ec2a37736plain"


def test_the_old_digest_is_accepted_when_asked_for() -> None:
    assert type(SignedCookie.parse(OLD, SECRET)["cart"]) is Cookie
    assert SignedCookie.parse(OLD, SECRET, digest="md5")["cart"].value == "plain"
    new = str(SignedCookie("cart", "plain", SECRET))
    for text in (OLD, new):
        cookie = SignedCookie.parse(text, SECRET, digest=("sha256", "md5"))["cart"]
        assert type(cookie) is SignedCookie and cookie.value == "plain" and str(cookie) == text
    with pytest.raises(ValueError, match="digest"):
        SignedCookie.parse(OLD, SECRET, digest="sha1")
    with pytest.raises(ValueError, match="digest"):
        SignedCookie("n", "v", SECRET, digest="sha1")


@pytest.mark.parametrize("cls", [SignedCookie, MarshalCookie])
def test_what_becomes_of_a_wrong_signature(cls: Any) -> None:
    good = str(cls("a", "v", SECRET))
    for wrong in (good + "x", "a=" + "0" * 64, "a=", "a=x", good.replace("a=", "b="), good.upper().replace("A=", "a=")):
        name, _, value = wrong.partition("=")
        for downgraded in (cls.parse(wrong, SECRET), cls.parse(wrong, SECRET, Cookie.DOWNGRADE)):
            assert type(downgraded[name]) is Cookie and downgraded[name].value == value
        assert cls.parse(wrong, SECRET, Cookie.IGNORE) == {}
        assert cls.parse(wrong, SECRET, mismatch=Cookie.EXCEPTION, names=["other"]) == {}
        with pytest.raises(CookieError, match=name):
            cls.parse(wrong, SECRET, Cookie.EXCEPTION)
    assert type(cls.parse(good, "other")["a"]) is Cookie


def test_merely_signed_cookies_are_no_marshalled_ones() -> None:
    for value in ("plain", "", "AAAA", "cwMAAABhYmM", "////", "é"):
        text = str(SignedCookie("n", value, SECRET))
        cookie = MarshalCookie.parse(text, SECRET)["n"]
        assert type(cookie) is Cookie and f"n={cookie.value}" == text
        with pytest.raises(CookieError):
            MarshalCookie.parse(text, SECRET, Cookie.EXCEPTION)


def test_nothing_is_unmarshalled_before_the_signature_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    text = str(MarshalCookie("n", "v", SECRET))

    def loads(data: bytes) -> Any:
        raise AssertionError("unmarshalled")
    monkeypatch.setattr(module.marshal, "loads", loads)
    for wrong in (text[:-4] + "AAAA", text.replace("n=", "n=0"), "n=cwMAAABhYmM="):
        assert type(MarshalCookie.parse(wrong, SECRET)["n"]) is Cookie


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False
    monkeypatch.setattr(module.hmac, "compare_digest", compare)
    text = str(SignedCookie("n", "v", SECRET))
    assert type(SignedCookie.parse(text, SECRET)["n"]) is Cookie and len(compared) == 1


def test_without_a_secret_there_are_none() -> None:
    for cls in (SignedCookie, MarshalCookie):
        for secret in (None, "", b""):
            cookie = cls("n", "v", secret)
            with pytest.raises(CookieError, match="secret"):
                str(cookie)
            assert "not to be sent" in repr(cookie)
            with pytest.raises(CookieError, match="secret"):
                cls.parse("n=v", secret)


def test_long_values_are_in_one_line() -> None:
    cookie = MarshalCookie("n", "x" * 1000, SECRET)
    assert "\n" not in str(cookie) and MarshalCookie.parse(str(cookie), SECRET)["n"].value == "x" * 1000


def test_what_can_not_be_marshalled() -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        str(MarshalCookie("n", object(), SECRET))


def test_constants() -> None:
    assert (Cookie.DOWNGRADE, Cookie.IGNORE, Cookie.EXCEPTION) == (0, 1, 3)
    assert (module.DOWNGRADE, module.IGNORE, module.EXCEPTION) == (0, 1, 3)
