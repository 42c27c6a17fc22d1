"""Python authentication and authorization under httpd 2.4's Require."""

import base64

import pytest
from httpd import Httpd

MODULES = ("auth_basic", "authn_file", "authz_owner")

CONF = """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler guards
        AuthType Basic
        AuthName "the shop"
    </Directory>
    <Directory "${htdocs}/valid">
        PythonAuthenHandler guards
        Require valid-user
    </Directory>
    <Directory "${htdocs}/user">
        PythonAuthenHandler guards
        Require user ann
    </Directory>
    <Directory "${htdocs}/authz">
        PythonAuthenHandler guards
        PythonAuthzHandler guards
        Require user nobody-has-this-name
    </Directory>
    <Directory "${htdocs}/declining">
        PythonAuthenHandler guards::decline
        AuthUserFile "${root}/users"
        Require valid-user
    </Directory>
    <Directory "${htdocs}/nameless">
        PythonAuthenHandler guards::nameless
        Require valid-user
    </Directory>
    <Directory "${htdocs}/stack">
        PythonAuthenHandler guards::decline guards
        Require valid-user
    </Directory>
    <Directory "${htdocs}/custom">
        AuthType Token
        PythonAuthenHandler guards::token
        Require valid-user
    </Directory>
    <Directory "${htdocs}/boom">
        PythonAuthenHandler guards::boom
        Require valid-user
    </Directory>
    <Directory "${htdocs}/password">
        PythonHandler guards::password
        Require all granted
    </Directory>
    <Location /located>
        SetHandler mod_python
        PythonHandler guards
        AuthType Basic
        AuthName "the shop"
        PythonAuthenHandler guards
        Require valid-user
    </Location>
"""

FILES = {
    **{f"htdocs/{place}/page.txt": "static" for place in (
        "valid", "user", "authz", "declining", "nameless", "stack", "custom", "boom", "password")},
    "users": "file:{SHA}" + base64.b64encode(__import__("hashlib").sha1(b"secret").digest()).decode() + "\n",
    "guards.py": """
from mod_python import apache

def authenhandler(req):
    password = req.get_basic_auth_pw()
    if req.user in ("ann", "bob") and password == "secret":
        return apache.OK
    return apache.HTTP_UNAUTHORIZED

def authzhandler(req):
    if req.user == "ann":
        return apache.OK
    if req.user == "bob":
        return apache.HTTP_FORBIDDEN
    return apache.DECLINED

def handler(req):
    req.write("user %s, %s, %s" % (req.user, req.auth_name(), req.auth_type()))
    return apache.OK

def decline(req):
    return apache.DECLINED

def nameless(req):
    return apache.OK

def token(req):
    if req.headers_in.get("Authorization") != "Token 42":
        return apache.HTTP_UNAUTHORIZED
    req.user = "robot"
    return apache.OK

def boom(req):
    raise LookupError("no users today")

def password(req):
    before = req.user
    password = req.get_basic_auth_pw()
    req.write("%r %r %r" % (before, password, req.user))
    return apache.OK
"""}


def login(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode("latin-1")).decode()}


@pytest.mark.parametrize("place", ["valid/page.txt", "stack/page.txt", "../located"])
def test_a_python_handler_authenticates(httpd: Httpd, place: str) -> None:
    path = "/" + place.removeprefix("../")
    assert httpd.get(path, login("ann:secret")).text == "user ann, the shop, Basic"
    for headers in ({}, login("ann:wrong"), {"Authorization": "Basic !!!"}, {"Authorization": "Bearer x"}):
        r = httpd.get(path, headers)
        assert r.status == 401 and r.headers["WWW-Authenticate"] == 'Basic realm="the shop"'


def test_the_user_is_checked_by_httpds_require(httpd: Httpd) -> None:
    assert httpd.get("/user/page.txt", login("ann:secret")).status == 200
    assert httpd.get("/user/page.txt", login("bob:secret")).status == 401
    httpd.claim(r"user bob: authorization failure")


def test_an_authz_handler_decides_instead_of_require(httpd: Httpd) -> None:
    assert httpd.get("/authz/page.txt", login("ann:secret")).text.startswith("user ann")
    assert httpd.get("/authz/page.txt", login("bob:secret")).status == 403


def test_a_declining_authen_handler_lets_httpd_look(httpd: Httpd) -> None:
    assert httpd.get("/declining/page.txt", login("file:secret")).text.startswith("user file")
    assert httpd.get("/declining/page.txt", login("file:wrong")).status == 401
    httpd.claim(r"AH01617: user file: authentication failure")


def test_ok_without_a_user_is_an_error_that_says_so(httpd: Httpd) -> None:
    assert httpd.get("/nameless/page.txt").status == 500
    httpd.claim(r"\[python:error\].*req\.user")


def test_another_auth_type_works(httpd: Httpd) -> None:
    assert httpd.get("/custom/page.txt", {"Authorization": "Token 42"}).text == "user robot, the shop, Token"
    r = httpd.get("/custom/page.txt")
    assert r.status == 401 and "WWW-Authenticate" not in r.headers


def test_an_authen_handler_that_raises_lets_nobody_in(httpd: Httpd) -> None:
    r = httpd.get("/boom/page.txt", login("ann:secret"))
    assert r.status == 500 and b"user" not in r.body
    httpd.claim_failure("PythonAuthenHandler guards::boom", "LookupError: no users today")


@pytest.mark.parametrize(("headers", "text"), [
    (login("ann:pass:word"), "None 'pass:word' 'ann'"),
    (login("\xe9ve:\xfc"), "None '\xfc' '\xe9ve'"),
    ({}, "None None None"),
    ({"Authorization": "Bearer abc"}, "None None None"),
])
def test_the_basic_password_can_be_read_anywhere(httpd: Httpd, headers: dict[str, str], text: str) -> None:
    assert httpd.get("/password/page.txt", headers).text == text
