"""What handlers import: httpd's functions, objects and constants, and the importer::

    from mod_python import apache

    def handler(req: apache.Request) -> int:
        req.content_type = "text/plain"
        req.write("Hello")
        return apache.OK

There is an apache module in each interpreter; it imports only inside httpd. In it are:

- results of handlers: OK, DECLINED, DONE, and the statuses HTTP_NOT_FOUND, HTTP_FORBIDDEN and so on. SERVER_RETURN is
  the exception that ends a handler with such a result;
- the types of what httpd gives, for annotations: Request, Connection, Server, Filter, FileInfo, HandlerList; and table,
  the type of headers, notes and options, which may be called;
- this interpreter: interpreter is its name, main_server the main server; get_current_options(), get_current_config()
  and get_handler_root() tell what is in effect for the running handler;
- the error log: log_error(), with a level from APLOG_EMERG to APLOG_TRACE8; req.log_error() is better in handlers;
- httpd: config_tree(), exists_config_define(), mpm_query(), server_root(), stat(), and register_cleanup() for the end
  of the process;
- the importer: import_module(), module_info(), modules_graph(), request_modules_graph(), freeze_modules();
- helpers: escape(), resolve_object(), module_mtime(); and setup_cgi(), restore_nocgi(), build_cgi_env() for answers as
  CGI programs give them;
- constants of httpd's: methods (M_GET), log levels (APLOG_ERR), parts of a URL (URI_PATH), facts about files
  (FINFO_SIZE, APR_FINFO_SIZE, APR_REG), look-ups of names (REMOTE_NAME), proxies (PROXYREQ_NONE), connections
  (AP_CONN_CLOSE), path info (AP_REQ_ACCEPT_PATH_INFO), the process model (AP_MPMQ_IS_THREADED).
"""

import atexit
import os
import sys
import threading
from collections.abc import Iterator
from html import escape as escape
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from mod_python import _apache, _constants, _current, _search, _settings, _streams
from mod_python import version as _version
from mod_python._apache import AP_CONN_CLOSE as AP_CONN_CLOSE
from mod_python._apache import AP_CONN_KEEPALIVE as AP_CONN_KEEPALIVE
from mod_python._apache import AP_CONN_UNKNOWN as AP_CONN_UNKNOWN
from mod_python._apache import APR_BLK as APR_BLK
from mod_python._apache import APR_CHR as APR_CHR
from mod_python._apache import APR_DIR as APR_DIR
from mod_python._apache import APR_LNK as APR_LNK
from mod_python._apache import APR_NOFILE as APR_NOFILE
from mod_python._apache import APR_PIPE as APR_PIPE
from mod_python._apache import APR_REG as APR_REG
from mod_python._apache import APR_SOCK as APR_SOCK
from mod_python._apache import APR_UNKFILE as APR_UNKFILE
from mod_python._apache import MODULE_MAGIC_NUMBER_MAJOR as MODULE_MAGIC_NUMBER_MAJOR
from mod_python._apache import MODULE_MAGIC_NUMBER_MINOR as MODULE_MAGIC_NUMBER_MINOR
from mod_python._apache import SERVER_RETURN as SERVER_RETURN
from mod_python._apache import config_tree as config_tree
from mod_python._apache import exists_config_define as exists_config_define
from mod_python._apache import log_error as log_error
from mod_python._apache import mpm_query as mpm_query
from mod_python._apache import register_cleanup as register_cleanup
from mod_python._apache import server_root as server_root
from mod_python._apache import stat as stat
from mod_python._apache import table as table
from mod_python._callback import CallBack as CallBack
from mod_python._callback import _phase_handler_names as _phase_handler_names
from mod_python._callback import _status_values as _status_values
from mod_python._cgi import CGIStdin as CGIStdin
from mod_python._cgi import CGIStdout as CGIStdout
from mod_python._cgi import NullIO as NullIO
from mod_python._cgi import build_cgi_env as build_cgi_env
from mod_python._cgi import restore_nocgi as restore_nocgi
from mod_python._cgi import setup_cgi as setup_cgi
from mod_python._constants import *  # noqa: F403
from mod_python._current import get_current_config as get_current_config
from mod_python._current import get_current_options as get_current_options
from mod_python._current import get_handler_root as get_handler_root
from mod_python._objects import resolve_object as resolve_object
from mod_python.importer import freeze_modules as freeze_modules
from mod_python.importer import import_module as import_module
from mod_python.importer import module_info as module_info
from mod_python.importer import modules_graph as modules_graph
from mod_python.importer import request_modules_graph as request_modules_graph

if TYPE_CHECKING:
    Connection: TypeAlias = _apache.mp_conn
    FileInfo: TypeAlias = _apache.mp_finfo
    Filter: TypeAlias = _apache.mp_filter
    HandlerList: TypeAlias = _apache.mp_hlist
    Request: TypeAlias = _apache.mp_request
    Server: TypeAlias = _apache.mp_server
else:
    # For annotations; nobody makes objects of these types but httpd.
    Connection = getattr(_apache, "mp_conn", object)
    FileInfo = getattr(_apache, "mp_finfo", object)
    Filter = getattr(_apache, "mp_filter", object)
    HandlerList = getattr(_apache, "mp_hlist", object)
    Request = getattr(_apache, "mp_request", object)
    Server = getattr(_apache, "mp_server", object)

make_table = table
exists_config = exists_config_define

_search.namespace = globals()

# Set by init(), before any code of a user's runs.
interpreter: str = ""
"""The name of this interpreter, as PythonInterpreter gives it."""
main_server: "Server" = None  # type: ignore[assignment]
"""The main server of the configuration; the virtual hosts follow by its next."""


def init(name: str, server: "Server", settings: tuple[str | None, str, bool, bool, bool, float | None]) -> None:
    """Makes this interpreter one of httpd's. The engine calls it once, at the interpreter's birth; nobody else."""
    global interpreter, main_server
    interpreter = _current.interpreter = name
    main_server = _current.main_server = server
    sys.argv = ["mod_python"]
    _streams.install()
    _settings.apply(*settings)
    if sys.version_info < (3, 12) and name != "main_interpreter":
        # It keeps process-wide state: the CancelledError of whoever imported it first. asyncio does without.
        sys.modules.setdefault("_asyncio", None)  # type: ignore[arg-type]
    if _version.version != _apache._version:
        log_error(f"mod_python version mismatch: {_apache._library} is {_apache._version}, but the Python package in"
                  f" {os.path.dirname(__file__)} is {_version.version}; install both from the same version")
    if name == "main_interpreter" and "mod_python.legacy.importer" in server.get_options():     # once per process
        _apache._log(_constants.APLOG_NOTICE, "PythonOption mod_python.legacy.importer has no effect any more: there is"
                     " one importer, which does what both did")


def module_mtime(module: ModuleType) -> float:
    """When the module's source, or the compiled file beside it, was changed last, in seconds since 1970.

    0 if there is no such file.
    """
    return max((os.stat(file).st_mtime for file in _files_of(module)), default=0)


def _files_of(module: ModuleType) -> Iterator[str]:
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        for name in (file, file + "c"):
            if os.path.exists(name):
                yield name


def _threading_shutdown() -> None:
    """At the process's end, on any thread: run what is registered with threading, wait for the non-daemon threads."""
    main = threading.main_thread()
    lock = getattr(main, "_tstate_lock", None)
    if lock is not None and main.ident != threading.get_ident():
        # Up to 3.12 the main thread is among those that are waited for, unless it is the one that waits.
        with threading._shutdown_locks_lock:  # type: ignore[attr-defined]
            threading._shutdown_locks.discard(lock)  # type: ignore[attr-defined]
    threading._shutdown()  # type: ignore[attr-defined]
    # Up to 3.12 it fails if Py_EndInterpreter() calls it again in a subinterpreter.
    threading._shutdown = lambda: None  # type: ignore[attr-defined]


def _atexit() -> None:
    """At the process's end, after the threads: what is registered with atexit; then nothing written stays behind."""
    try:
        atexit._run_exitfuncs()
    finally:
        _streams.flush()


if not TYPE_CHECKING:
    # For `import *` and help(); type checkers go by the imports above.
    _OTHERS = {"TYPE_CHECKING", "TypeAlias", "Any", "Iterator", "ModuleType"}
    __all__ = [name for name, value in globals().items()
               if name[0] != "_" and name not in _OTHERS and not isinstance(value, ModuleType)]
