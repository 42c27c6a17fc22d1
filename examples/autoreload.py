"""Edit this file while the server runs, and reload the page."""

from __future__ import annotations

import itertools
import os
from datetime import datetime
from html import escape

from mod_python import apache

layout = apache.import_module("layout")

MESSAGE = "Change me!"

LOADED = datetime.now()
served = itertools.count(1)  # starts again when the file is loaded again


def handler(req: apache.Request) -> int:
    rows = {
        "Loaded at": f"{LOADED:%H:%M:%S.%f}",
        "Requests since then": next(served),
        "Child process": os.getpid(),
    }
    layout.page(
        req,
        "Autoreload",
        f"""<p class="big">{escape(MESSAGE)}</p>
        <p>Edit the <code>MESSAGE</code> line in <code>{escape(__file__)}</code>, save, and reload this page.
        Leave a bracket open to see what an error looks like; the next good change heals it.</p>
        {layout.facts(rows)}
        <p>The same holds for <code>layout.py</code>: this page imports it with <code>apache.import_module</code>, so a
        change there loads both again.</p>""",
        __file__,
    )
    return apache.OK
