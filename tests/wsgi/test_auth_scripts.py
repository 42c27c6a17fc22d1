"""WSGIAuthUserScript behind AuthBasicProvider and AuthDigestProvider; WSGIAuthGroupScript behind Require wsgi-group."""

from __future__ import annotations

import ast
import base64
import hashlib
import re

import pytest
from httpd import Httpd, at_once
from wsgi_site import APP, wsgi_conf

MPMS = ("event", "prefork")
MODULES = ("env", "auth_basic", "auth_digest", "authn_file", "authz_groupfile", "rewrite")


def basic(path: str, script: str = "users", more: str = "Require valid-user", providers: str = "wsgi") -> str:
    return f"""
    <Location {path}>
        AuthType Basic
        AuthName shop
        AuthBasicProvider {providers}
        AuthUserFile ${{root}}/users
        {f"WSGIAuthUserScript ${{root}}/{script}.wsgi" if script else ""}
        {more}
    </Location>
    """


CONF = (
    wsgi_conf() + "SetEnv SECRET secret\n"
    + basic("/basic") + basic("/app.wsgi") + basic("/list", providers="wsgi file")
    + basic("/list-file-first", providers="file wsgi")
    + basic("/no-script", script="") + basic("/missing", "missing") + basic("/empty", "empty")
    + basic("/syntax", "syntax") + basic("/grouped", more="Require wsgi-group staff admins")
    + basic("/group-names", more='Require wsgi-group "two words" \'single\'')
    + basic("/group-expression", more="Require wsgi-group %{HTTP:X-Group}")
    + basic("/group-any", more="<RequireAny>\nRequire wsgi-group nobody\nRequire user anna\n</RequireAny>")
    + basic("/group-not", more="<RequireAll>\nRequire valid-user\nRequire not wsgi-group staff\n</RequireAll>")
    + basic("/group-forbidden", more="Require wsgi-group nobody\nAuthzSendForbiddenOnFailure On")
    + basic("/group-no-script", more="Require wsgi-group staff")
    + basic("/group-missing", more="Require wsgi-group staff")
    + basic("/other", script="", more="WSGIAuthUserScript ${root}/users.wsgi application-group=doors\n"
                                      "Require valid-user")
    + """
    <LocationMatch "^/(grouped|group-(?!no-script|missing))">
        WSGIAuthGroupScript ${root}/groups.wsgi
    </LocationMatch>
    <Location /group-missing>
        WSGIAuthGroupScript ${root}/missing.wsgi
    </Location>
    <Location /group-anonymous>
        WSGIAuthGroupScript ${root}/groups.wsgi
        Require wsgi-group staff
    </Location>
    <Location /digest>
        AuthType Digest
        AuthName shop
        AuthDigestDomain /digest
        AuthDigestProvider wsgi
        WSGIAuthUserScript ${root}/users.wsgi
        Require valid-user
    </Location>
    """)

PAGES = ("basic", "list", "list-file-first", "no-script", "missing", "empty", "syntax", "grouped", "group-names",
         "group-expression", "group-any", "group-not", "group-forbidden", "group-no-script", "group-missing",
         "group-anonymous", "digest", "other")

FILES = {
    "users": "filip:{SHA}" + base64.b64encode(hashlib.sha1(b"file").digest()).decode() + "\n",
    "users.wsgi": r"""
import hashlib, os, sys

def note(*values):
    with open(os.path.join(os.path.dirname(__file__), "noted.txt"), "w") as stream:
        print(ascii(values), file=stream)

def check_password(environ, user, password):
    note(sorted(environ), user, password, environ["mod_wsgi.application_group"])
    if user == "anna":
        return password == "secret"
    if user == "mapped":
        return "m\u00e4rta \u20ac"
    if user == "grouped":
        return password
    results = {"empty": "", "bytes": b"anna", "one": 1, "zero": 0, "nul": "a\0b", "surrogate": "\udc80", "tuple": ()}
    if user in results:
        return results[user]
    if user == "raise":
        raise LookupError("no database")
    if user == "exit":
        sys.exit(0)
    return None

def get_realm_hash(environ, user, realm):
    note(sorted(environ), user, realm)
    value = hashlib.md5(f"{user}:{realm}:secret".encode("latin-1")).hexdigest()
    if user == "anna":
        return value
    if user == "bytes":
        return value.encode()
    if user == "upper":
        return value.upper()
    if user == "raise":
        raise LookupError("no database")
    return {"empty": "", "short": value[1:], "long": value + "0", "one": 1, "true": True, "no-hex": "x" * 32,
            "wide": "\u20ac" * 32, "nul": "\0" * 32}.get(user)
""",
    "groups.wsgi": r"""
def groups_for_user(environ, user):
    assert "wsgi.input" not in environ and "HTTP_AUTHORIZATION" not in environ and "SECRET" not in environ
    if user == "raise":
        raise LookupError("no groups")
    def late():
        yield "staff"
        raise LookupError("no more")
    return {"list": ["other", "staff"], "bytes": [b"admins"], "set": {"admins"}, "generator": (g for g in ["staff"]),
            "none": None, "text": "staff", "bare": b"staff", "numbers": [1, "staff"], "empty": [], "late": late(),
            "wide": ["\u20ac", "staff"], "words": ["two words"], "single": ["single"], "two": ["two"],
            "secret": ["secret"], "anna": [], "nul": ["staff\0"], "case": ["Staff"], "part": ["sta", "staffer"],
            "number": 5, "dict": {"staff": 1}}[user]
""",
    "empty.wsgi": "", "syntax.wsgi": "def check_password(environ, user, password)\n    return True\n",
    **{f"htdocs/{name}": "page" for name in PAGES},
    "htdocs/app.wsgi": APP + r'''
def raw_user(environ, start_response):
    return answer(start_response, (environ.get("REMOTE_USER"), environ.get("AUTH_TYPE"),
                                   environ.get("HTTP_AUTHORIZATION")))
''',
}


def authorization(user: str | bytes, password: str | bytes = "x") -> dict[str, str]:
    pair = b":".join(text if isinstance(text, bytes) else text.encode() for text in (user, password))
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def status(httpd: Httpd, path: str, user: str | bytes, password: str | bytes = "x") -> int:
    r = httpd.get(path, authorization(user, password))
    assert (b"page" in r.body) == (r.status == 200)
    return r.status


def noted(httpd: Httpd) -> tuple[object, ...]:
    value: tuple[object, ...] = ast.literal_eval((httpd.root / "noted.txt").read_text())
    return value


# Basic

def test_a_right_password_lets_in_and_a_wrong_one_does_not(httpd: Httpd) -> None:
    assert status(httpd, "/basic", "anna", "secret") == 200
    assert status(httpd, "/basic", "anna", "wrong") == 401
    httpd.claim("AH01617")
    r = httpd.get("/basic")
    assert r.status == 401 and r.headers["WWW-Authenticate"] == 'Basic realm="shop"'


def test_the_function_gets_text_and_a_plain_environ(httpd: Httpd) -> None:
    status(httpd, "/basic", b"\xff\xfe user \xe4", "p\u00e4ss:word")
    httpd.claim("AH01618")
    names, user, password, group = noted(httpd)
    assert isinstance(names, list)
    assert (user, password, group) == ("\xff\xfe user \xe4", "p\u00e4ss:word".encode().decode("latin-1"), "")
    assert {"HTTP_AUTHORIZATION", "SECRET", "wsgi.input", "REMOTE_USER", "AUTH_TYPE"} & set(names) == set()
    assert {"wsgi.errors", "REQUEST_METHOD", "mod_ssl.is_https"} <= set(names)


def test_bytes_that_are_no_text_leak_and_crash_nothing(httpd: Httpd) -> None:
    assert set(at_once(8, lambda n: status(httpd, "/basic", bytes(range(128, 256)) * 4, bytes([n + 128])))) == {401}
    for _ in range(8):
        httpd.claim("AH01618")
    pids = httpd.child_pids()
    assert status(httpd, "/basic", "anna", "secret") == 200 and pids <= httpd.child_pids()


def test_the_application_sees_the_user_and_not_the_password(httpd: Httpd) -> None:
    r = httpd.get("/app.wsgi/raw_user", authorization("anna", "secret"))
    assert ast.literal_eval(r.text) == ("anna", "Basic", None)
    r = httpd.get("/app.wsgi/raw_user", authorization("mapped"))
    assert ast.literal_eval(r.text) == ("m\u00e4rta \u20ac".encode().decode("latin-1"), "Basic", None)


def test_none_is_an_unknown_user_whom_the_next_provider_may_know(httpd: Httpd) -> None:
    assert status(httpd, "/list", "filip", "file") == 200
    assert status(httpd, "/list", "anna", "secret") == 200
    assert status(httpd, "/list", "anna", "file") == 401
    httpd.claim("AH01617")
    assert status(httpd, "/list", "stranger") == 401
    httpd.claim("AH01618")
    assert status(httpd, "/list-file-first", "anna", "secret") == 200
    assert status(httpd, "/basic", "stranger") == 401
    httpd.claim("AH01618")


@pytest.mark.parametrize(("user", "why"), [
    ("empty", "ValueError: check_password() returned an empty user name"),
    ("bytes", "TypeError: check_password() must return True, False, None or the user's name, not bytes"),
    ("one", "not int"), ("zero", "not int"), ("tuple", "not tuple"),
    ("nul", "ValueError: the result has a NUL character"), ("surrogate", "UnicodeEncodeError"),
    ("raise", "LookupError: no database"), ("exit", "SystemExit: 0"),
])
def test_a_password_check_that_fails_lets_nobody_in(httpd: Httpd, user: str, why: str) -> None:
    for path in ("/basic", "/list"):
        assert status(httpd, path, user) == 500
        httpd.claim_failure(f"asking WSGIAuthUserScript '{httpd.root}/users.wsgi'", why, "main_interpreter")


@pytest.mark.parametrize(("path", "doing", "why"), [
    ("missing", "loading", "FileNotFoundError"),
    ("empty", "asking", "AttributeError: the script does not define check_password()"),
    ("syntax", "loading", "SyntaxError")])
def test_a_script_that_cannot_answer_lets_nobody_in(httpd: Httpd, path: str, doing: str, why: str) -> None:
    assert status(httpd, f"/{path}", "anna", "secret") == 500
    httpd.claim_failure(f"{doing} WSGIAuthUserScript '{httpd.root}/{path}.wsgi'", why)


def test_the_provider_needs_a_script(httpd: Httpd) -> None:
    assert status(httpd, "/no-script", "anna", "secret") == 500
    httpd.claim("MP0372: AuthBasicProvider wsgi needs WSGIAuthUserScript, and there is none for /no-script")


def test_it_runs_in_its_application_group(httpd: Httpd) -> None:
    assert status(httpd, "/other", "anna", "secret") == 200
    assert noted(httpd)[3] == "doors"


# Digest

def digest(httpd: Httpd, user: str, password: str = "secret") -> int:
    challenge = httpd.get("/digest").headers["WWW-Authenticate"]
    nonce = re.search(r'nonce="([^"]+)"', challenge)
    assert nonce and challenge.startswith("Digest ") and 'realm="shop"' in challenge

    def md5(text: str) -> str:
        return hashlib.md5(text.encode("latin-1")).hexdigest()
    answer = md5(f"{md5(f'{user}:shop:{password}')}:{nonce[1]}:00000001:abc:auth:{md5('GET:/digest')}")
    header = (f'Digest username="{user}", realm="shop", nonce="{nonce[1]}", uri="/digest", algorithm=MD5, qop=auth,'
              f' nc=00000001, cnonce="abc", response="{answer}"')
    return httpd.get("/digest", {"Authorization": header}).status


@pytest.mark.parametrize("user", ["anna", "bytes", "upper"])
def test_a_digest_is_checked_with_the_hash(httpd: Httpd, user: str) -> None:
    assert digest(httpd, user) == 200
    names, *rest = noted(httpd)
    assert isinstance(names, list) and rest == [user, "shop"] and "HTTP_AUTHORIZATION" not in names
    assert digest(httpd, user, "wrong") == 401
    httpd.claim("AH01794")


def test_none_is_an_unknown_user_of_digest(httpd: Httpd) -> None:
    assert digest(httpd, "stranger") == 401
    httpd.claim("AH01790")


@pytest.mark.parametrize(("user", "why"), [
    ("raise", "LookupError: no database"), ("one", "must return str, bytes or None, not int"),
    ("true", "must return str, bytes or None, not bool"), ("wide", "UnicodeEncodeError"),
    ("nul", "ValueError: the result has a NUL character"),
    *[(user, "ValueError: get_realm_hash() must return the 32 hexadecimal digits of the MD5 of user:realm:password")
      for user in ("empty", "short", "long", "no-hex")]])
def test_a_hash_that_fails_lets_nobody_in(httpd: Httpd, user: str, why: str) -> None:
    assert digest(httpd, user) == 500
    httpd.claim_failure(f"asking WSGIAuthUserScript '{httpd.root}/users.wsgi'", why)


# Groups

def in_group(httpd: Httpd, path: str, user: str) -> int:
    """The password check lets the name that stands for a password be the user: groups see the mapped one."""
    return status(httpd, path, "grouped", user)


@pytest.mark.parametrize("user", ["list", "bytes", "set", "generator", "dict"])
def test_a_member_of_one_of_the_groups_gets_in(httpd: Httpd, user: str) -> None:
    assert in_group(httpd, "/grouped", user) == 200


@pytest.mark.parametrize("user", ["empty", "case", "part"])
def test_others_do_not(httpd: Httpd, user: str) -> None:
    assert in_group(httpd, "/grouped", user) == 401
    httpd.claim("AH01631")


@pytest.mark.parametrize(("user", "why"), [
    ("none", "TypeError"), ("text", "groups_for_user() must return a list of names, not str"),
    ("bare", "groups_for_user() must return a list of names, not bytes"), ("numbers", "TypeError"),
    ("number", "TypeError"), ("late", "LookupError: no more"), ("wide", "UnicodeEncodeError"),
    ("raise", "LookupError: no groups"), ("nul", "ValueError: the result has a NUL character"),
    ("unheard-of", "KeyError")])
def test_groups_that_fail_let_nobody_in(httpd: Httpd, user: str, why: str) -> None:
    assert in_group(httpd, "/grouped", user) == 401
    httpd.claim_failure(f"asking WSGIAuthGroupScript '{httpd.root}/groups.wsgi'", why)
    httpd.claim("AH01631")


def test_names_of_groups_may_be_quoted_or_expressions(httpd: Httpd) -> None:
    assert in_group(httpd, "/group-names", "words") == 200
    assert in_group(httpd, "/group-names", "single") == 200
    assert in_group(httpd, "/group-names", "two") == 401
    httpd.claim("AH01631")
    for group, expected in (("secret", 200), ("other secret", 200), ("secrets", 401), ("", 401)):
        r = httpd.get("/group-expression", {**authorization("grouped", "secret"), "X-Group": group})
        assert r.status == expected
        if expected == 401:
            httpd.claim("AH01631")


def test_groups_combine_with_other_requirements(httpd: Httpd) -> None:
    assert status(httpd, "/group-any", "anna", "secret") == 200
    assert in_group(httpd, "/group-not", "empty") == 200
    assert in_group(httpd, "/group-not", "list") == 401
    httpd.claim("AH01631")
    assert in_group(httpd, "/group-forbidden", "list") == 403
    httpd.claim("AH01631")


def test_groups_need_a_script_and_a_user(httpd: Httpd) -> None:
    assert in_group(httpd, "/group-no-script", "list") == 401
    httpd.claim("MP0372: Require wsgi-group needs WSGIAuthGroupScript, and there is none for /group-no-script")
    httpd.claim("AH01631")
    assert in_group(httpd, "/group-missing", "list") == 401
    httpd.claim_failure(f"loading WSGIAuthGroupScript '{httpd.root}/missing.wsgi'", "FileNotFoundError")
    httpd.claim("AH01631")
    r = httpd.get("/group-anonymous")
    assert r.status in (401, 403, 500) and b"page" not in r.body
    httpd.claim("AH00027")


def test_wrong_requirements_stop_the_start(httpd: Httpd) -> None:
    code, text = httpd.configtest("<Location />\nRequire wsgi-group\n</Location>\n")
    assert code != 0 and "wsgi-group: the names of groups are missing; write Require wsgi-group NAME ..." in text
    code, text = httpd.configtest("<Location />\nRequire wsgi-group %{broken\n</Location>\n")
    assert code != 0 and "Require wsgi-group" in text
