"""Access logs can have the process group, the application group and the user of a request."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest
from httpd import Httpd, wait_for
from wsgi_facts import SCRIPT, send

FILES = {"site/app.wsgi": SCRIPT, "htdocs/plain.txt": "plain", "users": "anna:{SHA}NWoZK3kTsExUV00Ywo1G5jlUKKs=\n",
         "dispatch.py": "def application_group(environ):\n    return 'dispatched'\n",
         "site/redirected.wsgi": SCRIPT}
MODULES = ("log_config", "auth_basic", "authn_file", "setenvif", "env")
CONF = """
    LogFormat "%U %s|%u|%{mod_wsgi.process_group}e|%{mod_wsgi.application_group}e" audit
    CustomLog "${root}/logs/access_log" audit
    SetEnvIf X-Group (.+) GROUP=$1
    WSGIScriptAlias /main "${root}/site/app.wsgi" application-group=%{GLOBAL}
    WSGIScriptAlias /named "${root}/site/app.wsgi" application-group=named
    WSGIScriptAlias /chosen "${root}/site/app.wsgi" application-group=%{ENV:GROUP}
    WSGIScriptAlias /nowhere "${root}/site/app.wsgi" process-group=%{ENV:GROUP}
    WSGIScriptAlias /dispatched "${root}/site/app.wsgi"
    WSGIScriptAlias /page "${root}/site/redirected.wsgi"
    <Directory "${root}/site">
        Require all granted
    </Directory>
    <Location /dispatched>
        WSGIDispatchScript "${root}/dispatch.py"
    </Location>
    <Location /nowhere>
        ErrorDocument 500 /page
    </Location>
    <Location /named/private>
        AuthType Basic
        AuthName private
        AuthBasicProvider file
        AuthUserFile "${root}/users"
        Require valid-user
    </Location>
"""


def logged(httpd: Httpd, path: str, headers: dict[str, str] | None = None) -> str:
    """The line of the access log about this request."""
    file = Path(httpd.root, "logs/access_log")
    before = file.read_text().count("\n")
    send(httpd, path, headers)
    return wait_for(lambda: file.read_text().split("\n")[before] if file.read_text().count("\n") > before else None,
                    what="a line in the access log")


@pytest.mark.parametrize(("path", "headers", "line"), [
    ("/main", {}, "/main 200|-|{group}|"),
    ("/named/x", {}, "/named/x 200|-|{group}|named"),
    ("/named/private", {"Authorization": "Basic " + b64encode(b"anna:1").decode()},
     "/named/private 200|anna|{group}|named"),
    ("/named/private", {}, "/named/private 401|-|-|-"),
    ("/chosen", {"X-Group": "mine"}, "/chosen 200|-|{group}|mine"),
    ("/chosen", {"X-Group": 'a"|\\b\xe9'}, '/chosen 200|-|{group}|a\\"|\\\\b\\xe9'),
    ("/dispatched", {}, "/dispatched 200|-|{group}|dispatched"),
    ("/plain.txt", {}, "/plain.txt 200|-|-|-"),
])
def test_groups_and_user(httpd: Httpd, path: str, headers: dict[str, str], line: str) -> None:
    assert logged(httpd, path, headers) == line.format(group=httpd.group)


def test_a_name_that_no_interpreter_gets(httpd: Httpd) -> None:
    assert logged(httpd, "/chosen", {"X-Group": "x" * 1025}) == f"/chosen 503|-|{httpd.group}|{'x' * 1025}"
    httpd.claim("MP0313: no interpreter 'x")


def test_an_error_page_does_not_see_the_groups_of_the_failed_request(httpd: Httpd) -> None:
    answer = send(httpd, "/nowhere", {"X-Group": "nowhere"})
    httpd.claim("MP0311: the process group 'nowhere' can't be used here")
    assert "mod_wsgi.application_group=" in answer.text
    assert "REDIRECT_URL=" in answer.text and "REDIRECT_mod_wsgi" not in answer.text
