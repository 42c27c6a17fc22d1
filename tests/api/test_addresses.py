"""Addresses as they came: the URI and its parts, the protocol, the method, the client (spec: API, section 3.2)."""

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
    <VirtualHost *>
        ServerName first.example
    </VirtualHost>
"""

FILES = {
    "htdocs/page.txt": "static",
    "cases.py": CASES + r'''
def by_query(req):
    req.write(repr(globals()[req.args.partition("&")[0]](req)))
    return apache.OK

def facts(req):
    return [req.hostname, req.parsed_uri, req.uri, req.unparsed_uri, req.the_request]

def protocol(req):
    return [req.protocol, req.proto_num, req.hostname, req.assbackwards, req.header_only]

def client(req):
    return [req.useragent_addr == req.connection.client_addr, req.useragent_ip, type(req.useragent_addr[1]).__name__]

def pieces(req):
    uri = req.parsed_uri
    return [uri[index] for index in (apache.URI_SCHEME, apache.URI_HOSTINFO, apache.URI_USER, apache.URI_PASSWORD,
                                     apache.URI_HOSTNAME, apache.URI_PORT, apache.URI_PATH, apache.URI_QUERY,
                                     apache.URI_FRAGMENT)]

def numbers(req):
    return [req.range, req.clength, req.header_only, req.method, req.method_number]

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


def test_variables_can_be_added_twice(httpd: Httpd) -> None:
    assert ask(httpd, "/page.txt/more?twice", {"Host": "first.example"}) is True


def test_variables_in_a_location_have_no_file(httpd: Httpd) -> None:
    env = case(httpd, "cgi")
    assert env["SCRIPT_NAME"] == "/case/cgi" and not env.get("SCRIPT_FILENAME")
