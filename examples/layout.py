"""What all pages share: the frame, the navigation, and the source that each page shows of itself.

Pages load this module with apache.import_module("layout"): edit it, reload any page, and see the change.
"""

from __future__ import annotations

import os
import re
from html import escape
from pathlib import Path

from mod_python import apache

HERE = Path(__file__).parent

PAGES = {
    "/": "Start",
    "/handlers": "Handlers",
    "/interpreters": "Interpreters",
    "/visits": "Database",
    "/form": "Form",
    "/upload": "Upload",
    "/login": "Login",
    "/publisher/calculator": "Publisher",
    "/psp/clock.psp": "PSP",
    "/autoreload": "Autoreload",
    "/private": "Password",
}

# What the source listing colours: enough of Python's grammar for the eye, and of httpd.conf's.
TOKENS = re.compile(
    r'''(?P<string>"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')'''
    r"|(?P<comment>#[^\n]*)"
    r"|(?P<keyword>\b(?:and|as|class|def|else|except|for|from|global|if|import|in|is|not|or|raise|return|try|with)\b"
    r"|(?m:^ *</?\w+))"
)


def colour(text: str) -> str:
    """Return the text as HTML, with strings, comments and keywords marked."""
    parts, end = [], 0
    for token in TOKENS.finditer(text):
        parts.append(escape(text[end : token.start()]))
        parts.append(f'<span class="{token.lastgroup}">{escape(token[0])}</span>')
        end = token.end()
    return "".join(parts) + escape(text[end:])


def configuration(page: str) -> str:
    """Return the part of demo.conf that stands between "## page:" and the next "##"."""
    found = re.search(rf"^## {page}:.*?(?=^##|\Z)", (HERE / "demo.conf").read_text("utf-8"), re.M | re.S)
    return found[0].strip() if found else ""


def listing(name: str, text: str) -> str:
    code = f'<pre tabindex="0"><code>{colour(text)}</code></pre>'
    return f"<details open><summary>{escape(name)}</summary>{code}</details>"


def facts(rows: dict[str, object]) -> str:
    """Return a two-column table; the values are escaped here."""
    lines = [f'<tr><th scope="row">{escape(key)}</th><td>{escape(str(value))}</td></tr>' for key, value in rows.items()]
    return f"<table>{''.join(lines)}</table>"


def head(req: apache.Request, title: str) -> str:
    """Return a page up to its heading."""
    here = req.uri.split("/")[1]
    links = "".join(
        f'<a href="{path}"{" aria-current=page" if path.split("/")[1] == here else ""}>{name}</a>'
        for path, name in PAGES.items()
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · mod_python</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="data:,">
</head>
<body>
<header>
<a class="brand" href="/">mod_python</a>
<nav aria-label="Pages">{links}</nav>
</header>
<main>
<h1>{escape(title)}</h1>
"""


def foot(*files: str) -> str:
    """Return a page from its source on: files are those that it shows, the page's own first."""
    sources = "".join(listing(Path(file).name, Path(file).read_text("utf-8")) for file in files)
    sources += listing("demo.conf", configuration(Path(files[0]).stem))
    return f"""<section class="source" aria-label="Source of this page">
<h2>How this page is made</h2>
{sources}
</section>
</main>
<footer>Answered by interpreter {escape(apache.interpreter)} of child process {os.getpid()}.</footer>
</body>
</html>
"""


def page(req: apache.Request, title: str, body: str, *files: str) -> None:
    """Send a whole page: body is HTML; files are those whose source it shows, the page's own first."""
    req.content_type = "text/html; charset=utf-8"
    req.write(f"{head(req, title)}{body}\n{foot(*files)}", 0)
