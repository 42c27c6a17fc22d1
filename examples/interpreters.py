"""One process, several Python interpreters: the same file, loaded once in each of them.

demo.conf loads it with PythonImport when a child process starts, before the child takes a request.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
from datetime import datetime

from mod_python import apache

layout = apache.import_module("layout")

LOADED = datetime.now()
visits = itertools.count(1)  # a global of this interpreter: the other ones have their own

LINKS = {
    "/interpreters": "demo",
    "/interpreters/second": "second",
    "/interpreters/parallel": "parallel, with a GIL of its own",
}


def gil(req: apache.Request) -> str:
    if req.get_options().get("demo.gil", "shared") == "shared":
        return "shared with the other interpreters of this process"
    return "its own" if sys.version_info >= (3, 13) else "shared: a GIL of its own needs Python 3.13 or later"


def handler(req: apache.Request) -> int:
    links = "".join(
        f'<li><a href="{path}"{" aria-current=page" if path == req.uri else ""}>{name}</a></li>'
        for path, name in LINKS.items()
    )
    rows = {
        "Interpreter": apache.interpreter,
        "Requests seen by it here": next(visits),
        "Loaded at": f"{LOADED:%H:%M:%S.%f}",
        "Child process": os.getpid(),
        "Thread": threading.get_native_id(),
        "GIL": gil(req),
        "Python": sys.version.split()[0],
    }
    layout.page(
        req,
        "Interpreters",
        f"""<p>The same page, answered by:</p><ul class="tabs">{links}</ul>
        {layout.facts(rows)}
        <p>Modules and their globals are separate: each interpreter counts its own requests. Another child process
        has interpreters of its own too, so the count differs when another one answers.</p>""",
        __file__,
    )
    return apache.OK
