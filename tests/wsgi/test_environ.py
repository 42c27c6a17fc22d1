"""environ: PEP 3333's keys, CGI's, the server's; and what may never be in it."""

from __future__ import annotations

from typing import Any

import pytest
from httpd import Httpd
from wsgi_site import APP, value, wsgi_conf

MPMS = ("event", "prefork")
MODULES = ("env", "setenvif", "rewrite", "headers", "auth_basic", "authn_file", "deflate", "filter")

CONF = """
    ServerTokens Full
    WSGIImportScript "${htdocs}/preloaded.wsgi" process-group=${group} application-group=%{GLOBAL}
    AllowEncodedSlashes NoDecode
    MergeSlashes Off
    Alias /mounted "${htdocs}/app.wsgi"
    SetEnv MP_SET "by \xe9"
    SetEnv wsgi.input stolen
    SetEnv mod_wsgi.version stolen
    SetEnvIf X-Secure (.*) HTTPS=$1
    ErrorDocument 404 /app.wsgi/environ?from=error
    <Directory "${htdocs}/group">
        AuthType Basic
        AuthName x
        AuthBasicProvider file
        AuthUserFile "${root}/users"
        Require valid-user
    </Directory>
    <Location "/filtered">
        SetOutputFilter DEFLATE
    </Location>
    Alias /filtered "${htdocs}/app.wsgi"
    Alias /on "${htdocs}/app.wsgi"
    Alias /off "${htdocs}/app.wsgi"
    <Location "/on">
        RequestHeader add X-Added one
        RequestHeader add X-Added two
        RequestHeader add Proxy evil
    </Location>
""" + wsgi_conf() + wsgi_conf('<Directory "${htdocs}/group">', group="shop", more="WSGIPassAuthorization On") + \
    wsgi_conf('<Location "/on">', more="WSGIMapHEADToGET On\nWSGIPassApacheRequest On") + \
    wsgi_conf('<Location "/off">', more="WSGIMapHEADToGET Off")

FILES = {
    "htdocs/app.wsgi": APP + r'''
def environ(environ, start_response):
    assert type(environ) is dict
    shown = {key: value if isinstance(value, (str, int, float, tuple)) else
             f"{type(value).__module__}.{type(value).__name__}" for key, value in environ.items()}
    shown["wrapper"] = f"{environ['wsgi.file_wrapper'].__module__}.{environ['wsgi.file_wrapper'].__name__}"
    kept["method"] = environ["REQUEST_METHOD"]
    return answer(start_response, shown)

raw_environ = environ

def fresh(environ, start_response):
    before = environ.pop("fresh", None), environ["SCRIPT_NAME"], environ["wsgi.version"]
    environ.update({"fresh": "old", "SCRIPT_NAME": "changed", "wsgi.version": None})
    return answer(start_response, before)

def group(environ, start_response):
    import mod_wsgi
    return answer(start_response, (mod_wsgi.version, mod_wsgi.process_group, mod_wsgi.application_group,
                                   mod_wsgi.maximum_processes, mod_wsgi.threads_per_process,
                                   environ["mod_wsgi.application_group"], at_import))

import mod_wsgi
at_import = mod_wsgi.application_group

def raw_capsule(environ, start_response):
    kept["capsule"] = environ.get("apache.request_rec")
    return answer(start_response, repr(kept["capsule"]))
''',
    "htdocs/preloaded.wsgi": "", "htdocs/group/app.wsgi": APP + '''
import mod_wsgi
at_import = mod_wsgi.application_group

def group(environ, start_response):
    return answer(start_response, (environ.get("HTTP_AUTHORIZATION"), environ["REMOTE_USER"], environ["AUTH_TYPE"],
                                   environ["mod_wsgi.application_group"], mod_wsgi.application_group, at_import))
''',
    "users": "anna:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n",      # password
}


def environ(httpd: Httpd, path: str = "/app.wsgi/environ", headers: dict[str, str] | None = None) -> Any:
    return value(httpd, path.removeprefix("/app.wsgi/"), headers=headers)


def at(httpd: Httpd, target: str, *lines: str, method: str = "GET") -> Any:
    """The environ of a request whose target and header lines are sent as they are."""
    with httpd.raw() as client:
        head = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: a.example:81", "Connection: close", *lines])
        client.send(head.encode("latin-1") + b"\r\n\r\n")
        r = client.response(method)
    assert r.status in (200, 404), r.text
    return eval(r.text) if r.body else None


def test_the_cgi_keys(httpd: Httpd) -> None:
    e = environ(httpd, "/app.wsgi/environ/%C3%A9?a=%20b")
    expected = {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "/app.wsgi", "PATH_INFO": "/environ/\xc3\xa9", "QUERY_STRING": "a=%20b",
        "REQUEST_URI": "/app.wsgi/environ/%C3%A9?a=%20b", "SERVER_PORT": str(httpd.port), "SERVER_ADDR": "127.0.0.1",
        "SERVER_NAME": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
        "DOCUMENT_ROOT": str(httpd.htdocs), "CONTEXT_DOCUMENT_ROOT": str(httpd.htdocs), "CONTEXT_PREFIX": "",
        "SCRIPT_FILENAME": str(httpd.htdocs / "app.wsgi"), "REQUEST_SCHEME": "http", "MP_SET": "by \xc3\xa9"}
    assert {key: e.get(key) for key in expected} == expected
    assert int(e["REMOTE_PORT"]) and "Apache/2" in e["SERVER_SOFTWARE"] and e["SERVER_ADMIN"]
    assert e["HTTP_HOST"] == f"127.0.0.1:{httpd.port}"
    assert not {"PATH", "PATH_TRANSLATED", "GATEWAY_INTERFACE", "SERVER_SIGNATURE", "REMOTE_HOST", "HTTPS",
                "REMOTE_USER", "AUTH_TYPE", "CONTENT_TYPE", "CONTENT_LENGTH"} & set(e)


def test_the_wsgi_keys(httpd: Httpd) -> None:
    e = environ(httpd)
    threaded = httpd.mpm != "prefork"
    assert {key: e[key] for key in e if key.startswith("wsgi.")} == {
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": e["wsgi.input"],
        "wsgi.errors": e["wsgi.errors"], "wsgi.input_terminated": True, "wsgi.multithread": threaded,
        "wsgi.multiprocess": False, "wsgi.run_once": False, "wsgi.file_wrapper": "builtins.type"}
    assert e["wrapper"] == "mod_wsgi.FileWrapper"


def test_the_servers_keys(httpd: Httpd) -> None:
    e = environ(httpd)
    assert int(e["mod_wsgi.server_pid"]) in httpd.child_pids()
    expected = {
        "mod_wsgi.process_group": httpd.group, "mod_wsgi.application_group": "",
        "mod_wsgi.callable_object": "application", "mod_wsgi.request_handler": "wsgi-script",
        "mod_wsgi.handler_script": "", "mod_wsgi.script_name": "/app.wsgi",
        "mod_wsgi.path_info": "/environ", "mod_wsgi.listener_host": "127.0.0.1",
        "mod_wsgi.listener_port": str(httpd.port), "mod_wsgi.version": (4, 0, 0)}
    assert {key: e.get(key) for key in expected} == expected
    times = [e[f"mod_wsgi.{name}_start"] for name in ("request", "queue", "daemon", "application")]
    assert times == sorted(times) if httpd.group else times[1:3] == [0.0, 0.0]
    assert e["apache.version"][:2] == (2, 4) and len(e["apache.version"]) == 3
    assert isinstance(e["mod_wsgi.thread_id"], int) and e["mod_wsgi.thread_id"] >= 1
    assert 0 <= e["mod_wsgi.application_start"] - e["mod_wsgi.request_start"] < 60
    assert "mod_wsgi.mount_point" not in e and "apache.request_rec" not in e


def test_wsgi_objects_have_the_documented_types(httpd: Httpd) -> None:
    e = value(httpd, "environ")
    assert (e["wsgi.input"], e["wsgi.errors"]) == ("wsgiref.validate.InputWrapper", "wsgiref.validate.ErrorWrapper")


def test_a_header_makes_one_key(httpd: Httpd) -> None:
    e = at(httpd, "/app.wsgi/environ", "X-One: 1", "x-one: 2", "Content-Type: a/b", "X-Latin: \xe9", "X-Empty:")
    assert (e["HTTP_X_ONE"], e["CONTENT_TYPE"], e["HTTP_X_LATIN"], e["HTTP_X_EMPTY"]) == ("1, 2", "a/b", "\xe9", "")
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & set(e)


def test_headers_that_modules_added_are_joined_and_proxy_is_dropped(httpd: Httpd) -> None:
    e = at(httpd, "/on/environ")
    assert e["HTTP_X_ADDED"] == "one, two" and "HTTP_PROXY" not in e


def test_sec_05_proxy_never_becomes_a_variable(httpd: Httpd) -> None:
    assert "HTTP_PROXY" not in at(httpd, "/app.wsgi/environ", "Proxy: http://evil", "pRoXy: x")


def test_sec_06_trailers_are_no_headers(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send(b"POST /app.wsgi/environ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
                    b"Trailer: X-Late\r\n\r\n1\r\nx\r\n0\r\nX-Late: 1\r\nX-Later: 2\r\n\r\n")
        e = eval(client.response().text)
    assert not {"HTTP_X_LATE", "HTTP_X_LATER", "CONTENT_LENGTH"} & set(e)
    assert e["HTTP_TRANSFER_ENCODING"] == "chunked"


@pytest.mark.parametrize("header", ["X_Under: 1", "Remote_User: admin", "X.Dot: 1", "X_Forwarded_For: 1.2.3.4"])
def test_sec_10_other_characters_drop_a_header(httpd: Httpd, header: str) -> None:
    name = "HTTP_" + header.partition(":")[0].upper().replace(".", "_")
    assert name not in at(httpd, "/app.wsgi/environ", header)


def test_sec_11_no_header_sets_what_is_not_its(httpd: Httpd) -> None:
    e = at(httpd, "/app.wsgi/environ", "REMOTE-USER: admin", "Auth-Type: x", "Script-Name: x", "HTTPS: on",
           "wsgi.input: x", "mod-wsgi.version: x", "X-HTTPS: on")
    assert not {"REMOTE_USER", "AUTH_TYPE", "HTTPS"} & set(e)
    assert (e["SCRIPT_NAME"], e["wsgi.url_scheme"], e["HTTP_REMOTE_USER"]) == ("/app.wsgi", "http", "admin")


def test_setenv_does_not_replace_the_servers_objects(httpd: Httpd) -> None:
    e = environ(httpd)
    assert e["wsgi.input"] == "wsgiref.validate.InputWrapper" and e["mod_wsgi.version"] == (4, 0, 0)


def test_sec_12_authorization_is_hidden(httpd: Httpd) -> None:
    assert "HTTP_AUTHORIZATION" not in at(httpd, "/app.wsgi/environ", "Authorization: Basic eDp5")
    e = at(httpd, "/nothing", "Authorization: Basic eDp5", "Proxy-Authorization: Basic eDp5")
    assert e["REDIRECT_STATUS"] == "404" and not [key for key in e if "AUTHORIZATION" in key]


def test_authorization_is_passed_where_that_is_configured(httpd: Httpd) -> None:
    r = httpd.get("/group/app.wsgi/group", {"Authorization": "Basic YW5uYTpwYXNzd29yZA=="})
    assert eval(r.text) == ("Basic YW5uYTpwYXNzd29yZA==", "anna", "Basic", "shop", "shop", "shop")


def test_an_error_document_tells_where_it_comes_from(httpd: Httpd) -> None:
    e = at(httpd, "/nothing?was=here")
    assert (e["REDIRECT_URL"], e["REDIRECT_QUERY_STRING"], e["QUERY_STRING"]) == ("/nothing", "was=here", "from=error")
    assert e["REQUEST_URI"] == "/nothing?was=here"


def test_slashes_are_collapsed_but_not_in_the_request_uri(httpd: Httpd) -> None:
    e = at(httpd, "//mounted//environ///x")
    assert (e["SCRIPT_NAME"], e["PATH_INFO"], e["REQUEST_URI"]) == ("/mounted", "/environ/x", "//mounted//environ///x")


@pytest.mark.parametrize("target", ["/app.wsgi/environ/a%2Fb", "/app.wsgi/environ/..%2f..%2f", "/app.wsgi//environ//"])
def test_sec_19_odd_paths_stay_in_the_script(httpd: Httpd, target: str) -> None:
    e = at(httpd, target)
    assert "//" not in e["SCRIPT_NAME"] + e["PATH_INFO"]
    assert e["SCRIPT_FILENAME"] == str(httpd.htdocs / "app.wsgi")


def test_sec_20_a_path_may_have_any_bytes(httpd: Httpd) -> None:
    assert at(httpd, "/app.wsgi/environ/%ff%fe")["PATH_INFO"] == "/environ/\xff\xfe"


@pytest.mark.parametrize(("https", "scheme"), [("on", "https"), ("ON", "https"), ("1", "https"), ("off", "http"),
                                               ("0", "http"), ("true", "http")])
def test_the_variable_https_makes_the_scheme(httpd: Httpd, https: str, scheme: str) -> None:
    e = at(httpd, "/app.wsgi/environ", f"X-Secure: {https}")
    assert e["wsgi.url_scheme"] == scheme and "HTTPS" not in e


def test_environ_is_new_for_each_request(httpd: Httpd) -> None:
    for _ in range(3):
        assert value(httpd, "fresh") == (None, "/app.wsgi", (1, 0))


@pytest.mark.parametrize(("path", "seen"), [("/app.wsgi", "HEAD"), ("/filtered", "GET"), ("/on", "GET"),
                                            ("/off", "HEAD")])
def test_the_method_of_head(httpd: Httpd, path: str, seen: str) -> None:
    at(httpd, f"{path}/environ", method="HEAD")
    assert at(httpd, f"{path}/ask?kept['method']") == seen


@pytest.mark.parametrize("method", ["BREW", "OPTIONS", "DELETE", "brew"])
def test_any_method_is_passed(httpd: Httpd, method: str) -> None:
    with httpd.raw() as client:
        client.send(f"{method} /off/raw_environ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        assert eval(client.response().text)["REQUEST_METHOD"] == method


def test_the_module_knows_its_group(httpd: Httpd) -> None:
    version, process, group, processes, threads, in_environ, at_import = value(httpd, "group")
    assert (version, process, group, in_environ, at_import) == ((4, 0, 0), httpd.group, "", "", "")
    assert processes == 1 if httpd.group else processes >= 1
    assert threads == httpd.application_threads


def test_the_request_record_is_a_capsule_that_ends_with_the_request(httpd: Httpd) -> None:
    if httpd.group:         # httpd's structure is in the child
        assert at(httpd, "/on/raw_capsule") == "None"
        return
    assert '"apache.request_rec"' in at(httpd, "/on/raw_capsule")
    assert "of a request that is over" in at(httpd, "/on/ask?repr(kept['capsule'])")


def test_a_thousand_names_of_headers_leave_nothing_behind(httpd: Httpd) -> None:
    with httpd.session() as ask:
        for number in range(40):
            names = {f"X-{number}-{part}": str(part) for part in range(25)}
            r = ask("GET", "/app.wsgi/environ", None, names)
            e = eval(r.text)
            assert [e[f"HTTP_X_{number}_{part}"] for part in range(25)] == [str(part) for part in range(25)]
