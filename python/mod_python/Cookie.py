"""Cookies: plain, signed, and signed ones that hold Python values.

    from mod_python import Cookie, apache

    def handler(req: apache.Request) -> int:
        seen = Cookie.get_cookie(req, "visits", Cookie.SignedCookie, secret=SECRET, mismatch=Cookie.IGNORE)
        visits = int(seen.value) + 1 if seen else 1
        Cookie.add_cookie(req, Cookie.SignedCookie("visits", str(visits), SECRET, httponly=True, samesite="Lax"))
        req.write(f"Visit {visits}")
        return apache.OK

Cookies are made and read without httpd, too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import marshal
import re
import time
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self

    from mod_python._apache import mp_request

DOWNGRADE, IGNORE, EXCEPTION = 0, 1, 3

# Attribute: its name in the text, in the order of the text. For the flags that is all.
_ATTRIBUTES = {
    "version": "version", "path": "path", "domain": "domain", "secure": "secure", "comment": "comment",
    "expires": "expires", "max_age": "Max-Age", "samesite": "samesite", "commentURL": "commentURL",
    "discard": "discard", "port": "port", "httponly": "httponly",
}
_FLAGS = ("secure", "discard", "httponly")
_BY_LOWER_NAME = {name.lower(): name for name in _ATTRIBUTES}
_SAMESITE = {"strict": "Strict", "lax": "Lax", "none": "None"}

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EXPIRES = re.compile(rf"(?:{'|'.join(_DAYS)}), \d\d([- ])(?:{'|'.join(_MONTHS)})\1\d{{4}} \d\d:\d\d:\d\d GMT")

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_END = re.compile(r"[ \t]*(?=;|\Z)")
_LINE_ENDS = re.compile(r"[\r\n\0]")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f;=]|^[ ,$]| $")


class CookieError(Exception):
    """A cookie that can't be signed, or whose signature or content is wrong."""


class Cookie:
    """A cookie: a name, a value, and attributes. Its str() is what a Set-Cookie header says.

    An attribute that was not set can't be read; None unsets it. `__data__` is a dict for subclasses. Two cookies are
    equal if they are the same object.
    """

    # What parse() makes of a cookie whose signature is wrong: a plain Cookie, nothing, an exception.
    DOWNGRADE: ClassVar[int] = DOWNGRADE
    IGNORE: ClassVar[int] = IGNORE
    EXCEPTION: ClassVar[int] = EXCEPTION

    __slots__ = ("__data__", "name", "value", *_ATTRIBUTES)

    name: str
    value: Any
    __data__: dict[str, Any]
    version: Any
    path: Any
    domain: Any
    secure: Any
    comment: Any
    expires: Any            # set as text, or as seconds since the epoch; read as text
    max_age: Any            # seconds
    samesite: Any           # "Strict", "Lax" or "None"
    commentURL: Any
    discard: Any
    port: Any
    httponly: Any

    def __init__(self, name: str, value: Any, **attributes: Any) -> None:
        """Raises AttributeError for an unknown attribute, ValueError or TypeError for what can't be in a cookie."""
        self.__data__ = {}
        self.name = name
        self.value = value
        for key, given in attributes.items():
            setattr(self, _BY_LOWER_NAME.get(key.lower(), key), given)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _ATTRIBUTES:
            if value is None and name != "samesite":
                if hasattr(self, name):
                    delattr(self, name)
                return
            value = _attribute(name, value)
        elif name == "name":
            _check_name(value)
        elif name == "value":
            self._check(value)
        elif not hasattr(type(self), name):         # subclasses may have more than the attributes
            raise AttributeError(f"a cookie has no attribute {name!r}; it has {', '.join(_ATTRIBUTES)}")
        super().__setattr__(name, value)

    def __str__(self) -> str:
        value = self._value_text()
        _check_value(value)
        text = [f"{self.name}={value}"]
        for name, word in _ATTRIBUTES.items():
            given = getattr(self, name, None)
            if name in _FLAGS and given:
                text.append(word)
            elif name not in _FLAGS and given is not None:
                text.append(f"{word}={given}")
        return "; ".join(text)

    def _check(self, value: Any) -> None:
        """Raises ValueError for a value that can't be sent; objects are looked at when they become text."""
        if isinstance(value, (str, bytes)):
            _check_value(_text(value))

    def _value_text(self) -> str:
        return _text(self.value)

    def __repr__(self) -> str:
        try:
            return f"<{type(self).__name__}: {self}>"
        except (CookieError, ValueError):
            return f"<{type(self).__name__}: {self.name} (not to be sent as it is)>"

    @classmethod
    def parse(cls, text: str, names: Collection[str] | None = None) -> dict[str, Self]:
        """The cookies of a Cookie header, by name; of several with one name the last. With `names`, only these.

        Raises ValueError for line ends and NUL, which no header has.
        """
        return {name: cls(name, value) for name, value in _pairs(text, names)}


class SignedCookie(Cookie):
    """A cookie that the client can read, but not change: its value is preceded by an HMAC of name and value.

    The digest is SHA-256; digest="md5" makes and reads those of older versions.
    """

    __slots__ = ()

    def __init__(self, name: str, value: Any, secret: str | bytes | None = None, digest: str = "sha256",
                 **attributes: Any) -> None:
        super().__init__(name, value, **attributes)
        self.__data__["secret"] = secret
        self.__data__["digest"] = _digests(digest)[0]

    def _value_text(self) -> str:
        payload = self._payload()
        secret, digest = self.__data__.get("secret"), self.__data__.get("digest", "sha256")
        return _signature(self.name, payload, secret, digest) + payload

    def _payload(self) -> str:
        return _text(self.value)

    @classmethod
    def _of_payload(cls, name: str, payload: str, secret: str | bytes, digest: str) -> Any:
        """A cookie of what is behind a good signature. Raises CookieError if it can't be one."""
        return cls(name, payload, secret, digest=digest)

    @classmethod
    def parse(cls, text: str, secret: str | bytes | None = None,  # type: ignore[override]
              mismatch: int = DOWNGRADE, names: Collection[str] | None = None,
              digest: str | Collection[str] = "sha256") -> dict[str, Any]:
        """The cookies of a header whose signature is good, by name; `mismatch` says what becomes of the others.

        DOWNGRADE: a plain Cookie of the whole text; IGNORE: nothing; EXCEPTION: CookieError. `digest` names the digest
        that is accepted, or several: ("sha256", "md5") reads old cookies beside new ones. Raises CookieError if there
        is no secret.
        """
        digests = _digests(digest)
        key = _key(secret)
        cookies: dict[str, Any] = {}
        for name, value in _pairs(text, names):
            try:
                cookies[name] = cls._verified(name, value, key, digests)
            except CookieError:
                if mismatch == EXCEPTION:
                    raise
                if mismatch != IGNORE:
                    cookies[name] = Cookie(name, value)
        return cookies

    @classmethod
    def _verified(cls, name: str, value: str, secret: bytes, digests: list[str]) -> Any:
        for digest in digests:
            length = hashlib.new(digest, usedforsecurity=False).digest_size * 2
            signature, payload = value[:length], value[length:]
            good = _signature(name, payload, secret, digest)
            if hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), good.encode()):
                return cls._of_payload(name, payload, secret, digest)
        raise CookieError(f"cookie {name!r}: the signature is wrong")


class MarshalCookie(SignedCookie):
    """A signed cookie whose value is any Python value that `marshal` takes."""

    __slots__ = ()

    def _check(self, value: Any) -> None:
        pass

    def _payload(self) -> str:
        # Version 2: its text is the same for all Pythons.
        return base64.b64encode(marshal.dumps(self.value, 2)).decode()

    @classmethod
    def _of_payload(cls, name: str, payload: str, secret: str | bytes, digest: str) -> Any:
        try:
            value = marshal.loads(base64.b64decode(payload, validate=True))
        except (ValueError, EOFError, TypeError, binascii.Error):
            raise CookieError(f"cookie {name!r}: what is signed is no Python value") from None
        return cls(name, value, secret, digest=digest)


def add_cookie(req: mp_request, cookie: Cookie | str, value: Any = "", *, on_error: bool = False,
               **attributes: Any) -> None:
    """Send a cookie with the answer; for a name, a Cookie is made of it, the value and the attributes.

    With the first one goes a Cache-Control that keeps caches from storing it. on_error: also with an error page
    (req.err_headers_out). Raises ValueError if the cookie would break the header.
    """
    if not isinstance(cookie, Cookie):
        cookie = Cookie(cookie, value, **attributes)
    text = str(cookie).encode()
    headers = req.err_headers_out if on_error else req.headers_out
    if "Set-Cookie" not in req.headers_out and "Set-Cookie" not in req.err_headers_out:
        headers.add("Cache-Control", 'no-cache="set-cookie"')
    headers.add("Set-Cookie", text)


def get_cookies(req: mp_request, Class: type[Cookie] = Cookie, **data: Any) -> dict[str, Any]:
    """The cookies of the request by name, as Class.parse() makes them; it gets `data`, such as secret=."""
    if "Cookie" not in req.headers_in:
        return {}
    text = req.headers_in["Cookie"]                 # a list if a handler has added some
    return Class.parse(text if isinstance(text, str) else "; ".join(text), **data)


def get_cookie(req: mp_request, name: str, Class: type[Cookie] = Cookie, **data: Any) -> Any:
    """The request's cookie of that name, or None."""
    return get_cookies(req, Class, names=[name], **data).get(name)


# Text

def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"a cookie's name must be str, not {type(name).__name__}")
    if not name or _NOT_IN_NAMES.search(name):
        raise ValueError(f"bad cookie name {name!r}: no control characters, ';' or '=', no '$' or ',' in front, no"
                         " blank at either end")


def _check_value(text: str) -> None:
    if _LINE_ENDS.search(text):
        raise ValueError(f"a cookie's value must not contain line ends or NUL: {text[:80]!r}")
    if ";" in text and not _QUOTED.fullmatch(text):
        raise ValueError(f"a cookie's value may contain ';' only in double quotes: {text[:80]!r}")


def _attribute(name: str, value: Any) -> Any:
    """A value for an attribute, in the form in which it is sent. Raises ValueError or TypeError."""
    if name in _FLAGS:
        return value
    if name == "expires":
        return _expires(value)
    if name == "max_age":
        try:
            return int(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"max_age must be a number of seconds, not {value!r}") from None
    if name == "samesite":
        if not isinstance(value, str) or value.lower() not in _SAMESITE:
            raise ValueError(f"samesite must be 'Strict', 'Lax' or 'None', not {value!r}")
        return _SAMESITE[value.lower()]
    text = _text(value)
    if _LINE_ENDS.search(text) or ";" in text:
        raise ValueError(f"a cookie's {name} must not contain ';', line ends or NUL: {text[:80]!r}")
    return text if isinstance(value, bytes) else value


def _expires(value: Any) -> str:
    if isinstance(value, str):
        if _EXPIRES.fullmatch(value):
            return value
        raise ValueError(f"expires must be as 'Wed, 09-Nov-1999 23:12:40 GMT', or a number of seconds since 1970, not"
                         f" {value!r}")
    try:
        when = time.gmtime(value)
    except (OverflowError, OSError) as error:
        raise ValueError(f"expires can't be {value!r} seconds since 1970: {error}") from None
    if not 0 <= when.tm_year <= 9999:
        raise ValueError(f"expires can't be {value!r} seconds since 1970: that is the year {when.tm_year}")
    return (f"{_DAYS[when.tm_wday]}, {when.tm_mday:02}-{_MONTHS[when.tm_mon - 1]}-{when.tm_year:04}"
            f" {when.tm_hour:02}:{when.tm_min:02}:{when.tm_sec:02} GMT")


def _pairs(text: str, names: Collection[str] | None) -> Iterator[tuple[str, str]]:
    """Names and values of a Cookie header. A quoted value may contain semicolons, and keeps its quotes."""
    if _LINE_ENDS.search(text):
        raise ValueError("a Cookie header can't contain line ends or NUL")
    at = 0
    while at < len(text):
        end = text.find(";", at)
        end = len(text) if end < 0 else end
        name, equals, value = text[at:end].partition("=")
        begin = at + len(name) + 1
        name, value = name.lstrip(" \t,").rstrip(" \t"), value.lstrip(" \t")
        if equals and value.startswith('"'):
            quoted = _QUOTED.match(text, text.index('"', begin))
            after = _END.match(text, quoted.end()) if quoted else None
            if quoted and after:
                value, end = quoted[0], after.end()
        at = end + 1
        if name and not _NOT_IN_NAMES.search(name) and (names is None or name in names):
            yield name, value


# Signatures

def _key(secret: str | bytes | None) -> bytes:
    if not secret:
        raise CookieError("a signed cookie needs a secret")
    return secret.encode() if isinstance(secret, str) else secret


def _digests(digest: str | Collection[str]) -> list[str]:
    digests = [digest] if isinstance(digest, str) else list(digest)
    if not digests or not set(digests) <= {"sha256", "md5"}:
        raise ValueError(f"digest must be 'sha256' or 'md5', not {digest!r}")
    return digests


def _signature(name: str, payload: str, secret: str | bytes | None, digest: str) -> str:
    return hmac.new(_key(secret), (name + payload).encode("utf-8", "surrogatepass"), digest).hexdigest()
