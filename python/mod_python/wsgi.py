"""WSGI applications (PEP 3333) as content handlers: `PythonHandler mod_python.wsgi`::

    <Location /shop>
        SetHandler mod_python
        PythonHandler mod_python.wsgi
        PythonOption mod_python.wsgi.application shop.app::application
    </Location>

The application is what the option mod_python.wsgi.application names: a module, whose `application` is called, or
module::name. It is imported as a handler would be, so it is loaded anew when it changes. SCRIPT_NAME is the option
mod_python.wsgi.base_uri, or else the text of the <Location>. The request is its wsgi.input.

Directives whose names begin with WSGI have nothing to do with this handler.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from mod_python import _current
from mod_python._objects import resolve_object
from mod_python.importer import import_module

if TYPE_CHECKING:
    from mod_python._apache import mp_request

OK, DECLINED, HTTP_INTERNAL_SERVER_ERROR = 0, -1, 500
_ERR, _WARNING = 3, 4


def handler(req: mp_request) -> int:
    """Answers with the application that the option mod_python.wsgi.application names."""
    name = req.get_options().get("mod_python.wsgi.application")
    if not name:
        req.log_error("MP0117: mod_python.wsgi: no application: write"
                      " 'PythonOption mod_python.wsgi.application MODULE::NAME' beside the handler", _ERR)
        return HTTP_INTERNAL_SERVER_ERROR
    application = _application(name)
    if not application:
        req.log_error(f"MP0118: mod_python.wsgi: {name!r} of PythonOption mod_python.wsgi.application is not there, or"
                      " is false; declined", _WARNING)
        return DECLINED
    environ = req.build_wsgi_env()
    if environ is None:
        req.log_error(f"MP0119: mod_python.wsgi: {req.uri!r} is not below PythonOption mod_python.wsgi.base_uri, or the"
                      " <Location>; declined", _WARNING)
        return DECLINED
    _answer(req, application, environ, name)
    return OK


def _application(name: str) -> Any:
    module, _, attribute = name.partition("::")
    root = _current.get_handler_root()
    if module.startswith(("./", "../")) and root is not None:
        module = os.path.normpath(os.path.join(root, module))       # beside the directive, not beside this file
    return resolve_object(import_module(module), attribute or "application", None, 1)


def _answer(req: mp_request, application: Callable[..., Iterable[str | bytes]], environ: dict[str, Any],
            name: str) -> None:
    started = False

    def start_response(status: Any, headers: Any, exc_info: Any = None) -> Callable[..., None]:
        nonlocal started
        write = req.wsgi_start_response(status, headers, exc_info)
        started = True
        return write

    def check() -> None:
        if not started:
            raise RuntimeError(f"mod_python.wsgi: {name} did not call start_response()")

    pieces = application(environ, start_response)
    try:
        # Of what is there as a whole httpd finds the length; else each piece goes out when it is there.
        flush = not isinstance(pieces, (list, tuple))
        for piece in pieces:
            if piece:
                check()
                req.write(piece, flush)
        check()
    finally:
        close = None if isinstance(pieces, (list, tuple)) else getattr(pieces, "close", None)
        if close is not None:
            close()
