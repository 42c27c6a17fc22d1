"""Members and methods of the request object, and of the connection and server objects that it leads to."""

import ast
import base64
from typing import Any

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd

CONF = CASES_CONF + """
    ServerAdmin admin@example.org
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler cases::query
        PythonDebug On
    </Directory>
    <Directory "${htdocs}/secret">
        AuthType Basic
        AuthName "a realm"
        PythonAuthenHandler cases::let_in
        PythonHandler cases::secret
        Require valid-user
    </Directory>
    <Location /redirected>
        SetHandler mod_python
        PythonHandler cases::redirected
    </Location>
    <VirtualHost *>
        ServerName first.example:1234
        ServerAlias one.example two.example *.wild.example
    </VirtualHost>
    <VirtualHost *>
        ServerName second.example
    </VirtualHost>
"""

FILES = {
    "htdocs/page.txt": "static", "htdocs/secret/page.txt": "", "htdocs/file.bin": "0123456789" * 1000,
    "cases.py": CASES + r'''
import os

state = {}

def answer(req, value):
    req.content_type = "text/plain"
    req.write(repr(value))
    return apache.OK

def query(req):
    "Runs the function that the query names; the URL is a file's."
    return answer(req, globals()[req.args.partition("&")[0]](req))

def facts(req):
    return {name: getattr(req, name) for name in (
        "the_request", "method", "method_number", "protocol", "proto_num", "header_only", "hostname", "status",
        "status_line", "uri", "unparsed_uri", "args", "parsed_uri", "filename", "canonical_filename", "path_info",
        "user", "ap_auth_type", "content_type", "handler", "phase", "interpreter", "assbackwards", "proxyreq",
        "range", "clength", "remaining", "read_length", "read_body", "read_chunked", "expecting_100", "no_cache",
        "no_local_copy", "chunked", "sent_bodyct", "bytes_sent", "used_path_info", "eos_sent", "allowed",
        "allowed_methods", "allowed_xmethods", "content_languages", "content_encoding", "extension",
        "_content_type_set", "vlist_validator", "useragent_ip")}

def types(req):
    return [str(type(o)) for o in (req, req.server, req.connection, req.headers_in, req.finfo, req.hlist)]

def repr_of_type(req):
    return [type(o).__name__ for o in (req, req.server, req.connection, req.headers_in)]

def identity(req):
    return [req.server is req.server, req.connection is req.connection, req.headers_in is req.headers_in,
            req.notes is req.notes, req.main, req.prev, req.next,
            req.connection.base_server is req.connection.base_server]

def read_only(req):
    found = []
    for name in ("connection", "server", "the_request", "method", "method_number", "header_only", "hostname",
                 "headers_in", "headers_out", "notes", "subprocess_env", "phase", "interpreter", "unparsed_uri",
                 "parsed_uri", "bytes_sent", "request_time", "next", "prev", "main", "protocol", "clength", "mtime"):
        try:
            setattr(req, name, getattr(req, name))
            found.append(name)
        except AttributeError:
            pass
    return found

def writable(req):
    found = {}
    for name, value in (("status", 201), ("status_line", "201 Made"), ("assbackwards", 0), ("proxyreq", 0),
                        ("chunked", 0), ("content_type", "text/x-test"), ("handler", "other"), ("handler", None),
                        ("user", "\xe9ve"), ("user", None), ("ap_auth_type", "Own"),
                        ("no_cache", 1), ("no_local_copy", 1), ("uri", "/new"),
                        ("filename", "/tmp/x"), ("filename", None), ("canonical_filename", "/tmp/y"),
                        ("path_info", "/more"), ("args", "a=b"), ("args", None), ("used_path_info", 1),
                        ("content_type", None)):
        setattr(req, name, value)
        found["%s=%r" % (name, value)] = getattr(req, name) == value
    req.status, req.status_line, req.no_cache = 200, None, 0
    return [name for name, same in found.items() if not same]

def wrong_types(req):
    found = {}
    for name, value in (("status", "200"), ("status", None), ("chunked", "x"), ("content_type", 5), ("uri", 5),
                        ("filename", 5), ("user", 5), ("finfo", "x"), ("no_cache", "1"), ("status", 2**70),
                        ("args", "a\0b"), ("user", "a\0b"), ("content_type", "a\0b"), ("uri", None)):
        found["%s=%r" % (name, value)] = (raised(setattr, req, name, value) or ["accepted"])[0]
    return found

def attributes(req):
    req.mine = [1]
    req.mine.append(2)
    seen = [req.mine, hasattr(req, "absent")]
    del req.mine
    return seen + [hasattr(req, "mine"), raised(getattr, req, "mine"), raised(delattr, req, "mine")[0]]

def delete_members(req):
    return [(raised(delattr, req, name) or ["deleted"])[0] for name in ("uri", "status", "headers_in", "content_type")]

def times(req):
    import time
    return [type(req.request_time).__name__, abs(req.request_time - time.time()) < 60, type(req.mtime).__name__]

def connection(req):
    c = req.connection
    req.flush()         # httpd decides about keep-alive when it sends the headers
    try:
        c.own = 1
        own = "set"
    except AttributeError:
        own = "AttributeError"
    return [c.client_addr[0], c.client_addr[1] > 0, c.local_addr, c.client_ip, c.local_ip, c.remote_host, c.aborted,
            c.keepalive, c.keepalives, type(c.id).__name__, repr(c.notes), c.hlist, own, c.double_reverse]

def server(req):
    s = req.server
    s.mine = 1
    values = [s.server_hostname, s.port, s.is_virtual, s.names, s.wild_names, s.server_admin, s.timeout, s.keep_alive,
              s.keep_alive_max, s.keep_alive_timeout, s.limit_req_line, s.loglevel, s.my_generation, s.path, s.pathlen,
              apache.main_server.next.server_hostname, s.mine]
    return values + [raised(setattr, s, "port", 5)[0], s.error_fname is None or isinstance(s.error_fname, str),
                     s.defn_name.rpartition("/")[2], type(s.defn_line_number).__name__, type(s.restart_time).__name__]

def finfo(req):
    f = req.finfo
    return [f.fname, f.filetype == apache.APR_REG, f.size, f[apache.FINFO_SIZE], f[apache.FINFO_FILETYPE],
            len(tuple(f)), isinstance(f, tuple), raised(lambda: f.absent)[0], raised(lambda: f[99])[0],
            type(f.mtime).__name__]

def methods(req):
    return [req.auth_name(), req.auth_type(), req.document_root() == apache.main_server.server_hostname,
            req.is_https(), req.ssl_var_lookup("HTTPS"), req.get_remote_host(apache.REMOTE_NOLOOKUP),
            req.construct_url("/x?y"), req.meets_conditions(), req.send_http_header()]

def document_root(req):
    return req.document_root()

def environment(req):
    req.add_common_vars()
    before = "GATEWAY_INTERFACE" in req.subprocess_env
    req.add_cgi_vars()
    env = req.subprocess_env
    return [before, env["GATEWAY_INTERFACE"], env["REQUEST_METHOD"], env["QUERY_STRING"], env["REQUEST_URI"],
            env["SCRIPT_NAME"], env["SERVER_PROTOCOL"], env["HTTP_HOST"]]

def notes(req):
    req.notes["a"] = "b"
    return [req.notes["A"], dict(req.notes.items())["a"]]

def logs(req):
    req.log_error("an error with %s %n")
    req.log_error("a warning", apache.APLOG_WARNING)
    req.log_error("at level zero", 0)
    req.log_error("a notice", apache.APLOG_NOTICE)
    req.server.log_error("server's warning", apache.APLOG_WARNING)
    req.connection.log_error("connection's warning", apache.APLOG_WARNING)
    apache.log_error("plain warning", apache.APLOG_WARNING)
    apache.log_error("main server's warning", apache.APLOG_WARNING, apache.main_server)
    req.log_error(None)
    return [raised(req.log_error, 5)[0], raised(req.log_error, "a\0b")[0], raised(req.log_error)[0]]

def let_in(req):
    req.secret = req.get_basic_auth_pw()
    return apache.OK if req.user else apache.HTTP_UNAUTHORIZED

def secret(req):
    return answer(req, [req.user, req.secret, req.ap_auth_type, req.auth_name(), req.auth_type()])

def redirect(req):
    req.carried = "along"
    req.write("before ", 0)
    req.internal_redirect("/redirected?new=args")
    state["linked"] = req.next is not None and req.next.prev is req

def linked(req):
    return state["linked"]

def redirected(req):
    req.prev.write("by prev ")
    req.write("%s %s %s %s %s" % (req.prev.carried, req.uri, req.args, req.prev.uri, req.main))
    return apache.OK

def redirect_away(req):
    seen = []
    for wrong in (5, None, "a\0b"):
        seen.append(raised(req.internal_redirect, wrong)[0])
    return seen

def allowed(req):
    req.allow_methods(["PUT", "BREW"])
    first = [req.allowed_methods, req.allowed_xmethods, req.allowed != 0]
    req.allow_methods(["GET"], 1)
    return first + [req.allowed_methods, raised(req.allow_methods, 5)[0]]

def cleanups(req):
    for number in (1, 2):
        req.register_cleanup(lambda data: apache.log_error(
            "cleanup %s of %s" % (data, req.uri), apache.APLOG_WARNING, req.server), number)
    return [raised(req.register_cleanup, None), raised(req.register_cleanup)[0]]

def failing_cleanup(req):
    def fails(data):
        raise LookupError("cleanup of a request")
    req.register_cleanup(fails)

def cycle(req):
    req.me = req
    req.again = [req.headers_in, req.connection, lambda: req]

def header_values(req):
    seen = [raised(req.headers_out.add, "X", "a\r\nSet-Cookie: b"),
            raised(req.err_headers_out.__setitem__, "X", "a\nb")]
    del req.headers_out["X"], req.err_headers_out["X"]
    return seen
'''}


def ask(httpd: Httpd, query: str, headers: dict[str, str] | None = None, method: str = "GET") -> Any:
    r = httpd.request(method, f"/page.txt/more%20info?{query}", headers=headers)
    assert r.status == 200, r.text
    return ast.literal_eval(r.text)


def test_members_of_a_request_for_a_file(httpd: Httpd) -> None:
    facts = ask(httpd, "facts&x=%41", {"Host": "first.example:99"})
    file = str(httpd.htdocs / "page.txt")
    expected = {
        "the_request": "GET /page.txt/more%20info?facts&x=%41 HTTP/1.1", "method": "GET", "method_number": 0,
        "protocol": "HTTP/1.1", "proto_num": 1001, "header_only": 0, "hostname": "first.example", "status": 200,
        "status_line": None, "uri": "/page.txt/more info", "unparsed_uri": "/page.txt/more%20info?facts&x=%41",
        "args": "facts&x=%41", "filename": file, "canonical_filename": file, "path_info": "/more info", "user": None,
        "ap_auth_type": None, "handler": "mod_python", "phase": "PythonHandler", "interpreter": "first.example",
        "assbackwards": 0, "proxyreq": 0, "range": None, "clength": 0, "remaining": 0, "read_length": 0, "read_body": 0,
        "read_chunked": 0, "expecting_100": 0, "no_cache": 0, "no_local_copy": 0, "chunked": 0, "sent_bodyct": 0,
        "bytes_sent": 0, "used_path_info": 2, "eos_sent": 0, "allowed_xmethods": (),
        "content_encoding": None, "content_languages": (), "extension": None, "useragent_ip": "127.0.0.1",
        "content_type": "text/plain", "parsed_uri":
            (None, None, None, None, None, 99, "/page.txt/more info", "facts&x=%41", None)}
    assert {name: facts[name] for name in expected} == expected


def test_types_have_their_old_names(httpd: Httpd) -> None:
    assert ask(httpd, "types") == [f"<class '{name}'>" for name in (
        "mp_request", "mp_server", "mp_conn", "mp_table", "mp_finfo", "mp_hlist")]


def test_objects_are_the_same_each_time(httpd: Httpd) -> None:
    assert ask(httpd, "identity") == [True, True, True, True, None, None, None, True]


def test_facts_of_the_request_are_read_only(httpd: Httpd) -> None:
    assert ask(httpd, "read_only") == []


def test_writable_members_keep_what_they_are_given(httpd: Httpd) -> None:
    assert ask(httpd, "writable") == []


def test_wrong_types_are_refused(httpd: Httpd) -> None:
    found = ask(httpd, "wrong_types")
    for assignment, error in found.items():
        expected = {"status=1180591620717411303424": ("OverflowError", "TypeError", "ValueError")}.get(
            assignment, ("ValueError",) if "\\x00" in assignment else ("TypeError",))
        assert error in expected, (assignment, error)


def test_any_other_attribute_can_be_set(httpd: Httpd) -> None:
    *seen, missing, twice = ask(httpd, "attributes")
    assert seen == [[1, 2], False, False] and twice == "AttributeError"
    assert missing[0] == "AttributeError" and "mp_request" in missing[1] and "mine" in missing[1]


def test_members_cannot_be_deleted_but_the_content_type(httpd: Httpd) -> None:
    seen = ask(httpd, "delete_members")
    assert seen[:3] == ["AttributeError"] * 3 and seen[3] in ("deleted", "AttributeError")


def test_times_are_seconds(httpd: Httpd) -> None:
    assert ask(httpd, "times") == ["float", True, "float"]


def test_the_connection(httpd: Httpd) -> None:
    assert ask(httpd, "connection") == [
        "127.0.0.1", True, ("127.0.0.1", httpd.port), "127.0.0.1", "127.0.0.1", None, 0, 2, 1, "int", "{}", None,
        "AttributeError", 0]


def test_keepalives_are_counted(httpd: Httpd) -> None:
    with httpd.session() as connection:
        assert [eval(connection("GET", "/page.txt?connection").text)[8] for _ in range(3)] == [1, 2, 3]


def test_the_server(httpd: Httpd) -> None:
    values = ask(httpd, "server", {"Host": "first.example"})
    assert values == ["first.example", 1234, 1, ("one.example", "two.example"), ("*.wild.example",),
                      "admin@example.org", 60.0, 1, 100, 5.0, 8190, 6, 0, None, 0, "second.example", 1,
                      "AttributeError", True, "httpd.conf", "int", "float"]


def test_file_information(httpd: Httpd) -> None:
    assert ask(httpd, "finfo") == [str(httpd.htdocs / "page.txt"), True, 6, 6, 1, 12, False, "AttributeError",
                                   "IndexError", "int"]


def test_methods_that_tell(httpd: Httpd) -> None:
    assert ask(httpd, "methods", {"Host": "first.example:99"}) == [
        None, None, False, 0, None, "127.0.0.1", "http://first.example:99/x?y", 0, None]
    assert ask(httpd, "document_root") == str(httpd.htdocs)


def test_the_environment_of_a_cgi_program(httpd: Httpd) -> None:
    assert ask(httpd, "environment", {"Host": "first.example"}) == [
        False, "CGI/1.1", "GET", "environment", "/page.txt/more%20info?environment", "/page.txt", "HTTP/1.1",
        "first.example"]


def test_notes(httpd: Httpd) -> None:
    assert ask(httpd, "notes") == ["b", "b"]


def test_log_lines_have_their_level_and_client(httpd: Httpd) -> None:
    assert ask(httpd, "logs") == ["TypeError", "ValueError", "TypeError"]
    httpd.claim(r"\[python:error\].*\[client 127.0.0.1:\d+\].*an error with %s %n\n")
    httpd.claim(r"\[python:warn\].*\[client 127.0.0.1:\d+\].*a warning\n")
    httpd.claim(r"\[python:error\].*at level zero\n")
    httpd.claim(r"\[python:notice\].*a notice\n")
    for whose in ("server's", "connection's", "plain", "main server's"):
        httpd.claim(rf"\[python:warn\].*{whose} warning\n")
    if ":error]" in httpd.unclaimed():
        httpd.claim(r"\[python:error\].*")      # what a message of None leaves


def test_basic_credentials(httpd: Httpd) -> None:
    login = base64.b64encode("\xe9ve:p\xe4ss:x".encode("latin-1")).decode()
    r = httpd.get("/secret/page.txt", {"Authorization": f"Basic {login}"})
    assert eval(r.text) == ["\xe9ve", "p\xe4ss:x", "Basic", "a realm", "Basic"]


def test_an_internal_redirect_runs_and_comes_back(httpd: Httpd) -> None:
    r = httpd.get("/page.txt/more%20info?redirect")
    assert r.text == "before by prev along /redirected new=args /page.txt/more info None"
    assert ask(httpd, "linked") is True


def test_a_redirect_target_must_be_text(httpd: Httpd) -> None:
    assert ask(httpd, "redirect_away") == ["TypeError", "TypeError", "ValueError"]


def test_allowed_methods(httpd: Httpd) -> None:
    methods, xmethods, bits, reset, error = ask(httpd, "allowed")
    assert "PUT" in methods and xmethods == ("BREW",) and bits and reset == ("GET",) and error == "TypeError"


def test_cleanups_of_a_request_run_last_in_first_out(httpd: Httpd) -> None:
    first, second = ask(httpd, "cleanups")
    assert first[0] == "ValueError" and second == "TypeError"
    httpd.claim(r"cleanup 2 of /page.txt/more info(?:.*\n)+?.*cleanup 1 of /page.txt/more info")


def test_a_cleanup_that_raises_is_logged(httpd: Httpd) -> None:
    assert ask(httpd, "failing_cleanup") is None
    httpd.claim(r"MP00\d\d: .*failed in interpreter 'first.example'\n(?:.*\n)*?.*LookupError: cleanup of a request.*")


def test_requests_that_refer_to_themselves_end(httpd: Httpd) -> None:
    for _ in range(50):
        assert ask(httpd, "cycle") is None


def test_header_values_cannot_start_new_headers(httpd: Httpd) -> None:
    assert [error and error[0] for error in ask(httpd, "header_values")] == ["ValueError", "ValueError"]


@pytest.mark.parametrize(("method", "number"), [("GET", 0), ("POST", 2), ("PUT", 1), ("DELETE", 3), ("PATCH", 7)])
def test_methods_have_numbers(httpd: Httpd, method: str, number: int) -> None:
    facts = ask(httpd, "facts", method=method)
    assert (facts["method"], facts["method_number"]) == (method, number)


def test_a_location_has_no_file(httpd: Httpd) -> None:
    facts = case(httpd, "facts")
    assert (facts["filename"], facts["path_info"], facts["uri"]) == (None, None, "/case/facts")
