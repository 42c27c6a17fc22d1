"""WSGIScriptAlias and the handlers: which script serves a URL (spec: WSGI directives 3, behaviour 1)."""

from __future__ import annotations

import pytest
from httpd import Httpd
from wsgi_facts import SCRIPT, ask, send, status

MODULES = ("rewrite", "userdir", "negotiation")
FILES = {
    **dict.fromkeys(["site/app.wsgi", "site/dir/one.wsgi", "site/dir/deep/two.wsgi", "site/root.wsgi",
                     "site/vhost.wsgi", "site/handler.py", "site/inner.py", "htdocs/plain.wsgi",
                     "htdocs/exec/run.wsgi", "htdocs/exec/type.app", "htdocs/exec/index.wsgi",
                     "site/forbidden/x.wsgi", "outside.wsgi"], SCRIPT),
    "htdocs/static/page.txt": "static", "htdocs/handled/page.mine": "resource", "site/dir/deep/index.html": "index"}
CONF = """
<Directory "${root}/site">
    Require all granted
</Directory>
<Directory "${root}/site/forbidden">
    Require all denied
</Directory>
<Directory "${root}/site/dir">
    DirectoryIndex index.html
</Directory>
<VirtualHost *:${port}>
    ServerName localhost:${port}
    Alias /app/static "${htdocs}/static"
    WSGIScriptAlias /app "${root}/site/app.wsgi"
    WSGIScriptAlias /app/below "${root}/site/root.wsgi"
    WSGIScriptAlias //many///slashes "${root}/site/app.wsgi"
    WSGIScriptAlias /dir/ "${root}/site/dir/" callable-object=other
    WSGIScriptAlias /missing "${root}/site/none.wsgi"
    WSGIScriptAlias /forbidden "${root}/site/forbidden/x.wsgi"
    WSGIScriptAlias /is-directory "${root}/site/dir"
    WSGIScriptAliasMatch ^/match/(\\w+) "${root}/site/$1.wsgi" callable-object=other
    WSGIScriptAliasMatch ^/up/(.*) "${root}/site/dir/$1.wsgi"
    WSGIScriptAliasMatch ^/dots/(\\w+)/ "${root}/site/dir/$1$1/root.wsgi"
    WSGIHandlerScript mine "${root}/site/handler.py"
    AddHandler mine .mine
    WSGIHandlerScript Loud "${root}/site/handler.py"
    <Location /virtual>
        SetHandler Loud
    </Location>
    <Location /virtual/inner>
        WSGIHandlerScript LOUD "${root}/site/inner.py"
    </Location>
    <Location /app/rejects>
        AcceptPathInfo Off
    </Location>
    <Location /app/limited>
        LimitRequestBody 10
    </Location>
    <Location /app/chunks>
        WSGIChunkedRequest On
    </Location>
    AllowEncodedSlashes On
    RewriteEngine On
    RewriteRule ^/rewritten/(.*) /app/$1?from=rewrite [PT]
    WSGIScriptAlias / "${root}/site/root.wsgi"
</VirtualHost>
<VirtualHost *:${port}>
    ServerName vhost.example
    WSGIScriptAlias /app "${root}/site/vhost.wsgi"
    MergeSlashes Off
</VirtualHost>
<VirtualHost *:${port}>
    ServerName other.example
    AddHandler wsgi-script .wsgi
    WSGIHandlerScript mine "${root}/site/handler.py"
    AddHandler mine .mine
    <Directory "${htdocs}/exec">
        Options ExecCGI
        AddType application/x-httpd-wsgi .app
        DirectoryIndex index.wsgi
    </Directory>
    RewriteEngine On
    RewriteRule ^/by-flag /handled/page.txt [H=mine]
</VirtualHost>
WSGIScriptAlias /app "${root}/site/app.wsgi"
WSGIScriptAlias /server "${root}/site/root.wsgi"
"""


def served(httpd: Httpd, path: str, host: str = "localhost") -> tuple[str, str, str]:
    """Script, SCRIPT_NAME and PATH_INFO."""
    found = ask(httpd, path, {"Host": host})
    return (found["__file__"].removeprefix(f"{httpd.root}/"), found["mod_wsgi.script_name"],
            found["mod_wsgi.path_info"])


@pytest.mark.parametrize(("path", "script", "name", "info"), [
    ("/app", "site/app.wsgi", "/app", ""),
    ("/app/", "site/app.wsgi", "/app", "/"),
    ("/app/a/b?q=1", "site/app.wsgi", "/app", "/a/b"),
    ("/app/below", "site/app.wsgi", "/app", "/below"),          # the first alias that matches, not the longest
    ("/apple", "site/root.wsgi", "", "/apple"),                 # whole segments only; then the server's own "/"
    ("/many/slashes/x", "site/app.wsgi", "/many/slashes", "/x"),
    ("//many//slashes//x", "site/app.wsgi", "/many/slashes", "/x"),
    ("/dir/one.wsgi/x", "site/dir/one.wsgi", "/dir/one.wsgi", "/x"),
    ("/dir/deep/two.wsgi", "site/dir/deep/two.wsgi", "/dir/deep/two.wsgi", ""),
    ("/match/app/x", "site/app.wsgi", "/match/app", "/x"),
    ("/match/root", "site/root.wsgi", "/match/root", ""),
    ("/", "site/root.wsgi", "", "/"),
    ("/any/thing", "site/root.wsgi", "", "/any/thing"),
    ("/rewritten/x", "site/app.wsgi", "/app", "/x"),
])
def test_the_url_selects_the_script(httpd: Httpd, path: str, script: str, name: str, info: str) -> None:
    assert served(httpd, path) == (script, name, info)


@pytest.mark.parametrize(("path", "script", "name", "info"), [
    ("/exec/run.wsgi/more", "htdocs/exec/run.wsgi", "/exec/run.wsgi", "/more"),
    ("/exec/type.app", "htdocs/exec/type.app", "/exec/type.app", ""),
    ("/exec/", "htdocs/exec/index.wsgi", "/exec/index.wsgi", ""),
    ("/handled/page.mine/x", "site/handler.py", "/handled/page.mine", "/x"),
    ("/handled/none.mine", "site/handler.py", "/handled/none.mine", ""),
    ("/by-flag", "site/handler.py", "/by-flag", ""),
])
def test_without_an_alias_the_handler_of_a_file_counts(httpd: Httpd, path: str, script: str, name: str,
                                                       info: str) -> None:
    assert served(httpd, path, "other.example") == (script, name, info)
    assert ask(httpd, path, {"Host": "other.example"})["SCRIPT_FILENAME"].startswith(str(httpd.htdocs))


def test_a_script_without_an_alias_needs_execcgi(httpd: Httpd) -> None:
    """SEC-67"""
    assert status(httpd, "/plain.wsgi", {"Host": "other.example"}) == 403
    httpd.claim("MP0304: Options ExecCGI is off in this directory: .*/htdocs/plain.wsgi")


def test_the_virtual_host_comes_before_the_server(httpd: Httpd) -> None:
    assert served(httpd, "/app/x", "vhost.example")[0] == "site/vhost.wsgi"
    assert served(httpd, "/app/x", "other.example")[0] == "site/app.wsgi"
    assert served(httpd, "/server/x", "vhost.example") == ("site/root.wsgi", "/server", "/x")


def test_slashes_that_httpd_leaves_alone_match_too(httpd: Httpd) -> None:
    assert served(httpd, "//app//x", "vhost.example") == ("site/vhost.wsgi", "/app", "/x")


def test_an_alias_of_mod_alias_wins(httpd: Httpd) -> None:
    assert send(httpd, "/app/static/page.txt").body == b"static"


def test_an_aliased_script_needs_no_execcgi_but_its_directory_must_be_open(httpd: Httpd) -> None:
    """SEC-67: httpd's own rules about the file count."""
    assert status(httpd, "/app") == 200
    assert status(httpd, "/forbidden") == 403
    httpd.claim("AH01630: client denied by server configuration: .*forbidden/x.wsgi")


def test_a_missing_script_is_not_found(httpd: Httpd) -> None:
    assert status(httpd, "/missing/x") == 404
    httpd.claim("MP0305: Target WSGI script not found or unable to stat: .*/site/none.wsgi")
    assert status(httpd, "/dir/none.wsgi") == 404
    httpd.claim("MP0305: .*/site/dir/none.wsgi")


@pytest.mark.parametrize("path", ["/is-directory", "/dir/deep", "/dir/deep/", "/dir/"])
def test_a_directory_is_no_script_and_gets_no_slash_and_no_index(httpd: Httpd, path: str) -> None:
    answer = send(httpd, path)
    assert (answer.status, answer.headers["Location"]) == (403, None)
    httpd.claim("MP0306: Attempt to invoke directory as WSGI application: ")


@pytest.mark.parametrize("path", [
    "/dir/%2e%2e/root.wsgi", "/dir/..%2froot.wsgi", "/dir/%2e%2e%2froot.wsgi", "/dir/../../outside.wsgi",
    "/dir/deep/..%2f..%2froot.wsgi", "/dir/..%2f..%2foutside.wsgi", "/dir/%2e%2e%2f%2e%2e%2foutside.wsgi",
    "/up/..%2froot", "/up/..%2f..%2foutside", "/dir//..//root.wsgi",
])
def test_no_url_reaches_a_script_outside_of_the_alias(httpd: Httpd, path: str) -> None:
    """SEC-19"""
    answer = send(httpd, path)
    if answer.status == 200:        # resolved by httpd before: another alias serves it, for any URL
        assert f"__file__={httpd.root}/site/root.wsgi".encode() in answer.body
        assert b"mod_wsgi.script_name=\n" in answer.body
    else:
        assert answer.status in (400, 403, 404)
        httpd.claim(r"\[(?:core|python):error\]")


def test_a_nul_in_the_url_is_refused(httpd: Httpd) -> None:
    """SEC-19"""
    assert status(httpd, "/dir/one.wsgi%00.txt") in (400, 404)


def test_groups_of_a_pattern_make_no_way_up(httpd: Httpd) -> None:
    """SEC-19: `$1$1` of "." would be ".."."""
    assert status(httpd, "/dots/x/") == 404
    httpd.claim("MP0305")


def test_mount_point_and_rest_never_have_two_slashes_in_a_row(httpd: Httpd) -> None:
    """SEC-19"""
    found = ask(httpd, "//app//e//x")
    assert (found["mod_wsgi.script_name"], found["mod_wsgi.path_info"]) == ("/app", "/e/x")


def test_handler_scripts_serve_resources_of_their_kind(httpd: Httpd) -> None:
    assert ask(httpd, "/app")["mod_wsgi.handler_script"] == ""
    found = ask(httpd, "/virtual/any/thing")
    assert found["__file__"] == found["mod_wsgi.handler_script"] == f"{httpd.root}/site/handler.py"
    assert found["mod_wsgi.request_handler"] == "loud"
    assert found["callable"] == found["mod_wsgi.callable_object"] == "handle_request"


def test_an_inner_handler_script_of_the_same_name_replaces_the_outer_one(httpd: Httpd) -> None:
    assert ask(httpd, "/virtual/inner/x")["__file__"] == f"{httpd.root}/site/inner.py"


def test_options_of_an_alias_count_for_it_alone(httpd: Httpd) -> None:
    assert ask(httpd, "/dir/one.wsgi")["callable"] == "other"
    assert ask(httpd, "/match/app")["callable"] == "other"
    assert ask(httpd, "/app")["callable"] == "application"


def test_path_info_can_be_refused(httpd: Httpd) -> None:
    assert status(httpd, "/app/rejects/x") == 404
    httpd.claim("MP0308: AcceptPathInfo off disallows user's path: .*/site/app.wsgi/rejects/x")


def body(httpd: Httpd, path: str, headers: dict[str, str], data: bytes) -> int:
    with httpd.raw() as client:
        client.send_request("POST", path, {"Connection": "close", **headers}, data)
        return client.response().status


def test_bodies_are_refused_before_the_application_runs(httpd: Httpd) -> None:
    chunked = {"Transfer-Encoding": "chunked"}
    assert body(httpd, "/app", chunked, b"1\r\nx\r\n0\r\n\r\n") == 411
    httpd.claim("AH00(?:592|594)|chunked Transfer-Encoding forbidden")
    assert body(httpd, "/app/chunks", chunked, b"1\r\nx\r\n0\r\n\r\n") == 200
    assert body(httpd, "/app", {"Transfer-Encoding": "gzip, chunked"}, b"0\r\n\r\n") == 501
    httpd.claim("Unknown Transfer-Encoding")
    assert body(httpd, "/app", {"Content-Length": "abc"}, b"") == 400
    assert body(httpd, "/app/limited", {"Content-Length": "11"}, b"01234567890") == 413
    httpd.claim("MP0330: a body of 11 bytes; LimitRequestBody allows 10")
    assert body(httpd, "/app/limited", {"Content-Length": "10"}, b"0123456789") == 200
