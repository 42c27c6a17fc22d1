"""A path that asks for a name and a password, checked in Python.

Over plain http both cross the network readably: use https for anything that is not a demo.
"""

from __future__ import annotations

import hmac
from html import escape

from mod_python import apache

layout = apache.import_module("layout")

USER, PASSWORD = "demo", "demo"  # a real site keeps salted hashes: see hashlib.scrypt


def same(given: str, wanted: str) -> bool:
    """Compare in a time that does not tell how much was right."""
    return hmac.compare_digest(given.encode("utf-8"), wanted.encode("utf-8"))


def authenhandler(req: apache.Request) -> int:
    password = req.get_basic_auth_pw()  # sets req.user too, so it comes first
    if password is None or req.user is None:
        return apache.HTTP_UNAUTHORIZED
    return apache.OK if same(req.user, USER) & same(password, PASSWORD) else apache.HTTP_UNAUTHORIZED


def handler(req: apache.Request) -> int:
    layout.page(
        req,
        "Password",
        f"""<p>Welcome, <strong>{escape(req.user or "")}</strong>. <code>authenhandler</code> let you in;
        <code>Require valid-user</code> was content with that.</p>
        <p>The name and the password of this demo are both <code>demo</code>. The browser keeps them until you close
        it.</p>""",
        __file__,
    )
    return apache.OK
