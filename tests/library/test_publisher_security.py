"""mod_python.publisher: what clients must never reach (spec: security history; library, section 4.1)."""

from __future__ import annotations

import random

import pytest
from httpd import Httpd

CONF = """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler mod_python.publisher
    </Directory>
"""

FILES = {
    "indirect.py": "import os\nvalue = 'value'\nclass Shop:\n    pass\nshop = Shop()\nshop.inner = os\n",
    "decorations.py": """
def unmarked(function):
    def inner(*args, **kw):
        return function()
    return inner
""",
    "htdocs/page.py": r'''
import contextlib
import functools
import html
import operator
import os
import shutil
import types
import typing
import abc
from os import listdir
from os.path import join
from shutil import rmtree
from html import escape
from mod_python import apache
from mod_python.util import redirect
from mod_python.apache import import_module
import indirect
from indirect import shop
import decorations

_private = "secret"
__dunder = "secret"

def index(req):
    return "index"

def function():
    return "function"
function.attribute = "attribute"

class Plain:
    value = "value"
    def method(self):
        return "method"
    @classmethod
    def of_class(cls):
        return "of class"

class Meta(type):
    pass

class WithMeta(metaclass=Meta):
    value = "value"

class Abstract(abc.ABC):
    value = "value"

class CallableMeta(type):
    def __call__(cls):
        return "called"

class WithCallableMeta(metaclass=CallableMeta):
    pass

class Module(types.ModuleType):
    value = "value"
    def __call__(self):
        return "called module"

class Holder:
    pass

plain = Plain()
plain.module = os
plain.kind = Plain
plain.builtin = len
plain._hidden = "secret"
sub_module = Module("sub_module")
method = plain.method
builtin, wrapper, slot, descriptor = len, "".__str__, str.__len__, str.upper
class_descriptor, builtin_method = dict.__dict__["fromkeys"], [].append
partial_of_builtin, partial_of_library = functools.partial(listdir, "/"), functools.partial(join, "/")
partial = functools.partial(function)
getter = operator.itemgetter(0)
lambda_ = lambda: "lambda"
code, cell, frozen = function.__code__, (lambda x: (lambda: x))(1).__closure__[0], frozenset()
namespace = types.SimpleNamespace(value="value")
proxy = types.MappingProxyType({})
alias, typing_alias = list[int], typing.List[Plain]
union = int | str
cached = functools.lru_cache(function)
cached_builtin = functools.lru_cache(listdir)
own_builtin = Holder()
own_builtin.__call__ = rmtree

def generated():
    yield 1
generator = generated()

async def coroutine():
    return "coroutine"

@contextlib.contextmanager
def managed():
    yield 1

unmarked = decorations.unmarked(function)
''',
    "htdocs/_private.py": "def index():\n    return 'private'\n",
    "htdocs/sub/__init__.py": "def index():\n    return 'package'\n",
    "htdocs/index.py": "_hidden = 'hidden'\n__version__ = 'hidden'\ndef index():\n    return 'index'\n",
}


def refused(httpd: Httpd, path: str) -> None:
    r = httpd.get(path)
    assert r.status == 403, (path, r.status, r.text)
    httpd.claim(r"MP011[01]: publisher: ")


def test_everything_here_can_be_reached(httpd: Httpd) -> None:
    """So that no 403 below comes from a page that does not load."""
    for path in ("function", "plain/value", "plain/method", "plain/of_class", "method", "partial", "lambda_", "cached",
                 "coroutine", "generator", "unmarked", "shop", "plain", "code"):
        assert httpd.get("/page/" + path).status == 200


@pytest.mark.parametrize("path", [
    "os", "indirect", "indirect/value", "indirect/os", "indirect/os/getcwd", "os/path/join", "os.getcwd", "os/getcwd",
    "shop/inner", "shop/inner/getcwd", "plain/module", "plain/module/path", "sub_module", "sub_module/value", "apache",
    "apache/log_error", "html/escape"])
def test_cve_2002_0185_no_module_is_reached_at_any_depth(httpd: Httpd, path: str) -> None:
    refused(httpd, "/page/" + path)


@pytest.mark.parametrize("path", [
    "function/func_globals", "function/attribute", "function/missing", "function/index", "index/func_code",
    "method/im_func", "method/missing", "plain/method/missing", "plain/of_class/x", "Plain", "Plain/value",
    "Plain/method", "plain/kind", "plain/kind/value", "builtin", "builtin/x", "plain/builtin", "wrapper", "slot",
    "descriptor", "class_descriptor", "builtin_method", "generator/gi_frame", "generator/missing", "code/co_consts",
    "code/x", "cell/cell_contents", "partial/func", "partial/keywords", "partial_of_builtin", "partial_of_library",
    "getter", "lambda_/x", "namespace/value", "proxy/get", "alias", "alias/x", "typing_alias", "typing_alias/method",
    "union/x", "cached/cache_info", "cached/cache_clear", "cached_builtin", "coroutine/x", "own_builtin",
    "text/upper", "plain/value/upper", "managed/x"])
def test_cve_2005_0088_nothing_behind_or_beside_published_objects_is_reached(httpd: Httpd, path: str) -> None:
    if path == "text/upper":
        assert httpd.get("/page/text/upper").status == 404
        return
    refused(httpd, "/page/" + path)


@pytest.mark.parametrize("path", [
    "/page/_private", "/page/%5fprivate", "/page/__dunder", "/page/__file__", "/page/__builtins__",
    "/page/plain/_hidden",
    "/page/plain/__class__", "/page/plain/%5f_dict__", "/page/plain.__class__", "/page/function/__globals__",
    "/page/missing/_x", "/_private", "/_private.py", "/_private.py/index", "/%5fprivate.py", "/sub/__init__.py",
    "/sub/__init__/index", "/_hidden", "/__version__", "/page/plain/value/__class__"])
def test_cve_2005_0088_no_name_with_an_underscore_is_reached(httpd: Httpd, path: str) -> None:
    r = httpd.get(path)
    assert r.status == 403
    httpd.claim("MP0110: publisher: '_")


def test_2001_a_dotted_name_is_no_way_around(httpd: Httpd) -> None:
    for path in ("/page.os.renames", "/page/os.renames", "/page.py/os.path.join", "/page/plain.__class__.__name__"):
        r = httpd.get(path)
        assert r.status in (403, 404)
        assert r.status == 404 or httpd.claim("MP011[01]: publisher: ")


@pytest.mark.parametrize("path", ["WithMeta", "WithMeta/value", "Abstract", "Abstract/value", "WithCallableMeta",
                                  "WithCallableMeta/mro"])
def test_classes_with_a_metaclass_are_classes(httpd: Httpd, path: str) -> None:
    refused(httpd, "/page/" + path)


@pytest.mark.parametrize("path", [
    "listdir?path=/", "join?a=/", "rmtree?path=/nowhere", "escape?s=x", "redirect?location=http://evil/",
    "import_module?module_name=evil"])
def test_what_a_page_imports_from_the_library_is_not_published(httpd: Httpd, path: str) -> None:
    refused(httpd, "/page/" + path)


def test_no_url_is_an_error(httpd: Httpd) -> None:
    chance = random.Random(1)
    words = ["page", "index", "page.py", "plain", "value", "shop", "sub", "function", "proxy", "namespace", "missing",
             "_x", "__class__", "", ".", "..", "%2e", "%5f", "%e9", "%C3%A9", "%3F", "%22%3E", "a.b", "0", "%f0%9f",
             "%7f"]
    with httpd.session() as ask:
        for _ in range(500):
            path = "/" + "".join(chance.choice(words) + chance.choice("/./") for _ in range(chance.randrange(1, 7)))
            assert ask("GET", path).status in (200, 400, 403, 404), path
    httpd.claim(r"(?:.*AH10244: invalid URI path[\s\S]*)")          # the paths that leave the root
