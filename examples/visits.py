"""Counts visits in the database that database.py holds open."""

from __future__ import annotations

import sqlite3
from html import escape

import database
from mod_python import apache

layout = apache.import_module("layout")


def handler(req: apache.Request) -> int:
    try:
        rows = database.count_visit()
    except sqlite3.Error as error:
        req.log_error(f"demo: {database.file()}: {error}", apache.APLOG_WARNING)
        req.err_headers_out["Retry-After"] = "5"
        return apache.HTTP_SERVICE_UNAVAILABLE

    layout.page(
        req,
        "Database",
        f"""<p class="big"><strong>{sum(count for _, count in rows)}</strong> visits</p>
        {layout.facts({f"by child process {child}": count for child, count in rows})}
        <p>They are in <code>{escape(str(database.file()))}</code>. The connection was opened when the child
        process started, is opened again if that failed, and is closed when the child ends.</p>""",
        __file__,
        database.__file__,
    )
    return apache.OK
