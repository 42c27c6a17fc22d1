"""A page that shows what httpd and mod_python are like here: `PythonHandler mod_python.testhandler`.

For the first look after an installation, and for the question why something is configured as it is. It tells much about
the server: take it away, or protect it, when you have seen it. With PythonDebug On, `?view_log` shows the last lines of
the error log.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections import deque
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from mod_python import _apache, version

if TYPE_CHECKING:
    from mod_python._apache import mp_request

OK, HTTP_FORBIDDEN = 0, 403
_MAX_DAEMONS, _IS_THREADED, _IS_FORKED, _MAX_THREADS = 12, 2, 3, 6      # of apache.AP_MPMQ_...
_WARNING = 4
_LINES = 100


def handler(req: mp_request) -> int:
    """Shows the page, or the error log."""
    if any(field.partition("=")[0] == "view_log" for field in (req.args or "").split("&")):
        return _view_log(req)
    req.add_cgi_vars()
    req.content_type = "text/html; charset=utf-8"
    req.write("<!DOCTYPE html>\n<html><head><title>mod_python test page</title></head>\n"
              "<body>\n<h1>mod_python test page</h1>\n", 0)
    for title, rows in _tables(req):
        req.write(_table(title, rows), 0)
    req.write(f"<h2>Configuration tree</h2>\n{_tree(_apache.config_tree())}</body></html>\n", 0)
    return OK


def _tables(req: mp_request) -> Iterable[tuple[str, Iterable[tuple[object, object]]]]:
    yield "General", _general(req)
    yield "Request headers", req.headers_in.items()
    yield "Environment", req.subprocess_env.items()
    yield "Configuration", req.get_config().items()
    yield "Options", req.get_options().items()
    yield "Notes", req.notes.items()
    yield "Server configuration", req.server.get_config().items()
    yield "Server options", req.server.get_options().items()


def _general(req: mp_request) -> Iterable[tuple[object, object]]:
    yield "httpd", req.subprocess_env.get("SERVER_SOFTWARE")
    yield "mod_python", version.version
    yield "MPM", (f"{_yes_no(_IS_THREADED)} threads (maximum {_query(_MAX_THREADS)}),"
                  f" {_yes_no(_IS_FORKED)} processes (maximum {_query(_MAX_DAEMONS)})")
    yield "Server root", _apache.server_root()
    yield "Document root", req.document_root()
    yield "Error log", _Link("?view_log=1", _log_name(req.server.error_fname))
    yield "Python", sys.version
    yield "sys.path", "\n".join(sys.path)
    yield "Interpreter", req.interpreter
    for name in ("publisher", "psp"):
        yield f"mod_python.{name}", _import(name)


def _query(code: int) -> object:
    try:
        return _apache.mpm_query(code)
    except ValueError:
        return "unknown"


def _yes_no(code: int) -> str:
    return "with" if _query(code) not in (0, "unknown") else "without"


def _import(name: str) -> str:
    try:
        importlib.import_module(f"mod_python.{name}")
    except Exception as error:          # that is what the page is for
        return f"can't be imported: {type(error).__name__}: {error}"
    return "imported"


# --- the error log ---

def _log_name(name: str | None) -> str:
    return name or "(none)"


def _view_log(req: mp_request) -> int:
    req.content_type = "text/plain; charset=utf-8"
    if req.get_config().get("PythonDebug") != "1":
        req.log_error("testhandler: the error log is shown only with PythonDebug On", _WARNING)
        return HTTP_FORBIDDEN
    name = req.server.error_fname
    if not name or name.startswith("|") or name.partition(":")[0] in ("syslog", "journald"):
        req.write(f"The error log is {_log_name(name)}, which is no file.\n")
        return OK
    try:
        with open(os.path.join(_apache.server_root(), name), "rb") as file:
            req.write(b"".join(deque(file, _LINES)))
    except OSError as error:
        req.write(f"The error log can't be read: {error}\n")
    return OK


# --- HTML ---

class _Link(str):
    target: str

    def __new__(cls, target: str, text: str) -> _Link:
        self = super().__new__(cls, text)
        self.target = target
        return self


def _table(title: str, rows: Iterable[tuple[object, object]]) -> str:
    lines = [f"<tr><th align=left valign=top>{_text(name)}</th><td><pre>{_text(value)}</pre></td></tr>\n"
             for name, value in rows]
    return f"<h2>{_text(title)}</h2>\n<table border=1>\n{''.join(lines) or '<tr><td>(none)</td></tr>'}</table>\n"


def _text(value: object) -> str:
    text = escape(str(value)).encode("utf-8", "backslashreplace").decode()
    return f'<a href="{escape(value.target)}">{text}</a>' if isinstance(value, _Link) else text


def _tree(tree: list[Any]) -> str:
    """The directives as a list, with a list in it for each section."""
    items = []
    for entry in tree:
        if isinstance(entry, list):
            items.append(_tree(entry))
        else:
            items.append(f"<li><code>{_text(' '.join(str(part) for part in entry if part is not None))}</code></li>\n")
    return f"<ul>\n{''.join(items)}</ul>\n"
