"""What clients must prove in the body of a function, read from its source (mod_python._nested)."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import itertools
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

_numbers = itertools.count()


@pytest.fixture
def nested(fake: Any) -> Any:
    return importlib.import_module("mod_python._nested")


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str], types.FunctionType]:
    """Makes function `page` of a body, by way of a file."""
    def make(body: str) -> types.FunctionType:
        file = tmp_path / f"page_{next(_numbers)}.py"
        lines = ["GLOBAL = 'global'", "def page(req, other=None):", *("    " + line for line in body.splitlines()), ""]
        file.write_text("\n".join(lines), encoding="utf-8")
        spec = importlib.util.spec_from_file_location("a_page", file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        page: types.FunctionType = module.page
        return page
    return make


@pytest.mark.parametrize("value", [
    "None", "True", "0", "-1", "1.5", "'text'", "b'bytes'", "()", "('u',)", "['u', 'v']", "{'u': 'p'}", "{'u', 'v'}",
    "[]", "[1, 2, 3, 4, 5]", "('a', ['b', {'c': 1}])", "'a' 'b'", "...",
])
def test_constants_are_read(nested: Any, made: Any, value: str) -> None:
    for name in nested.NAMES:
        for body in (f"{name} = {value}", f"'text'\nx = [1, 2]\n{name} = {value}\nreturn x",
                     f"{name}: object = {value}", f"a = {name} = b = {value}"):
            assert nested.nested(made(body)) == {name: eval(value)}


def test_functions_are_made(nested: Any, made: Any) -> None:
    page = made("def __auth__(req, user, password='p', *, real=1):\n    return GLOBAL, user, password, real\n"
                "__access__ = lambda req, user: (GLOBAL, user)")
    found = nested.nested(page)
    assert found["__auth__"](None, "u") == ("global", "u", "p", 1)
    assert found["__access__"](None, "u") == ("global", "u")
    page.__globals__["GLOBAL"] = "changed"
    assert nested.nested(page)["__access__"](None, "u") == ("changed", "u")


@pytest.mark.parametrize("body", [
    "__access__ = GLOBAL", "__access__ = [GLOBAL]", "__access__ = list('u')", "__access__ = f'{GLOBAL}'",
    "if req:\n    __access__ = 1", "for __access__ in ():\n    pass", "with req as __access__:\n    pass",
    "import os as __access__", "import __access__", "from os import path as __access__", "del __access__",
    "__access__ = 1\n__access__ = 1", "__access__ = 1\nif req:\n    __access__ = 0", "__access__ += 1",
    "__access__, x = 1, 2", "[__access__] = [1]", "*__access__, x = 1, 2", "(__access__ := 1)",
    "[(__access__ := x) for x in (1, 2)]", "global __access__\n__access__ = 1", "class __access__:\n    pass",
    "try:\n    pass\nexcept OSError as __access__:\n    pass", "while req:\n    __access__ = 1",
    "def f(x=(__access__ := 1)):\n    pass", "x = lambda y=(__access__ := 1): y",
    "match req:\n    case [1, *__access__]:\n        pass", "match req:\n    case {1: 2, **__access__}:\n        pass",
    "match req:\n    case int() as __access__:\n        pass",
    "@staticmethod\ndef __access__(req, user):\n    return 1",
    "x = 1\ndef __access__(req, user):\n    return x", "def __access__(req, user=GLOBAL):\n    return 1",
    "def __access__(req, user, *, x=GLOBAL):\n    return 1", "__access__ = lambda req, user: other",
    "__access__, x = (lambda: 1), (lambda: 2)", "__access__ = 1\nreturn lambda: __access__.x\n__access__ = 2",
    "def f():\n    nonlocal __access__\n    __access__ = 2\n__access__ = print",
])
def test_what_can_not_be_told_is_unknown(nested: Any, made: Any, body: str) -> None:
    assert type(nested.nested(made(body))["__access__"]) is nested.Unknown


@pytest.mark.parametrize("body", [
    "return 1", "return __access__", "return req.__access__", "def f():\n    __access__ = 1", "x = '__access__'",
    "class C:\n    __access__ = 1", "req.__access__ = 1", "req['__access__'] = 1", "f = lambda __access__: 1",
    "def f(__access__):\n    return 1", "def f():\n    global __access__\n    __access__ = 1",
    "__access__: object",
])
def test_what_the_body_does_not_bind_is_not_there(nested: Any, made: Any, body: str) -> None:
    assert nested.nested(made(body)) == {}


def test_a_parameter_of_the_name_is_unknown(nested: Any) -> None:
    def page(__access__: Any = ("u",)) -> Any:
        return __access__
    assert type(nested.nested(page)["__access__"]) is nested.Unknown


def test_a_closure_variable_that_is_used_inside_is_read(nested: Any, made: Any) -> None:
    assert nested.nested(made("__access__ = ['u']\nreturn lambda: __access__")) == {"__access__": ["u"]}


def test_a_changed_source_is_no_source(nested: Any, made: Any) -> None:
    page = made("__access__ = ['u']")
    file = Path(page.__code__.co_filename)
    text = file.read_text()
    file.write_text(text.replace("'u'", "'evil'"))
    assert type(nested.nested(page)["__access__"]) is nested.Unknown
    page = made("__access__ = ['u']")
    Path(page.__code__.co_filename).unlink()
    assert type(nested.nested(page)["__access__"]) is nested.Unknown


def test_what_ran_often_is_still_recognized(nested: Any, made: Any) -> None:
    page = made("__access__ = ['u']\ntotal = 0\nfor number in range(9):\n    total += number\nreturn total")
    for _ in range(5000):
        page(None)
    assert nested.nested(page) == {"__access__": ["u"]}


def test_results_end_with_their_code(nested: Any, made: Any) -> None:
    page = made("__access__ = ['u']")
    nested.nested(page)
    assert len(nested._known) == 1
    del page
    gc.collect()
    assert len(nested._known) == 0


_constants = st.recursive(st.none() | st.booleans() | st.integers() | st.text() | st.binary()
                          | st.floats(allow_nan=False, allow_infinity=False),
                          lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
                          max_leaves=6)


@given(_constants)
def test_any_constant_is_read_as_it_is(value: Any) -> None:
    from mod_python import _nested, _source
    loader = _source.SourceLoader("page", "/nowhere/page.py")
    loader.data = f"def page():\n    __access__ = {value!r}\n    return 1\n".encode("utf-8", "surrogatepass")
    try:
        code = compile(loader.data, "/nowhere/page.py", "exec")
    except (SyntaxError, ValueError):       # a lone surrogate is no source
        return
    names: dict[str, Any] = {"__spec__": types.SimpleNamespace(loader=loader)}
    exec(code, names)
    assert _nested.nested(names["page"]) == {"__access__": value}
