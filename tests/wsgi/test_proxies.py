"""What trusted proxies say about the client (spec: WSGI behaviour 7)."""

from __future__ import annotations

import pytest
from httpd import Httpd
from wsgi_facts import SCRIPT, ask

ALL = ("X-Forwarded-For X-Client-IP X-Real-IP X-Forwarded-Host X-Host X-Forwarded-Server X-Forwarded-Port "
       "X-Script-Name X-Forwarded-Script-Name X-Forwarded-Proto X-Forwarded-Scheme X-Scheme X-Forwarded-HTTPS "
       "X-Forwarded-SSL X-HTTPS").split()
FILES = {"site/app.wsgi": SCRIPT}
CONF = """
<Directory "${root}/site">
    Require all granted
</Directory>
WSGIScriptAlias / "${root}/site/app.wsgi"
<Location /for>
    WSGITrustedProxyHeaders X-Forwarded-For
    WSGITrustedProxies 127.0.0.1 10.0.0.0/8 2001:db8::/32
</Location>
<Location /anybody>
    WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Proto
</Location>
<Location /order>
    WSGITrustedProxyHeaders X-Real-IP X-Client-IP Nonsense
    WSGITrustedProxyHeaders x-forwarded-for
    WSGITrustedProxies 127.0.0.0/8
</Location>
<Location /rest>
    WSGITrustedProxyHeaders X-Forwarded-Host X-Forwarded-Server X-Forwarded-Port X-Script-Name
    WSGITrustedProxies 127.0.0.1
</Location>
<Location /strangers>
    WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Host X-Forwarded-Server X-Forwarded-Port X-Script-Name
    WSGITrustedProxyHeaders X-Forwarded-Proto
    WSGITrustedProxies 10.0.0.0/8 ::1
</Location>
<Location /strangers/one>
    WSGITrustedProxyHeaders X-Forwarded-For
</Location>
<Location /strangers/none>
    WSGITrustedProxies 127.0.0.1
</Location>
"""


def variable(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


def schemes() -> str:
    names = ALL[9:]
    return "\n".join(f"<Location /scheme/{name}>\nWSGITrustedProxyHeaders {name}\nWSGITrustedProxies 127.0.0.1\n"
                     "</Location>" for name in names)


CONF += schemes()


@pytest.mark.parametrize(("sent", "client", "left"), [
    ("1.1.1.1", "1.1.1.1", "1.1.1.1"),
    ("1.1.1.1, 10.0.0.1", "1.1.1.1", "1.1.1.1, 10.0.0.1"),
    ("1.1.1.1, 2.2.2.2, 10.0.0.1", "2.2.2.2", "2.2.2.2, 10.0.0.1"),
    ("10.0.0.2, 10.0.0.1", "10.0.0.2", "10.0.0.2, 10.0.0.1"),
    (" , 1.1.1.1,", "1.1.1.1", "1.1.1.1"),
    ("1.1.1.1,2.2.2.2,,10.0.0.1 , 10.0.0.2", "2.2.2.2", "2.2.2.2, 10.0.0.1, 10.0.0.2"),
    ("2001:db8::1, 2001:db9::1, 2001:db8::2", "2001:db9::1", "2001:db9::1, 2001:db8::2"),
    ("", "127.0.0.1", ""),
    (" , ,", "127.0.0.1", " , ,"),
])
def test_the_client_is_the_last_address_that_is_no_proxy(httpd: Httpd, sent: str, client: str, left: str) -> None:
    """SEC-14: empty items do not count."""
    found = ask(httpd, "/for", {"X-Forwarded-For": sent})
    assert (found["REMOTE_ADDR"], found["HTTP_X_FORWARDED_FOR"].strip()) == (client, left.strip())


@pytest.mark.parametrize(("sent", "client", "left"), [
    ("1.1.1.1, bogus, 10.0.0.1", "10.0.0.1", "10.0.0.1"),
    ("1.1.1.1, bogus", "127.0.0.1", None),
    ("bogus", "127.0.0.1", None),
    ("1.1.1.1, 10.0.0.1:80", "127.0.0.1", None),
    ("1.1.1.1, localhost, 10.0.0.1", "10.0.0.1", "10.0.0.1"),
    ("1.1.1.1, 10, 10.0.0.1", "10.0.0.1", "10.0.0.1"),
    ("<script>, 10.0.0.1, 10.0.0.2", "10.0.0.1", "10.0.0.1, 10.0.0.2"),
])
def test_what_is_no_address_is_never_the_client(httpd: Httpd, sent: str, client: str, left: str | None) -> None:
    """SEC-16"""
    found = ask(httpd, "/for", {"X-Forwarded-For": sent})
    assert (found["REMOTE_ADDR"], found.get("HTTP_X_FORWARDED_FOR")) == (client, left)


@pytest.mark.parametrize(("sent", "client"), [
    ("1.1.1.1, 2.2.2.2", "1.1.1.1"), (" ,1.1.1.1", "1.1.1.1"), ("bogus, 1.1.1.1", "127.0.0.1"), ("", "127.0.0.1"),
])
def test_without_a_list_of_proxies_the_first_address_counts(httpd: Httpd, sent: str, client: str) -> None:
    found = ask(httpd, "/anybody", {"X-Forwarded-For": sent})
    assert (found["REMOTE_ADDR"], found["HTTP_X_FORWARDED_FOR"]) == (client, sent.strip())


def test_the_last_listed_header_that_comes_is_taken_and_its_siblings_go(httpd: Httpd) -> None:
    headers = {"X-Real-IP": "1.1.1.1", "X-Client-IP": "2.2.2.2"}
    found = ask(httpd, "/order", headers)
    assert (found["REMOTE_ADDR"], found["HTTP_X_CLIENT_IP"]) == ("2.2.2.2", "2.2.2.2")
    assert "HTTP_X_REAL_IP" not in found
    found = ask(httpd, "/order", {"X-Forwarded-For": "3.3.3.3", **headers})
    assert found["REMOTE_ADDR"] == "3.3.3.3"
    assert not {"HTTP_X_REAL_IP", "HTTP_X_CLIENT_IP"} & found.keys()


def test_siblings_go_even_if_the_listed_header_does_not_come(httpd: Httpd) -> None:
    found = ask(httpd, "/for", {"X-Real-IP": "1.1.1.1"})
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    assert "HTTP_X_REAL_IP" not in found


def test_host_server_port_and_script_name(httpd: Httpd) -> None:
    found = ask(httpd, "/rest/x", {"X-Forwarded-Host": "front.example:81", "X-Forwarded-Server": "front",
                                   "X-Forwarded-Port": "8443", "X-Script-Name": "/mounted"})
    assert [found[name] for name in ("HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "SCRIPT_NAME",
                                     "mod_wsgi.mount_point")] == \
        ["front.example:81", "front", "8443", "/mounted", "/mounted"]
    assert (found["PATH_INFO"], found["mod_wsgi.script_name"]) == ("/rest/x", "")


@pytest.mark.parametrize("port", ["0", "65536", "http", "80, 443", "-1", ""])
def test_a_port_that_is_none_changes_nothing(httpd: Httpd, port: str) -> None:
    assert ask(httpd, "/rest", {"X-Forwarded-Port": port})["SERVER_PORT"] == ask(httpd, "/")["SERVER_PORT"]


@pytest.mark.parametrize("name", ALL[9:])
def test_schemes(httpd: Httpd, name: str) -> None:
    """SEC-15"""
    words = ("https", "HTTPS") if name.endswith(("Proto", "Scheme")) else ("on", "true", "1", "On")
    for word in words:
        assert ask(httpd, f"/scheme/{name}", {name: word})["wsgi.url_scheme"] == "https"
    for word in ("http", "off", "", "https, http", "0"):
        assert ask(httpd, f"/scheme/{name}", {name: word})["wsgi.url_scheme"] == "http"
    other = "1" if name.endswith(("Proto", "Scheme")) else "https"
    assert ask(httpd, f"/scheme/{name}", {name: other})["wsgi.url_scheme"] == "http"


def test_headers_that_nothing_lists_are_headers_like_others(httpd: Httpd) -> None:
    found = ask(httpd, "/", dict.fromkeys(ALL, "1.1.1.1"))
    assert all(found[variable(name)] == "1.1.1.1" for name in ALL)
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    assert found["wsgi.url_scheme"] == "http"


def test_strangers_can_say_nothing(httpd: Httpd) -> None:
    """SEC-04, SEC-13, SEC-15: every header of each category of which one is listed is gone."""
    usual = ask(httpd, "/strangers")
    found = ask(httpd, "/strangers", {**dict.fromkeys(ALL, "1"), "X-Forwarded-For": "1.1.1.1", "X-Scheme": "https",
                                      "X-Forwarded-Proto": "https"})
    assert [name for name in ALL if variable(name) in found] == []
    kept = ("REMOTE_ADDR", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "SCRIPT_NAME", "PATH_INFO", "wsgi.url_scheme")
    assert {name: found[name] for name in kept} == {name: usual[name] for name in kept}
    assert "mod_wsgi.mount_point" not in found


def test_an_inner_list_replaces_the_outer_one(httpd: Httpd) -> None:
    found = ask(httpd, "/strangers/one", {"X-Forwarded-For": "1.1.1.1", "X-Forwarded-Host": "h"})
    assert "HTTP_X_FORWARDED_FOR" not in found
    assert found["HTTP_X_FORWARDED_HOST"] == "h"
    assert ask(httpd, "/strangers/none", {"X-Forwarded-For": "1.1.1.1"})["REMOTE_ADDR"] == "1.1.1.1"


def test_underscores_pass_for_no_dashes(httpd: Httpd) -> None:
    """SEC-10"""
    found = ask(httpd, "/for", {"X_Forwarded_For": "1.1.1.1"})
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    assert "HTTP_X_FORWARDED_FOR" not in found


def test_a_header_of_many_addresses(httpd: Httpd) -> None:
    found = ask(httpd, "/for", {"X-Forwarded-For": ",".join(["1.1.1.1"] + ["10.1.1.1"] * 700)})
    assert found["REMOTE_ADDR"] == "1.1.1.1"
    assert found["HTTP_X_FORWARDED_FOR"].count(",") == 700
