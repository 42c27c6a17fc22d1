"""The start page."""

from __future__ import annotations

from mod_python import apache

layout = apache.import_module("layout")

CARDS = {
    "/handlers": ("Handlers", "The phases of a request, a stack of handlers, and what a handler can return."),
    "/interpreters": ("Interpreters", "Several Pythons in one process, each with its own modules, or its own GIL."),
    "/visits": ("Database", "An SQLite connection that is open before the first request and closed after the last."),
    "/form": ("Form", "Read what a browser posts, check it, and answer."),
    "/upload": ("Upload", "A file from the browser, read piece by piece."),
    "/login": ("Login", "A session that knows who you are, until you leave."),
    "/publisher/calculator": ("Publisher", "URLs that call functions, with typed arguments."),
    "/psp/clock.psp": ("PSP", "Python between the lines of a page."),
    "/autoreload": ("Autoreload", "Edit a file, reload the page. No restart."),
    "/private": ("Password", "A path that Python guards. Name and password are both demo."),
}

HELLO = """from mod_python import apache

def handler(req):
    req.content_type = "text/plain"
    req.write("Hello, world\\n")
    return apache.OK
"""


def handler(req: apache.Request) -> int:
    cards = "".join(
        f'<li><a href="{path}"><strong>{name}</strong><span>{text}</span></a></li>'
        for path, (name, text) in CARDS.items()
    )
    layout.page(
        req,
        "Python inside httpd",
        f"""<p class="lead">Each page here is one small Python file in <code>examples/</code>, and shows its own source.
        Copy from them.</p>
        <ul class="cards">{cards}</ul>
        <h2>The smallest handler</h2>
        {layout.listing("hello.py", HELLO)}""",
        __file__,
    )
    return apache.OK
