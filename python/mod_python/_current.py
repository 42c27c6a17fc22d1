"""What is in effect where the calling thread is: its request's settings, or the main server's."""

from typing import TYPE_CHECKING

from mod_python import _apache

if TYPE_CHECKING:
    from mod_python._apache import mp_server, table

main_server: "mp_server | None" = None
interpreter = ""


def get_current_config() -> "table":
    """The Python directives in effect for the request that this thread serves, else for the main server.

    The table is that of req.get_config(), or server.get_config().
    """
    return _where().get_config()


def get_current_options() -> "table":
    """The PythonOption values in effect for the request that this thread serves, else for the main server.

    The table is that of req.get_options(), or server.get_options().
    """
    return _where().get_options()


def get_handler_root() -> str | None:
    """The directory that the running handler's directive stands in; None outside a request or in a <Location>."""
    req = _apache._request()
    hlist = req.hlist if req is not None else None
    if hlist is None or hlist.is_location or not hlist.directory:
        return None
    return hlist.directory.rstrip("/") or "/"


def setting(directive: str, default: bool) -> bool:
    """Whether a flag is on."""
    value = get_current_config().get(directive)
    return default if value is None else value == "1"


def _where() -> "_apache.mp_request | mp_server":
    where = _apache._request() or main_server
    if where is None:
        raise RuntimeError("there is no request and no server: mod_python.apache works inside httpd only")
    return where
