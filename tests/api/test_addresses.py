"""Addresses: URLs as they came and as they are made, names of hosts, CGI variables (spec: API, 3.1 and 3.2)."""

from collections.abc import Mapping
from typing import Any

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd

CONF = CASES_CONF + """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler cases::by_query
        PythonDebug On
    </Directory>
    <Directory "${htdocs}/quoted">
        AuthName "say \\"x\\""
        AuthType Basic
    </Directory>
    <VirtualHost *>
        ServerName first.example
    </VirtualHost>
    <VirtualHost *>
        ServerName canonical.example:8080
        UseCanonicalName On
        UseCanonicalPhysicalPort Off
    </VirtualHost>
    <VirtualHost *>
        ServerName plain.example
        UseCanonicalName On
    </VirtualHost>
"""

FILES = {
    "htdocs/page.txt": "static", "htdocs/quoted/page.txt": "",
    "cases.py": CASES + r'''
def by_query(req):
    req.write(repr(globals()[req.args.partition("&")[0]](req)))
    return apache.OK

def url(req):
    return req.construct_url("/x?y#z")

def relative_url(req):
    return req.construct_url("no slash")

def facts(req):
    return [req.hostname, req.parsed_uri, req.uri, req.unparsed_uri, req.the_request]

def protocol(req):
    return [req.protocol, req.proto_num, req.hostname, req.assbackwards, req.header_only]

def client(req):
    return [req.useragent_addr == req.connection.client_addr, req.useragent_ip, type(req.useragent_addr[1]).__name__]

def hosts(req):
    default = req.get_remote_host()
    found = {}
    for name in ("REMOTE_HOST", "REMOTE_NAME", "REMOTE_NOLOOKUP", "REMOTE_DOUBLE_REV"):
        kind = getattr(apache, name)
        found[name] = [req.get_remote_host(kind), req.get_remote_host(kind, None), req.get_remote_host(kind, 1)]
    return [default, found, req.connection.remote_host]

def auth(req):
    return [req.auth_name(), req.auth_type()]

def pieces(req):
    uri = req.parsed_uri
    return [uri[index] for index in (apache.URI_SCHEME, apache.URI_HOSTINFO, apache.URI_USER, apache.URI_PASSWORD,
                                     apache.URI_HOSTNAME, apache.URI_PORT, apache.URI_PATH, apache.URI_QUERY,
                                     apache.URI_FRAGMENT)]

def numbers(req):
    return [req.range, req.clength, req.header_only, req.method, req.method_number]

def common(req):
    req.add_common_vars()
    return dict(req.subprocess_env.items())

def cgi(req):
    req.add_cgi_vars()
    return dict(req.subprocess_env.items())

def twice(req):
    req.add_cgi_vars()
    first = req.subprocess_env.items()
    req.add_cgi_vars()
    return first == req.subprocess_env.items()
'''}


def ask(httpd: Httpd, target: str, headers: Mapping[str, str] | None = None, *, version: str = "1.1",
        method: str = "GET") -> Any:
    with httpd.raw() as client:
        lines = [f"{method} {target} HTTP/{version}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        r = client.send("\r\n".join([*lines, "Connection: close", "", ""]).encode()).response()
    assert r.status == 200, r.text
    return eval(r.text)


@pytest.mark.parametrize(("host", "url"), [
    ("first.example", "http://first.example/x?y#z"),
    ("first.example:80", "http://first.example/x?y#z"),
    ("first.example:1234", "http://first.example:1234/x?y#z"),
    ("canonical.example", "http://canonical.example:8080/x?y#z"),
    ("canonical.example:99", "http://canonical.example:8080/x?y#z"),
    ("plain.example:99", "http://plain.example/x?y#z"),
])
def test_a_url_has_the_host_and_port_that_the_client_used_or_the_canonical_ones(
        httpd: Httpd, host: str, url: str) -> None:
    assert ask(httpd, "/page.txt?url", {"Host": host}) == url


def test_what_is_given_is_appended_as_it_is(httpd: Httpd) -> None:
    assert ask(httpd, "/page.txt?relative_url", {"Host": "first.example"}) == "http://first.exampleno slash"


def test_without_a_host_header_the_server_names_the_host(httpd: Httpd) -> None:
    assert ask(httpd, "/page.txt?url", version="1.0").startswith("http://first.example")


def test_an_absolute_uri_is_split(httpd: Httpd) -> None:
    host, parsed, uri, unparsed, line = ask(httpd, "http://first.example:77/page.txt?facts", {"Host": "second"})
    assert host == "first.example" and uri == "/page.txt"
    assert unparsed == "http://first.example:77/page.txt?facts" and unparsed in line
    assert parsed == ("http", "first.example:77", None, None, "first.example", 77, "/page.txt", "facts", None)


def test_the_indexes_of_parsed_uri_are_constants(httpd: Httpd) -> None:
    assert ask(httpd, "http://first.example/page.txt?pieces", {"Host": "x"}) == [
        "http", "first.example", None, None, "first.example", None, "/page.txt", "pieces", None]


@pytest.mark.parametrize(("version", "headers", "facts"), [
    ("1.1", {"Host": "first.example"}, ["HTTP/1.1", 1001, "first.example", 0, 0]),
    ("1.0", {}, ["HTTP/1.0", 1000, None, 0, 0]),
])
def test_the_protocol(httpd: Httpd, version: str, headers: dict[str, str], facts: list[object]) -> None:
    assert ask(httpd, "/page.txt?protocol", headers, version=version) == facts


def test_the_range_and_the_method(httpd: Httpd) -> None:
    assert ask(httpd, "/page.txt?numbers", {"Host": "x", "Range": "bytes=0-1"})[1:] == [0, 0, "GET", 0]
    assert ask(httpd, "/page.txt?numbers", {"Host": "x"}, method="BREW")[3:] == ["BREW", 26]
    assert ask(httpd, "/page.txt?numbers", {"Host": "x"}, method="PROPFIND")[3:] == ["PROPFIND", 8]


def test_the_client(httpd: Httpd) -> None:
    assert ask(httpd, "/page.txt?client", {"Host": "x"}) == [True, "127.0.0.1", "int"]


def test_the_name_of_the_client_is_looked_up_as_asked(httpd: Httpd) -> None:
    default, found, known = ask(httpd, "/page.txt?hosts", {"Host": "first.example"})
    assert found["REMOTE_NOLOOKUP"] == ["127.0.0.1", "127.0.0.1", ("127.0.0.1", 1)]
    assert found["REMOTE_NAME"][0] == default == "127.0.0.1" and found["REMOTE_NAME"][2] == ("127.0.0.1", 1)
    assert found["REMOTE_HOST"] == [None, None, None]
    twice = found["REMOTE_DOUBLE_REV"][0]           # whatever this machine's resolver says; None if it says nothing
    assert found["REMOTE_DOUBLE_REV"] == [twice, twice, twice and (twice, 0)] and known == (twice or "")


def test_auth_name_and_type_are_none_if_they_are_not_configured(httpd: Httpd) -> None:
    assert ask(httpd, "/page.txt?auth", {"Host": "x"}) == [None, None]
    assert ask(httpd, "/quoted/page.txt?auth", {"Host": "x"}) == ['say \\"x\\"', "Basic"]


def test_common_variables(httpd: Httpd) -> None:
    env = ask(httpd, "/page.txt/more?common", {"Host": "first.example", "X-Own": "1"})
    assert (env["HTTP_X_OWN"], env["SERVER_NAME"], env["REMOTE_ADDR"]) == ("1", "first.example", "127.0.0.1")
    assert env["SCRIPT_FILENAME"] == str(httpd.htdocs / "page.txt")
    assert "GATEWAY_INTERFACE" not in env and "PATH_INFO" not in env


def test_cgi_variables(httpd: Httpd) -> None:
    env = ask(httpd, "/page.txt/more%20path?cgi&x=%20", {"Host": "first.example"})
    assert {name: env.get(name) for name in (
        "GATEWAY_INTERFACE", "SERVER_PROTOCOL", "REQUEST_METHOD", "QUERY_STRING", "REQUEST_URI", "SCRIPT_NAME",
        "PATH_INFO", "PATH_TRANSLATED")} == {
        "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "REQUEST_METHOD": "GET",
        "QUERY_STRING": "cgi&x=%20", "REQUEST_URI": "/page.txt/more%20path?cgi&x=%20", "SCRIPT_NAME": "/page.txt",
        "PATH_INFO": "/more path", "PATH_TRANSLATED": None}


def test_variables_can_be_added_twice(httpd: Httpd) -> None:
    assert ask(httpd, "/page.txt/more?twice", {"Host": "first.example"}) is True


def test_variables_in_a_location_have_no_file(httpd: Httpd) -> None:
    env = case(httpd, "cgi")
    assert env["SCRIPT_NAME"] == "/case/cgi" and not env.get("SCRIPT_FILENAME")
