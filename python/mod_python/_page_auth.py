"""`__auth__`, `__access__` and `__auth_realm__` of pages: who may go on, asked at each object of the way to a page.

What can't be understood denies, and says so in the error log.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Collection, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from mod_python import _apache, _awaiting, _nested
from mod_python._page_rules import functions_behind

if TYPE_CHECKING:
    from mod_python._apache import mp_request

_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN = 400, 401, 403
_ERR = 3
_ABSENT = object()


class Gate:
    """What is known of the visitor on the way: the realm that they are in, and whom they say they are."""

    def __init__(self, req: mp_request, realm: str = "unknown", user: str | None = None,
                 password: str | None = None) -> None:
        self.req = req
        self.realm = realm
        self.user = user
        self.password = password
        self._asked = user is not None
        self._passed: list[Any] = []        # the objects and functions that had their say

    def enter(self, object: Any, called: bool = False) -> None:
        """Check what the object asks for; with `called` also what its __call__ does. Raises SERVER_RETURN."""
        layers: list[Mapping[str, Any]] = []
        if self._is_new(object):
            layers.append(_attributes(object))
        if called or isinstance(object, (FunctionType, MethodType)):
            layers += [_nested.nested(function) for function in functions_behind(object)
                       if self._is_new(function.__code__)]
        for name, check in (("__auth_realm__", self._take_realm), ("__auth__", self._check_user),
                            ("__access__", self._check_access)):
            for layer in layers:
                if name in layer:
                    check(object, layer[name])

    def _is_new(self, object: Any) -> bool:
        if any(object is one for one in self._passed):
            return False
        self._passed.append(object)
        return True

    def _take_realm(self, object: Any, realm: Any) -> None:
        if isinstance(realm, str):
            self.realm = realm
        else:
            self._complain(object, "__auth_realm__", realm, f"the realm stays {self.realm!r}")

    def _check_user(self, object: Any, auth: Any) -> None:
        self._ask()
        if self.user is None or self.password is None or not self._is_user(object, auth):
            raise self._unauthorized()
        self.req.user = self.user
        self.req.ap_auth_type = "Basic"

    def _is_user(self, object: Any, auth: Any) -> bool:
        if callable(auth):
            return bool(_result(auth(self.req, self.user, self.password)))
        if isinstance(auth, Mapping):
            return self.user in auth and _is_same(auth[self.user], self.password)
        if isinstance(auth, (_nested.Unknown, str, bytes)):
            self._complain(object, "__auth__", auth, "nobody is let in")
            return False
        return bool(auth)

    def _check_access(self, object: Any, access: Any) -> None:
        self._ask()
        if not self._has_access(object, access, self.user if self.user is not None else self.req.user):
            raise _apache.SERVER_RETURN(_FORBIDDEN)

    def _has_access(self, object: Any, access: Any, user: str | None) -> bool:
        if callable(access):
            return bool(_result(access(self.req, user)))
        if isinstance(access, (_nested.Unknown, str, bytes)):
            self._complain(object, "__access__", access, "nobody is let in")
            return False
        if isinstance(access, Collection):
            return user is not None and user in access
        return bool(access)

    def _complain(self, object: Any, name: str, value: Any, result: str) -> None:
        why = value.why if isinstance(value, _nested.Unknown) else f"{type(value).__name__} is no type for it"
        what = getattr(object, "__qualname__", None) or getattr(object, "__name__", type(object).__name__)
        self.req.log_error(f"MP0112: publisher: {name} of {what} can't be used, so {result}: {why}", _ERR)

    def _ask(self) -> None:
        """Take the credentials from the request's header, once. Another scheme than Basic is none of ours."""
        if self._asked:
            return
        self._asked = True
        header = self.req.headers_in.get("Authorization")
        scheme, _, text = (header or "").strip().partition(" ")
        if scheme.lower() != "basic":
            return
        try:
            pair = base64.b64decode(text.strip().encode("ascii"), validate=True)
        except ValueError:
            raise _apache.SERVER_RETURN(_BAD_REQUEST) from None
        user, colon, password = pair.partition(b":")
        if not colon:
            raise _apache.SERVER_RETURN(_BAD_REQUEST)
        try:
            self.user, self.password = user.decode(), password.decode()
        except UnicodeDecodeError:
            self.user, self.password = user.decode("latin-1"), password.decode("latin-1")

    def _unauthorized(self) -> Exception:
        realm = re.sub(r'(["\\])', r"\\\1", re.sub(r"[\x00-\x1f\x7f]", " ", self.realm))
        self.req.err_headers_out["WWW-Authenticate"] = f'Basic realm="{realm}"'
        return _apache.SERVER_RETURN(_UNAUTHORIZED)


def _attributes(object: Any) -> Mapping[str, Any]:
    """What the object itself has; of a module nothing that its __getattr__ would make up."""
    if isinstance(object, ModuleType):
        return vars(object)
    found = ((name, getattr(object, name, _ABSENT)) for name in _nested.NAMES)
    return {name: value for name, value in found if value is not _ABSENT}


def _result(value: Any) -> Any:
    return _awaiting.run(value) if hasattr(type(value), "__await__") else value


def _is_same(expected: Any, given: str | None) -> bool:
    """Compare passwords in a time that does not tell where they differ."""
    if isinstance(expected, (str, bytes)) and given is not None:
        want = expected if isinstance(expected, bytes) else expected.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(want, given.encode("utf-8", "surrogatepass"))
    return bool(expected == given)
