"""Answering a request with a status, and saying why: to the client on httpd's error page, and in the error log."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from mod_python._apache import mp_request

APLOG_WARNING = 4


def refuse(req: mp_request | None, status: int, reason: str, hint: str = "") -> NoReturn:
    """Raise SERVER_RETURN. The reason goes into the log and onto the page; the hint is for the administrator only."""
    from mod_python import _apache
    if req is not None:
        # httpd's pages for some statuses show this note as HTML, and so may an ErrorDocument.
        req.notes["error-notes"] = escape(reason).encode("ascii", "xmlcharrefreplace")
        req.log_error(f"refused with {status}: {reason}{hint}", APLOG_WARNING)
    raise _apache.SERVER_RETURN(status) from None
