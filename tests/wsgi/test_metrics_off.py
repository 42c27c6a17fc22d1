"""Without WSGIServerMetrics nobody sees the scoreboard, which has all clients' addresses and requests."""

from __future__ import annotations

from httpd import Httpd
from wsgi_site import APP, value, wsgi_conf

MODULES = ("env",)
CONF = wsgi_conf()
FILES = {"htdocs/app.wsgi": APP + r'''
import mod_wsgi
def raw_server(environ, start_response):
    return answer(start_response, mod_wsgi.server_metrics())
'''}


def test_the_scoreboard_is_not_shown(httpd: Httpd) -> None:
    assert value(httpd, "raw_server") is None
