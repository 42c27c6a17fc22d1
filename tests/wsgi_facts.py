"""A WSGI script that says what it is asked, for tests of the way from a URL to an application.

A module's FILES has "site/app.wsgi": SCRIPT (or other files); ask() gives the variables of an answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from client import Response
from httpd import Httpd

# One line for each variable of environ that is text, and where the answer was made.
SCRIPT = '''
def answer(environ, start_response, name):
    facts = {**environ, "__file__": __file__, "callable": name}
    lines = [f"{key}={value}\\n" for key, value in facts.items() if isinstance(value, str)]
    start_response("200 OK", [("Content-Type", "text/plain; charset=latin-1")])
    return ["".join(lines).encode("latin-1")]

def application(environ, start_response):
    return answer(environ, start_response, "application")

def other(environ, start_response):
    return answer(environ, start_response, "other")

def handle_request(environ, start_response):
    return answer(environ, start_response, "handle_request")
'''


def send(httpd: Httpd, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Response:
    """An answer to exactly this target and these headers; one may be Host."""
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in {"Host": "localhost", "Connection": "close",
                                                     **(headers or {})}.items()]
    with httpd.raw() as client:
        client.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        return client.response(method)


def ask(httpd: Httpd, path: str, headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """The facts that the script tells of this request."""
    answer = send(httpd, path, headers)
    assert answer.status == 200, (answer.status, answer.body)
    return dict(line.split("=", 1) for line in answer.body.decode("latin-1").split("\n") if "=" in line)


def status(httpd: Httpd, path: str, headers: Mapping[str, str] | None = None) -> int:
    return send(httpd, path, headers).status
