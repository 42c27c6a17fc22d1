"""A session: it remembers who you are, and counts what you have seen.

Over plain http the password crosses the network readably: use https for anything that is not a demo.
"""

from __future__ import annotations

import hmac
from html import escape

from mod_python import Session, apache, util

layout = apache.import_module("layout")

PASSWORD = "demo"  # a real site keeps salted hashes: see hashlib.scrypt


def form(name: str = "", complaint: str = "") -> str:
    alert = f'<p class="alert" role="alert">{escape(complaint)}</p>' if complaint else ""
    return f"""{alert}<form method="post" action="/login">
        <label for="name">Any name</label>
        <input id="name" name="name" maxlength="80" required autocomplete="off" value="{escape(name)}">
        <label for="password">The password is demo</label>
        <input id="password" name="password" type="password" required autocomplete="off">
        <button>Log in</button>
        </form>"""


LEAVE = """<form method="post" action="/login"><button name="leave" value="1">Log out</button></form>"""


def handler(req: apache.Request) -> int:
    if req.method not in ("GET", "HEAD", "POST"):
        return apache.HTTP_METHOD_NOT_ALLOWED
    session = Session.Session(req)  # no other request of this client gets it until this one ends
    complaint = name = ""
    if req.method == "POST":
        fields = util.FieldStorage(req)
        name = str(fields.getfirst("name", ""))
        if "leave" in fields:
            session.invalidate()
            util.redirect(req, "/login")  # raises; the browser asks again, with GET
        if name and hmac.compare_digest(str(fields.getfirst("password", "")).encode(), PASSWORD.encode()):
            session["user"] = name
            session.save()
            util.redirect(req, "/login")
        req.status = apache.HTTP_FORBIDDEN
        complaint = "That is not the password."

    session["seen"] = session.get("seen", 0) + 1
    session.save()
    user = session.get("user")
    body = form(name, complaint) if user is None else f"<p>You are <strong>{escape(user)}</strong>.</p>{LEAVE}"
    layout.page(
        req,
        "Login",
        f"""{body}
        <p class="big"><strong>{session["seen"]}</strong> views of this page in this session</p>
        <p>The cookie holds nothing but the session's number. What belongs to it is in a file on the server, for all its
        child processes, for half an hour after the last request.</p>""",
        __file__,
    )
    return apache.OK
