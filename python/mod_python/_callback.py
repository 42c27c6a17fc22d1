"""What was the dispatcher of old: the engine runs the handlers now, and calls nothing of this.

It is here for code that looks at it: the tables of phases, and CallBack.ReportError() for those who catch exceptions
themselves and want them reported as the engine does.
"""

import traceback
from html import escape
from types import TracebackType
from typing import Any

from mod_python import _apache
from mod_python._constants import DECLINED, DONE, HTTP_INTERNAL_SERVER_ERROR, OK

# Results after which the next handler of the phase runs.
_status_values = {
    "PythonPostReadRequestHandler": [DECLINED, OK],
    "PythonTransHandler": [DECLINED],
    "PythonHeaderParserHandler": [DECLINED, OK],
    "PythonInitHandler": [DECLINED, OK],
    "PythonAccessHandler": [DECLINED, OK],
    "PythonAuthenHandler": [DECLINED],
    "PythonAuthzHandler": [DECLINED],
    "PythonTypeHandler": [DECLINED],
    "PythonFixupHandler": [DECLINED, OK],
    "PythonHandler": [DECLINED, OK],
    "PythonLogHandler": [DECLINED, OK],
    "PythonCleanupHandler": [OK],
    "PythonConnectionHandler": [],
}

# The function that a handler's module has for the phase, if the directive names none.
_phase_handler_names = {directive: directive.removeprefix("Python").lower() for directive in _status_values}


class CallBack:
    """Reports exceptions. The engine does not go through it: to override its methods changes nothing."""

    def ReportError(self, etype: type[BaseException] | None, evalue: BaseException | None, etb: TracebackType | None,
                    conn: Any = None, req: Any = None, filter: Any = None, srv: Any = None, phase: str = "N/A",
                    hname: str = "N/A", debug: int = 0) -> int:
        """Writes a traceback to the error log of req, filter, conn or srv, else of httpd.

        With debug the client gets it, too, and the result is apache.DONE; else HTTP_INTERNAL_SERVER_ERROR.
        """
        what = f"{phase} {hname}"
        lines = "".join(traceback.format_exception(etype, evalue, etb)).splitlines()
        if filter is not None and req is None:
            req = filter.req
        whose = next((one for one in (req, conn, srv) if one is not None), _apache)
        for line in lines:
            whose.log_error(f"{what}: {line}".replace("\0", "\\x00"))
        to = filter if filter is not None else req
        if not debug or to is None:
            return HTTP_INTERNAL_SERVER_ERROR
        if req is not None and not req.sent_bodyct:
            req.status = HTTP_INTERNAL_SERVER_ERROR
            req.content_type = "text/html; charset=utf-8"
        report = escape("\n".join(lines)).encode("utf-8", "backslashreplace").decode()
        to.write(f'\n<pre>\nMod_python error: "{escape(what)}"\n\n{report}\n</pre>\n')
        return DONE
