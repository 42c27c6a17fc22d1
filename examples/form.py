"""A form: GET shows it, POST reads, checks and answers."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs

from mod_python import apache

layout = apache.import_module("layout")

LIMIT = 8 * 1024  # bytes; never read more than you are ready to hold


def read_fields(req: apache.Request) -> dict[str, str]:
    """Return the posted fields. Raises SERVER_RETURN with 415, 413 or 400 for what is not a small form."""
    kind = (req.headers_in.get("Content-Type") or "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise apache.SERVER_RETURN(apache.HTTP_UNSUPPORTED_MEDIA_TYPE)
    body = req.read(LIMIT + 1)
    if len(body) > LIMIT:
        raise apache.SERVER_RETURN(apache.HTTP_REQUEST_ENTITY_TOO_LARGE)
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=10, errors="strict")
    except ValueError:
        raise apache.SERVER_RETURN(apache.HTTP_BAD_REQUEST) from None
    return {name: values[0].strip() for name, values in fields.items()}


def form(name: str = "", message: str = "", complaint: str = "") -> str:
    """The form with what was entered. Whatever came from outside is escaped."""
    alert = f'<p class="alert" role="alert">{escape(complaint)}</p>' if complaint else ""
    return f"""{alert}<form method="post" action="/form">
        <label for="name">Your name</label>
        <input id="name" name="name" maxlength="80" required autocomplete="name" value="{escape(name)}">
        <label for="message">Message</label>
        <textarea id="message" name="message" rows="3" maxlength="2000">{escape(message)}</textarea>
        <button>Send</button>
        </form>"""


def handler(req: apache.Request) -> int:
    if req.method in ("GET", "HEAD"):
        layout.page(req, "Form", form(), __file__)
        return apache.OK
    if req.method != "POST":
        return apache.HTTP_METHOD_NOT_ALLOWED

    fields = read_fields(req)
    name, message = fields.get("name", ""), fields.get("message", "")
    if not name:
        req.status = apache.HTTP_UNPROCESSABLE_ENTITY
        layout.page(req, "Form", form(name, message, "Please enter a name."), __file__)
        return apache.OK
    answer = f"""<div class="answer" role="status"><p>Hello, <strong>{escape(name)}</strong>!
        You wrote {len(message)} characters:</p><blockquote>{escape(message)}</blockquote></div>"""
    layout.page(req, "Form", answer + form(), __file__)
    return apache.OK
