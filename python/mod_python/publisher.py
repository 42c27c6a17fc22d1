"""The publisher: URLs that call functions, with the fields of forms as their arguments::

    # hello.py, in a directory with the lines:
    #     AddHandler mod_python .py
    #     PythonHandler mod_python.publisher

    def index():                            # /hello.py, also /hello
        return "Hello"

    def add(one: int, two: int = 1):        # /hello.py/add?one=2
        return str(one + two)

What a name of the URL finds is sent: text as it is, anything else as str() shows it; functions are called for it, with
what the request's form has for their parameters. Coroutines are awaited, generators are written piece by piece. Clients
reach functions and data of the page's own; names that begin with `_`, modules, classes, what is built in, and functions
of the standard library are refused with 403. The page may set req.content_type; without, text that ends with </html> is
text/html, the rest text/plain.

`__auth__`, `__access__` and `__auth_realm__`, in the page, in an object on the way, or in the body of a function, say
who may come in.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, closing
from types import AsyncGeneratorType, FunctionType, GeneratorType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from mod_python import _apache, _awaiting
from mod_python._page_auth import Gate
from mod_python._page_rules import may_go_through, may_publish
from mod_python._pages import PageCache
from mod_python.util import FieldStorage, apply_fs_data

if TYPE_CHECKING:
    from mod_python._apache import mp_request

OK = 0
HTTP_FORBIDDEN, HTTP_NOT_FOUND, HTTP_METHOD_NOT_ALLOWED = 403, 404, 405
_WARNING, _NOTICE, _INFO = 4, 5, 6

METHODS = ("GET", "POST", "HEAD")
MAX_CALLS = 100                 # of functions that return functions

page_cache = PageCache()
"""The modules of pages: page_cache[req], or page_cache[file]."""


def handler(req: mp_request) -> int:
    """Serves the page that the URL means. `PythonHandler mod_python.publisher` calls it."""
    methods = _methods(req)
    req.allow_methods(methods)
    if req.method not in methods:
        return HTTP_METHOD_NOT_ALLOWED
    file, names = _page_of(req)
    req.filename = file
    module = page_cache[req]
    gate = Gate(req)
    gate.enter(module)
    _publish(req, _find(req, module, names, gate), gate)
    return OK


def process_auth(req: mp_request, object: Any, realm: str = "unknown", user: str | None = None,
                 passwd: str | None = None) -> tuple[str, str | None, str | None]:
    """Checks `__auth__` and `__access__` of an object, and of a function's body, with the credentials of the request.

    Returns the realm, the user and the password for the objects that follow. Raises SERVER_RETURN with 401 or 403.
    """
    gate = Gate(req, realm, user, passwd)
    gate.enter(object)
    return gate.realm, gate.user, gate.password


def resolve_object(req: mp_request, obj: ModuleType, object_str: str, realm: str = "unknown", user: str | None = None,
                   passwd: str | None = None) -> Any:
    """The object that the dotted name object_str means in a page, by the rules for URLs.

    Raises SERVER_RETURN with 401, 403 or 404.
    """
    names = object_str.split(".")
    _check_names(req, names)
    return _find(req, obj, names, Gate(req, realm, user, passwd))


def publish_object(req: mp_request, object: Any) -> bool:
    """Sends an object to the client, or what it gives when it is called. Returns whether it gave something.

    Raises SERVER_RETURN with 403 for what must not be published, and what the call raises.
    """
    return _publish(req, object, Gate(req))


# --- from the URL to the object ---

def _methods(req: mp_request) -> Sequence[str]:
    option = req.get_options().get("mod_python.publisher.methods")
    return METHODS if option is None else option.replace(",", " ").upper().split()


def _page_of(req: mp_request) -> tuple[str, list[str]]:
    """The file of the page, and the names of the way in it."""
    if req.filename is None:
        req.log_error(f"MP0114: publisher: no file belongs to {req.uri!r}, so there is no page: put the directives"
                      " into a <Directory> section instead of a <Location>", _WARNING)
        raise _apache.SERVER_RETURN(HTTP_NOT_FOUND)
    if "//" in req.uri:                 # MergeSlashes Off; an empty name names nothing
        raise _apache.SERVER_RETURN(HTTP_NOT_FOUND)
    directory, last = os.path.split(req.filename)
    name = _without_suffix(req, last) if last else "index"
    rest = req.path_info or ""
    names = rest.removeprefix("/").removesuffix("/").replace("/", ".").split(".") if rest not in ("", "/") else []
    _check_names(req, [name[:1], *names])
    file = os.path.join(directory, name + ".py")
    if not os.path.isfile(file):
        file = os.path.join(directory, "index.py")
        names = [*name.split("."), *names]
        _check_names(req, names)
        if not os.path.isfile(file):
            req.log_error(f"publisher: neither {name + '.py'!r} nor index.py is in {directory!r}", _INFO)
            raise _apache.SERVER_RETURN(HTTP_NOT_FOUND)
    return os.path.abspath(file), names or ["index"]


def _without_suffix(req: mp_request, name: str) -> str:
    suffixes = [".py", *("." + extension.lstrip(".") for extension in req.get_addhandler_exts().split())]
    if req.extension:
        suffixes.append(req.extension)
    for suffix in suffixes:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


def _check_names(req: mp_request, names: Sequence[str]) -> None:
    for name in names:
        if name.startswith("_"):
            req.log_error(f"MP0110: publisher: {name!r} of {req.uri!r} begins with '_' and so is private", _WARNING)
            raise _apache.SERVER_RETURN(HTTP_FORBIDDEN)
    if "" in names:
        raise _apache.SERVER_RETURN(HTTP_NOT_FOUND)


def _find(req: mp_request, module: ModuleType, names: Sequence[str], gate: Gate) -> Any:
    found: Any = module
    for number, name in enumerate(names):
        if number == 0:
            known = vars(module)
            if name not in known:
                raise _apache.SERVER_RETURN(HTTP_NOT_FOUND)
            found = known[name]
        else:
            if not may_go_through(found):
                raise _refused(req, ".".join(names[:number]), found)
            try:
                found = getattr(found, name)
            except AttributeError:
                raise _apache.SERVER_RETURN(HTTP_NOT_FOUND) from None
        if number < len(names) - 1 or may_publish(found):
            gate.enter(found)
    if not may_publish(found):
        raise _refused(req, ".".join(names), found)
    return found


def _refused(req: mp_request, name: str, object: Any) -> Exception:
    req.log_error(f"MP0111: publisher: {req.uri!r} asks for {name!r}, which is of type {type(object).__name__} and not"
                  " published, or what is in it", _WARNING)
    return _apache.SERVER_RETURN(HTTP_FORBIDDEN)


# --- from the object to the answer ---

def _publish(req: mp_request, object: Any, gate: Gate) -> bool:
    for _ in range(MAX_CALLS):
        if hasattr(type(object), "__await__"):
            object = _awaiting.run(object)
            continue
        function = _callable(object)
        if not (may_publish(object) and may_publish(function)):
            raise _refused(req, getattr(object, "__name__", "its result"), object)
        if function is None:
            return _send(req, object)
        gate.enter(function, called=True)
        object = _call(req, function)
    raise RecursionError(f"publisher: {MAX_CALLS} functions in a row have returned a function")


def _callable(object: Any) -> Any:
    """What to call for an object, or None."""
    if callable(object):
        return object
    own = getattr(object, "__dict__", {}).get("__call__")
    return own if isinstance(own, (FunctionType, MethodType)) else None


def _call(req: mp_request, function: Any) -> Any:
    form = getattr(req, "form", None)
    if not isinstance(form, FieldStorage):      # a body can be read once
        form = req.form = FieldStorage(req, keep_blank_values=1)
    return apply_fs_data(function, form, req=req)


def _send(req: mp_request, object: Any) -> bool:
    if object is None:
        if not (req.sent_bodyct or req._bytes_queued) and req.get_config().get("PythonDebug") == "1":
            req.log_error(f"MP0113: publisher: nothing to publish for {req.uri!r}: the function returned None and wrote"
                          " nothing", _NOTICE)
        return False
    if isinstance(object, GeneratorType):
        with closing(object):
            _send_pieces(req, object)
    elif isinstance(object, AsyncGeneratorType):
        _awaiting.run(_send_async_pieces(req, object))
    else:
        data = _data(object)
        _set_type(req, bool(_HTML_END.search(data[-100:])))
        req.write(data, 0)              # not flushed: httpd finds the length
    return True


# Where a text ends as a page of HTML, or a text that comes in pieces begins as one.
_HTML_END = re.compile(rb"</html\s*>\s*\Z", re.I)
_HTML_START = re.compile(rb"\s*<(?:!doctype html|html)\b", re.I)


def _data(object: Any) -> bytes:
    if isinstance(object, (bytes, bytearray, memoryview)):
        return bytes(object)
    return str(object).encode("utf-8", "surrogateescape")


def _set_type(req: mp_request, is_html: bool) -> None:
    if not req._content_type_set:
        req.content_type = "text/html" if is_html else "text/plain"


def _send_piece(req: mp_request, piece: Any) -> None:
    data = _data(piece)
    if data:
        _set_type(req, bool(_HTML_START.match(data)))
        req.write(data, 0)


def _send_pieces(req: mp_request, pieces: Iterable[Any]) -> None:
    for piece in pieces:
        _send_piece(req, piece)


async def _send_async_pieces(req: mp_request, pieces: AsyncGenerator[Any, None]) -> None:
    async with aclosing(pieces):
        async for piece in pieces:
            _send_piece(req, piece)
