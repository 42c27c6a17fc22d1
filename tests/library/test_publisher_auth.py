"""mod_python.publisher: __auth__, __access__ and __auth_realm__ (spec: library, 4.3; security history)."""

from __future__ import annotations

import base64
import random

import pytest
from client import Response
from httpd import Httpd

MODULES = ("authn_file", "auth_basic")

CONF = """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler mod_python.publisher
    </Directory>
    <Directory "${htdocs}/http">
        AuthType Basic
        AuthName http
        PythonAuthenHandler authen
        Require valid-user
    </Directory>
"""

FILES = {
    "authen.py": "def authenhandler(req):\n    req.get_basic_auth_pw()\n    req.user = 'from httpd'\n    return 0\n",
    "elsewhere.py": """
USERS = ["u"]
def imported(req):
    __access__ = ["u"]
    return "imported"
def marked(function):
    def wrapper(req):
        return function(req)
    return wrapper
""",
    "htdocs/module.py": """
__auth_realm__ = "the module"
def __auth__(req, user, password):
    return (user, password) == ("u", "p")
def __access__(req, user):
    return user == "u"
def index(req):
    return "%s %s" % (req.user, req.ap_auth_type)
class Shop:
    __auth_realm__ = "the shop"
    __access__ = ("boss",)
    inner = "inner"
shop = Shop()
""",
    "htdocs/counted.py": """
calls = []
def __auth__(req, user, password):
    calls.append(user)
    return True
def index():
    return str(len(calls))
""",
    "htdocs/a_dict.py": "__auth__ = {'u': 'p', 'b': b'p', '\\xe4': '\\u20ac', 'n': None}\n"
                        "def index(req):\n    return req.user\n",
    "htdocs/nobody.py": "__auth__ = 0\ndef index():\n    return 'in'\n",
    "htdocs/anybody.py": "__auth__ = 1\ndef index(req):\n    return req.user\n",
    "htdocs/no_access.py": "__access__ = 0\ndef index():\n    return 'in'\n",
    "htdocs/access_list.py": "__access__ = ['u']\ndef index():\n    return 'in'\n",
    "htdocs/access_function.py": "def __access__(req, user):\n    return user is None\ndef index():\n    return 'in'\n",
    "htdocs/quoted.py": "__auth_realm__ = 'a \"b\" \\\\ c\\r\\nX: y'\n__auth__ = 1\ndef index():\n    return 'in'\n",
    "htdocs/text.py": "__auth__ = 'secret'\ndef index():\n    return 'in'\n",
    "htdocs/access_text.py": "__access__ = 'u'\ndef index():\n    return 'in'\n",
    "htdocs/realm_number.py": "__auth_realm__ = 5\n__auth__ = 1\ndef index():\n    return 'in'\n",
    "htdocs/a_class.py": """
class Page:
    def __auth__(self, req, user, password):
        return password == self.password
    password = "p"
    def method(self):
        __access__ = ["u"]
        return "method"
    def __call__(self):
        __access__ = ["u"]
        return "called"
    free = "free"
page = Page()
""",
    "htdocs/awaits.py": """
async def __auth__(req, user, password):
    return password == "p"
async def __access__(req, user):
    return user == "u"
def index():
    return "in"
""",
    "htdocs/free.py": "def index(req):\n    return repr(req.user)\n",
    "htdocs/http/page.py": "__access__ = ['from httpd']\ndef index(req):\n    return repr(req.user)\n",
    "htdocs/http/other.py": "__access__ = ['other']\ndef index(req):\n    return repr(req.user)\n",
    "htdocs/nested.py": r'''
import functools
import random
from elsewhere import USERS, imported, marked

SECRET = "p"

def function(req):
    __auth_realm__ = "nested"
    def __auth__(req, user, password, right="p"):
        return password == right == SECRET
    __access__ = ["u", "v"]
    return "function"

def only_access(req):
    __access__ = ["u"]
    return "only access"

def no_user():
    __auth__ = 0
    return "in"

def any_user():
    __auth__ = True
    return "in"

def nobody():
    __access__ = False
    return "in"

def everybody():
    __access__ = True
    return "in"

def by_dict():
    __auth__ = {"u": "p"}
    return "in"

def by_tuple_of_one():
    __access__ = ("u",)
    return "in"

def by_lambda():
    __auth__ = lambda req, user, password: password == SECRET
    return "in"

def two_names():
    __auth__ = other = {"u": "p"}
    return "in"

def annotated():
    __access__: list = ["u"]
    return "in"

def access_function(req):
    def __access__(req, user):
        return user == "u"
    return "in"

async def asynchronous(req):
    async def __auth__(req, user, password):
        return password == SECRET
    __access__ = ["u"]
    return "in"

def big_list():
    """With a text before it, and more constants than one."""
    numbers = [1, 2, 3, "u"]
    __access__ = ["a", "b", "c", "d", "u"]
    return "in"

class Shop:
    def method(self, req):
        def __auth__(req, user, password):
            return password == SECRET
        __access__ = ["u"]
        return "in"
    @classmethod
    def of_class(cls):
        __access__ = ["u"]
        return "in"
    @staticmethod
    def static():
        __access__ = ["u"]
        return "in"
    def __call__(self):
        __access__ = ["u"]
        return "in"
    free = "free"
shop = Shop()

def doubled(function):
    @functools.wraps(function)
    def inner(req):
        return function(req)
    return inner

@doubled
def decorated(req):
    __access__ = ["u"]
    return "in"

@marked
def unmarked(req):
    __access__ = ["u"]
    return "in"

@functools.lru_cache
def cached():
    __access__ = ["u"]
    return "in"

part = functools.partial(only_access)

def returned(req):
    def inner(req):
        __access__ = ["u"]
        return "in"
    return inner

def attribute(req):
    return "in"
attribute.__access__ = ["u"]

# What can't be told: nobody is let in.

def computed():
    __access__ = USERS + ["u"]
    return "in"

def by_name():
    __access__ = USERS
    return "in"

def conditional():
    if random.random() >= 0:
        __access__ = ["u"]
    return "in"

def twice():
    __access__ = ["u"]
    __access__ = ["u", "v"]
    return "in"

def unpacked():
    __access__, other = ["u"], 1
    return "in"

def parameter(__access__="u"):
    return "in"

def imported_name():
    from elsewhere import USERS as __access__
    return "in"

def looped():
    for __access__ in (["u"],):
        pass
    return "in"

def walrus():
    print(__access__ := ["u"])
    return "in"

def caught():
    try:
        1 / 0
    except ZeroDivisionError as __access__:
        pass
    return "in"

def matched(req):
    match ["u"]:
        case __access__:
            pass
    return "in"

def global_name():
    global __access__
    if 0:
        __access__ = ["u"]
    return "in"

def a_class():
    class __access__:
        pass
    return "in"

def augmented():
    __access__ = ["u"]
    __access__ += ["v"]
    return "in"

def closure(req):
    right = "u"
    def __access__(req, user):
        return user == right
    return "in"

def decorated_access(req):
    @functools.lru_cache
    def __access__(req, user):
        return user == "u"
    return "in"

def computed_default(req):
    def __access__(req, user, users=USERS):
        return user in users
    return "in"

def a_text():
    __access__ = "u"
    return "in"

def computed_auth():
    __auth__ = dict(u="p")
    return "in"

exec("def without_source():\n    __access__ = ['u']\n    return 'in'")

def computed_realm():
    __auth_realm__ = "x" + str(1)
    __auth__ = {"u": "p"}
    return "in"

def by_hand(req):
    from mod_python import apache, publisher
    try:
        return repr(publisher.process_auth(req, function))
    except apache.SERVER_RETURN as error:
        return repr(error.args)

def mentions(req):
    return repr((getattr(req, "__access__", 1), "__auth__"))

class Holder:
    __access__ = True
holder = Holder()
def reads_attribute():
    return repr(holder.__access__)
''',
}


def ask(httpd: Httpd, path: str, credentials: str | bytes | None = None, scheme: str = "Basic") -> Response:
    headers = {}
    if credentials is not None:
        data = credentials if isinstance(credentials, bytes) else credentials.encode()
        headers["Authorization"] = f"{scheme} {base64.b64encode(data).decode()}"
    return httpd.get(path, headers)


def status(httpd: Httpd, path: str, credentials: str | bytes | None = None, scheme: str = "Basic") -> int:
    return ask(httpd, path, credentials, scheme).status


def test_no_and_wrong_credentials_are_401_in_one_form(httpd: Httpd) -> None:
    for credentials in (None, "u:wrong", "wrong:p", "u:", ":p", ":"):
        r = ask(httpd, "/module.py", credentials)
        assert (r.status, r.headers.get_all("WWW-Authenticate")) == (401, ['Basic realm="the module"'])
    assert ask(httpd, "/nobody.py").headers["WWW-Authenticate"] == 'Basic realm="unknown"'


def test_right_credentials_are_let_in_and_set_the_user(httpd: Httpd) -> None:
    assert ask(httpd, "/module.py", "u:p").text == "u Basic"


def test_the_realm_is_inherited_and_replaced_on_the_way(httpd: Httpd) -> None:
    assert ask(httpd, "/module.py/missing").headers["WWW-Authenticate"] == 'Basic realm="the module"'
    assert status(httpd, "/module.py/shop", "u:p") == status(httpd, "/module.py/shop/inner", "u:p") == 403
    assert status(httpd, "/module.py/missing", "u:p") == 404


def test_each_check_is_asked_once(httpd: Httpd) -> None:
    assert [ask(httpd, "/counted.py", "u:p").text for _ in range(2)] == ["1", "2"]


def test_a_realm_with_quotes_is_escaped(httpd: Httpd) -> None:
    r = ask(httpd, "/quoted.py")
    assert (r.headers["WWW-Authenticate"], r.headers["X"]) == (r'Basic realm="a \"b\" \\ c  X: y"', None)


def test_a_dictionary_of_passwords(httpd: Httpd) -> None:
    assert [ask(httpd, "/a_dict.py", credentials).text for credentials in ("u:p", "b:p", "ä:€")] == ["u", "b", "ä"]
    assert {status(httpd, "/a_dict.py", credentials)
            for credentials in (None, "u:q", "b:q", "x:p", "n:None", "n:", "u:p ", "ä:p")} == {401}


def test_constants(httpd: Httpd) -> None:
    assert (status(httpd, "/nobody.py"), status(httpd, "/nobody.py", "u:p")) == (401, 401)
    assert (status(httpd, "/anybody.py"), status(httpd, "/anybody.py", "u:p")) == (401, 200)
    assert (status(httpd, "/no_access.py"), status(httpd, "/no_access.py", "u:p")) == (403, 403)


def test_access_without_authentication(httpd: Httpd) -> None:
    assert (status(httpd, "/access_list.py"), status(httpd, "/access_list.py", "u:any")) == (403, 200)
    assert status(httpd, "/access_list.py", "v:any") == 403
    assert (status(httpd, "/access_function.py"), status(httpd, "/access_function.py", "u:any")) == (200, 403)


def test_a_user_whom_httpd_knows_counts_for_access(httpd: Httpd) -> None:
    assert ask(httpd, "/http/page.py").text == "'from httpd'"
    assert status(httpd, "/http/other.py") == 403


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic dQ==", "Basic dTp", "Basic \xe4"])
def test_an_undecodable_header_is_400_where_it_matters(httpd: Httpd, header: str) -> None:
    for path, expected in (("/module.py", 400), ("/access_list.py", 400), ("/free.py", 200)):
        with httpd.raw() as client:
            assert client.send_request("GET", path, {"Authorization": header}).response().status == expected


def test_no_header_is_an_error_or_a_way_in(httpd: Httpd) -> None:
    chance = random.Random(1)
    for _ in range(200):
        pair = bytes(chance.randrange(256) for _ in range(chance.randrange(12)))
        text = base64.b64encode(pair).decode() if chance.random() < 0.6 else pair.decode("latin-1")
        header = chance.choice(["Basic ", "basic", "Basic  ", "Digest ", ""]) + text
        header = "".join(char for char in header if char >= " " and char != "\x7f")
        with httpd.raw() as client:
            r = client.send_request("GET", "/module.py", {"Authorization": header}).response()
        assert r.status in (400, 401), header


def test_other_schemes_than_basic_are_no_credentials(httpd: Httpd) -> None:
    for scheme in ("Bearer", "Digest", "Basicx", "xBasic"):
        assert status(httpd, "/module.py", "u:p", scheme) == 401
        assert status(httpd, "/access_list.py", "u:p", scheme) == 403
    assert status(httpd, "/module.py", "u:p", "bAsIc") == status(httpd, "/module.py", "u:p", "basic ") == 200


def test_modpython_47_a_digest_header_on_a_free_page_is_ignored(httpd: Httpd) -> None:
    r = httpd.get("/free.py", {"Authorization": 'Digest username="u", realm="r", nonce="n", uri="/", response="x"'})
    assert (r.status, r.text) == (200, "None")


def test_credentials_are_utf8_else_latin1(httpd: Httpd) -> None:
    assert ask(httpd, "/anybody.py", "ä:p").text == ask(httpd, "/anybody.py", b"\xe4:p").text == "ä"


def test_a_text_lets_nobody_in_and_is_logged(httpd: Httpd) -> None:
    assert (status(httpd, "/text.py", "u:secret"), status(httpd, "/access_text.py", "u:p")) == (401, 403)
    httpd.claim("MP0112: publisher: __auth__ of .* can't be used, so nobody is let in: str is no type for it")
    httpd.claim("MP0112: publisher: __access__ of .* can't be used, so nobody is let in: str is no type for it")
    assert status(httpd, "/realm_number.py", "u:secret") == 200
    httpd.claim("MP0112: publisher: __auth_realm__ of .* can't be used, so the realm stays 'unknown'")


def test_methods_of_objects_check(httpd: Httpd) -> None:
    assert [status(httpd, "/a_class.py/page", credentials) for credentials in (None, "u:x", "v:p", "u:p")] == [
        401, 401, 403, 200]
    assert [status(httpd, "/a_class.py/page/free", credentials) for credentials in (None, "v:p")] == [401, 200]
    assert [status(httpd, "/a_class.py/page/method", credentials) for credentials in (None, "v:p", "u:p")] == [
        401, 403, 200]


def test_coroutines_that_check_are_awaited(httpd: Httpd) -> None:
    assert [status(httpd, "/awaits.py", credentials) for credentials in (None, "u:x", "v:p", "u:p")] == [
        401, 401, 403, 200]


def test_modpython_27_43_198_nested_checks_see_the_globals_of_the_page(httpd: Httpd) -> None:
    r = ask(httpd, "/nested.py/function")
    assert (r.status, r.headers["WWW-Authenticate"]) == (401, 'Basic realm="nested"')
    assert [status(httpd, "/nested.py/function", credentials) for credentials in ("u:x", "w:p", "u:p", "v:p")] == [
        401, 403, 200, 200]


@pytest.mark.parametrize("name", [
    "only_access", "by_tuple_of_one", "annotated", "access_function", "big_list", "shop", "shop/of_class",
    "shop/static",
    "decorated", "unmarked", "cached", "part", "imported", "returned", "attribute"])
def test_nested_access_is_enforced(httpd: Httpd, name: str) -> None:
    assert [status(httpd, "/nested.py/" + name, credentials) for credentials in (None, "v:p", "u:p")] == [403, 403, 200]


@pytest.mark.parametrize("name", ["by_dict", "by_lambda", "two_names", "shop/method", "asynchronous"])
def test_nested_authentication_is_enforced(httpd: Httpd, name: str) -> None:
    assert [status(httpd, "/nested.py/" + name, credentials) for credentials in (None, "u:x", "u:p")] == [401, 401, 200]


def test_nested_constants(httpd: Httpd) -> None:
    found = {name: [status(httpd, "/nested.py/" + name, credentials) for credentials in (None, "u:p")]
             for name in ("no_user", "any_user", "nobody", "everybody", "shop/free")}
    assert found == {"no_user": [401, 401], "any_user": [401, 200], "nobody": [403, 403], "everybody": [200, 200],
                     "shop/free": [200, 200]}


@pytest.mark.parametrize("name", [
    "computed", "by_name", "conditional", "twice", "unpacked", "parameter", "imported_name", "looped", "walrus",
    "caught",
    "matched", "global_name", "a_class", "augmented", "closure", "decorated_access", "computed_default", "a_text",
    "without_source"])
def test_nested_access_that_cannot_be_told_denies_and_is_logged(httpd: Httpd, name: str) -> None:
    assert [status(httpd, "/nested.py/" + name, credentials) for credentials in (None, "u:p")] == [403, 403]
    for _ in range(2):
        httpd.claim(f"MP0112: publisher: __access__ of {name} can't be used, so nobody is let in: ")


def test_nested_authentication_that_cannot_be_told_denies_and_is_logged(httpd: Httpd) -> None:
    assert [status(httpd, "/nested.py/computed_auth", credentials) for credentials in (None, "u:p")] == [401, 401]
    httpd.claim("MP0112: publisher: __auth__ of computed_auth can't be used, so nobody is let in: ")
    r = ask(httpd, "/nested.py/computed_realm", "u:x")
    assert (r.status, r.headers["WWW-Authenticate"]) == (401, 'Basic realm="unknown"')
    httpd.claim("MP0112: publisher: __auth_realm__ of computed_realm can't be used, so the realm stays 'unknown'")


def test_a_page_may_check_by_itself(httpd: Httpd) -> None:
    assert [ask(httpd, "/nested.py/by_hand", credentials).text for credentials in (None, "u:x", "w:p", "u:p")] == [
        "(401,)", "(401,)", "(403,)", "('nested', 'u', 'p')"]


def test_names_that_are_only_mentioned_are_no_checks(httpd: Httpd) -> None:
    assert (status(httpd, "/nested.py/mentions"), ask(httpd, "/nested.py/reads_attribute").text) == (200, "True")
