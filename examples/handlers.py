"""Phases, stacks and results.

httpd serves a request in phases. A module may have a function for each; demo.conf says which ones run here.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from mod_python import apache

layout = apache.import_module("layout")

RESULTS = {
    "ok": "return apache.OK",
    "not-found": "return apache.HTTP_NOT_FOUND",
    "forbidden": "raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN)",
    "teapot": "req.status = apache.HTTP_IM_A_TEAPOT, a page of its own, apache.OK",
    "redirect": 'req.headers_out["Location"] = "/", apache.HTTP_SEE_OTHER',
    "error": "raise an exception: PythonDebug On shows the traceback",
}


def note(req: apache.Request) -> int:
    """Remember that this phase ran. Attributes set on req stay with it through all phases."""
    if not hasattr(req, "trail"):
        req.trail = []
    req.trail.append(req.phase)
    return apache.DECLINED  # "not my decision": httpd and the other handlers go on


def first(req: apache.Request) -> int:
    """The first of a stack of two: returns OK, so the next one runs."""
    req.greeting = "The first handler of the stack left this note on req for the second one."
    return apache.OK


def handler(req: apache.Request) -> int:
    note(req)
    wanted = parse_qs(req.args or "").get("result", ["ok"])[0]
    if wanted == "not-found":
        return apache.HTTP_NOT_FOUND
    if wanted == "forbidden":
        raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN)
    if wanted == "redirect":
        req.headers_out["Location"] = "/"
        return apache.HTTP_SEE_OTHER
    if wanted == "error":
        raise RuntimeError("this is what a traceback looks like")
    if wanted == "teapot":
        req.status = apache.HTTP_IM_A_TEAPOT
        req.status_line = "418 I'm a teapot"  # httpd has no text of its own for this one

    phases = "".join(f"<li><code>{phase}</code></li>" for phase in req.trail)
    results = "".join(f'<li><a href="?result={key}"><code>{text}</code></a></li>' for key, text in RESULTS.items())
    layout.page(
        req,
        "Handlers",
        f"""<h2>Phases that ran for this request</h2><ol class="trail">{phases}</ol>
        <p>A log handler follows when the answer is out: it writes a line to the error log.</p>
        <h2>A stack</h2><p>{req.greeting}</p>
        <h2>Results: try them</h2><ul class="tries">{results}</ul>""",
        __file__,
    )
    return apache.OK


def loghandler(req: apache.Request) -> int:
    req.log_error(f"demo: {req.method} {req.uri} answered {req.status}", apache.APLOG_NOTICE)
    return apache.OK
