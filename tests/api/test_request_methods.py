"""Methods of the request that ask httpd or tell it something: their forms, their rules, their errors."""

import ast
import socket
from email.utils import formatdate
from typing import Any

import pytest
from httpd import Httpd

MODULES = ("auth_basic", "authn_file")

CONF = """
    HostnameLookups Off
    PythonPostReadRequestHandler methods::early
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler methods
        PythonDebug On
        AuthName "a \\"quoted\\" realm"
        AuthType Basic
    </Directory>
    <Directory "${htdocs}/lookups">
        HostnameLookups On
    </Directory>
    <Directory "${htdocs}/double">
        HostnameLookups Double
    </Directory>
    <Directory "${htdocs}/none">
        AuthType None
    </Directory>
    <Directory "${htdocs}/static">
        SetHandler None
        PythonFixupHandler methods::path_info
    </Directory>
    <VirtualHost *>
        ServerName main.example:8080
    </VirtualHost>
    <VirtualHost *>
        ServerName canonical.example:1234
        UseCanonicalName On
    </VirtualHost>
    <VirtualHost *>
        ServerName physical.example
        UseCanonicalName On
        UseCanonicalPhysicalPort On
    </VirtualHost>
    <VirtualHost *>
        ServerName usual.example:80
        UseCanonicalName On
    </VirtualHost>
    <VirtualHost *>
        ServerName dns.example
        UseCanonicalName DNS
    </VirtualHost>
"""

FILES = {
    **{f"htdocs/{place}page.txt": "static text\n" for place in ("", "lookups/", "double/", "none/", "static/")},
    "methods.py": r'''
from mod_python import apache

def raised(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__
    return None

def handler(req):
    result = globals()[req.args.partition("&")[0]](req)
    if isinstance(result, int):
        return result
    req.write(ascii(result))
    return apache.OK

def early(req):
    "There is no file yet."
    if req.args == "early":
        req.add_common_vars()
        env = req.subprocess_env
        req.err_headers_out["X-Early"] = repr([
            env["SCRIPT_FILENAME"], "SCRIPT_FILENAME" in env, env.get("SCRIPT_FILENAME", "none"),
            ("SCRIPT_FILENAME", None) in env.items(), None in env.values(), "'SCRIPT_FILENAME': None" in repr(env)])
    return apache.OK

def auth(req):
    return [req.auth_name(), req.auth_type()]

def urls(req):
    return [req.construct_url(uri) for uri in ("/x?y#z", "", "no slash", "/\xe9\u20ac", "/%41")]

def url_errors(req):
    return [raised(req.construct_url, *arguments) for arguments in [(), (5,), (None,), (b"/x",), ("/\0",), ("/", "/")]]

def hosts(req):
    forms = [(), (apache.REMOTE_HOST,), (apache.REMOTE_NAME,), (apache.REMOTE_NOLOOKUP,), (apache.REMOTE_DOUBLE_REV,)]
    kinds = [(apache.REMOTE_NAME, None), (apache.REMOTE_NAME, 0), (apache.REMOTE_NAME, 1), (apache.REMOTE_NAME, "yes"),
             (apache.REMOTE_NOLOOKUP, 1), (apache.REMOTE_HOST, 1)]
    pairs = [req.get_remote_host(*kind) for kind in kinds]
    pair = req.get_remote_host(str_is_ip=1, type=apache.REMOTE_NOLOOKUP)
    return [[req.get_remote_host(*form) for form in forms], pairs, pair]

def host_errors(req):
    return [raised(req.get_remote_host, *arguments) for arguments in
            [(4,), (-1,), ("1",), (None,), (1, 1, 1), (2**70,)]]

def conditions(req):
    req.update_mtime(1000000000)
    req.headers_out["ETag"] = '"tag"'
    req.set_last_modified()
    return req.meets_conditions()

def unconditional(req):
    return [req.meets_conditions(), type(req.meets_conditions()).__name__]

def modified(req):
    req.headers_out["X-Before"] = repr([req.mtime, req.set_last_modified(), req.headers_out.get("Last-Modified")])
    req.update_mtime(1000000000.75)
    req.update_mtime(5)
    req.set_last_modified()
    return [req.mtime, req.update_mtime(1000000001), req.mtime]

def modified_errors(req):
    return [raised(req.update_mtime, *arguments) for arguments in
            [(), ("5",), (None,), (float("nan"),), (float("inf"),), (1e300,), (2**70,)]]

def etag(req):
    before = req.headers_out.get("ETag")
    return [before, req.set_etag(), type(req.headers_out.get("ETag")).__name__]

def etag_of_another_file(req):
    req.finfo = apache.stat(__file__, apache.APR_FINFO_NORM)
    req.set_etag()
    first = req.headers_out["ETag"]
    req.finfo = apache.stat(req.filename, apache.APR_FINFO_NORM)
    req.set_etag()
    return [first == req.headers_out["ETag"]]

def length_errors(req):
    return [raised(req.set_content_length, *arguments) for arguments in [(), ("5",), (5.0,), (None,), (-1,), (2**70,)]]

def letters(req):
    req.allow_methods("AB", 1)
    req.allow_methods(("GET", "PROPFIND", b"ODD"), reset=0)
    req.err_headers_out["X-Methods"] = repr([req.allowed_methods, req.allowed_xmethods, req.allowed])
    return apache.HTTP_METHOD_NOT_ALLOWED

def method_errors(req):
    return [raised(req.allow_methods, *arguments) for arguments in
            [(), (5,), (None,), ([5],), (["a\0b"],), ({"GET"},), (["GET"], 1, 1)]]

def path_info(req):
    if req.args in ("DEFAULT_PATH_INFO", "REJECT_PATH_INFO", "ACCEPT_PATH_INFO"):
        req.used_path_info = getattr(apache, "AP_REQ_" + req.args)
    return apache.OK

def keywords(req):
    req.write(data=b"", flush=0)
    req.log_error(message=None, level=apache.APLOG_ERR)
    req.register_cleanup(callable=len, data="")
    req.add_handler(htype="PythonLogHandler", handler=handler_that_logs, dir=None)
    req.allow_methods(methods=["GET"], reset=1)
    req.update_mtime(dependency_mtime=5)
    req.set_content_length(len=0)
    del req.headers_out["Content-Length"]
    return [req.construct_url(uri="/x") is not None, req.ssl_var_lookup(name="HTTPS"),
            req.read(len=1), req.readline(len=1), req.readlines(sizehint=1),
            req.sendfile(path=req.filename, offset=5, len=0),
            raised(req.write, b"", flash=0), raised(req.write, b"", data=b""), raised(req.flush, now=1)]

def handler_that_logs(req):
    return apache.OK

def no_arguments(req):
    names = ("add_cgi_vars add_common_vars auth_name auth_type build_wsgi_env discard_request_body document_root flush"
             " get_addhandler_exts get_basic_auth_pw get_config get_options is_https meets_conditions requires"
             " send_http_header set_etag set_last_modified").split()
    return [name for name in names if raised(getattr(req, name), 1) != "TypeError"]

def variables(req):
    env = req.subprocess_env
    before = len(env)
    result = [req.add_common_vars(), "SERVER_NAME" in env, [name in env for name in (
        "GATEWAY_INTERFACE", "REQUEST_METHOD", "PATH_INFO")], req.add_cgi_vars()]
    return [before] + result + [[env.get(name) for name in (
        "GATEWAY_INTERFACE", "SERVER_PROTOCOL", "REQUEST_METHOD", "QUERY_STRING", "REQUEST_URI", "SCRIPT_NAME",
        "PATH_INFO", "PATH_TRANSLATED")]]
'''}


NAME = socket.getnameinfo(("127.0.0.1", 0), socket.NI_NAMEREQD)[0]     # "localhost", as a rule


def ask(httpd: Httpd, query: str, path: str = "/page.txt", headers: dict[str, str] | None = None) -> Any:
    r = httpd.get(f"{path}?{query}", headers)
    assert r.status == 200, r.text
    return ast.literal_eval(r.text)


def test_the_realm_and_type_of_authentication(httpd: Httpd) -> None:
    assert ask(httpd, "auth") == [r'a \"quoted\" realm', "Basic"]        # as httpd puts it between quotes
    assert ask(httpd, "auth", "/none/page.txt")[1] in (None, "None")


@pytest.mark.parametrize(("host", "base"), [
    ("main.example", "http://main.example:8080"),
    ("main.example:80", "http://main.example"),
    ("main.example:99", "http://main.example:99"),
    ("unknown.example:8080", "http://unknown.example:8080"),
    ("canonical.example:99", "http://canonical.example:1234"),
    ("usual.example:99", "http://usual.example"),
])
def test_urls_of_this_server(httpd: Httpd, host: str, base: str) -> None:
    assert ask(httpd, "urls", headers={"Host": host}) == [
        base + uri for uri in ("/x?y#z", "", "no slash", "/\xe9\u20ac", "/%41")]


def test_urls_with_the_port_of_the_connection_or_the_name_of_the_address(httpd: Httpd) -> None:
    assert ask(httpd, "urls", headers={"Host": "physical.example"})[0] == f"http://physical.example:{httpd.port}/x?y#z"
    assert ask(httpd, "urls", headers={"Host": "dns.example"})[0] in [
        f"http://{name}{port}/x?y#z" for name in (NAME, "127.0.0.1", "dns.example") for port in ("", f":{httpd.port}")]


def test_urls_are_made_of_text(httpd: Httpd) -> None:
    assert ask(httpd, "url_errors") == ["TypeError"] * 4 + ["ValueError", "TypeError"]


def test_the_client_without_lookups(httpd: Httpd) -> None:
    address = "127.0.0.1"
    names, pairs, pair = ask(httpd, "hosts")
    assert names == [address, None, address, address, NAME]        # the last one is looked up in any case
    assert pairs == [address, (address, 1), (address, 1), (address, 1), (address, 1), None] and pair == (address, 1)


@pytest.mark.parametrize("place", ["lookups", "double"])
def test_the_client_with_lookups(httpd: Httpd, place: str) -> None:
    names, pairs, pair = ask(httpd, "hosts", f"/{place}/page.txt")
    assert names == [NAME] * 5 and pairs[1] == (NAME, 0) and pairs[5] == (NAME, 0) and pair == (NAME, 0)


def test_wrong_kinds_of_lookups(httpd: Httpd) -> None:
    assert ask(httpd, "host_errors") == ["ValueError"] * 2 + ["TypeError"] * 3 + ["OverflowError"]


OLD, NEW = formatdate(900000000, usegmt=True), formatdate(1100000000, usegmt=True)


@pytest.mark.parametrize(("headers", "status"), [
    ({}, 0), ({"If-Modified-Since": NEW}, 304), ({"If-Modified-Since": OLD}, 0), ({"If-None-Match": '"tag"'}, 304),
    ({"If-None-Match": '"other"'}, 0), ({"If-None-Match": '"other"', "If-Modified-Since": NEW}, 0),
    ({"If-Match": '"tag"'}, 0), ({"If-Match": '"other"'}, 412), ({"If-Unmodified-Since": OLD}, 412),
    ({"If-Unmodified-Since": NEW}, 0)])
def test_conditions(httpd: Httpd, headers: dict[str, str], status: int) -> None:
    r = httpd.get("/page.txt?conditions", headers)
    assert r.status == (status or 200)
    if status != 412:
        assert r.headers["ETag"] == '"tag"'
    assert ask(httpd, "unconditional") == [0, "int"]


def test_the_time_of_the_last_change(httpd: Httpd) -> None:
    r = httpd.get("/page.txt?modified")
    assert ast.literal_eval(r.headers["X-Before"]) == [0.0, None, "Thu, 01 Jan 1970 00:00:00 GMT"]
    assert ast.literal_eval(r.text) == [1000000000.75, None, 1000000001.0]
    assert r.headers["Last-Modified"] == formatdate(1000000000, usegmt=True)
    assert ask(httpd, "modified_errors") == ["TypeError"] * 3 + ["OverflowError"] * 4


def test_the_entity_tag(httpd: Httpd) -> None:
    assert ask(httpd, "etag") == [None, None, "str"]
    assert ask(httpd, "etag_of_another_file") == [False]


def test_wrong_lengths(httpd: Httpd) -> None:
    assert ask(httpd, "length_errors") == ["TypeError"] * 4 + ["ValueError", "OverflowError"]


def test_the_allow_header(httpd: Httpd) -> None:
    r = httpd.get("/page.txt?letters")
    assert r.status == 405
    assert set(r.headers["Allow"].replace(" ", "").split(",")) >= {"GET", "PROPFIND", "A", "B", "ODD"}
    methods, xmethods, bits = ast.literal_eval(r.headers["X-Methods"])
    assert set(methods) >= {"GET", "PROPFIND", "A", "B", "ODD"} and xmethods == ("A", "B", "ODD")
    assert bits & 1 and bits & 1 << 8 and not bits & 1 << 2
    assert ask(httpd, "method_errors") == ["TypeError"] * 4 + ["ValueError", "TypeError", "TypeError"]


@pytest.mark.parametrize(("policy", "status"), [
    ("", 404), ("DEFAULT_PATH_INFO", 404), ("REJECT_PATH_INFO", 404), ("ACCEPT_PATH_INFO", 200)])
def test_the_path_info_policy(httpd: Httpd, policy: str, status: int) -> None:
    assert httpd.get(f"/static/page.txt/more?{policy}").status == status
    assert httpd.get(f"/static/page.txt?{policy}").text == "static text\n"


def test_documented_names_are_keywords(httpd: Httpd) -> None:
    assert ask(httpd, "keywords") == [True, None, b"", b"", [], 0] + ["TypeError"] * 3


def test_methods_without_arguments_take_none(httpd: Httpd) -> None:
    assert ask(httpd, "no_arguments") == []


def test_variables_without_a_value(httpd: Httpd) -> None:
    r = httpd.get("/static/page.txt?early")
    assert ast.literal_eval(r.headers["X-Early"]) == [None, False, "none", True, True, True]


def test_variables_for_programs(httpd: Httpd) -> None:
    before, common, has_name, others, cgi, values = ask(httpd, "variables&a=%41", "/page.txt/more%20info")
    assert before < 3 and (common, has_name, others, cgi) == (None, True, [False] * 3, None)
    assert values == ["CGI/1.1", "HTTP/1.1", "GET", "variables&a=%41", "/page.txt/more%20info?variables&a=%41",
                      "/page.txt", "/more info", None]
