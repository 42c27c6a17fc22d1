"""apply_fs_data: who gets which fields, and the conversion for typed parameters."""

from __future__ import annotations

import functools
import importlib
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Optional

import pytest
from fakes import FakeHttpd
from hypothesis import given
from hypothesis import strategies as st
from mod_python._arguments import ArgumentError, apply_fs_data, argument
from mod_python._fields import Field, FieldList, StringField


def form(*pairs: tuple[Any, Any]) -> Any:
    fields = FieldList()
    for name, value in pairs:
        if isinstance(value, Field):
            value.name = name
            fields.append(value)
        else:
            fields.append(StringField(value, name))
    return types.SimpleNamespace(list=fields)


FORM = form(("a", "1"), ("b", "2"), ("a", "3"), ("self", "me"), ("req", "forged"), (b"c", b"\xc3\xa9"), ("d", b"part"),
            (None, "unnamed"))


def function(a, b="default", c="default"):  # type: ignore[no-untyped-def]
    return a, b, c


def all_of(**kw):  # type: ignore[no-untyped-def]
    return kw


def with_req(req, a, **kw):  # type: ignore[no-untyped-def]
    return req, a, sorted(kw)


class Page:
    def __init__(self, a=None, d=None):  # type: ignore[no-untyped-def]
        self.seen = a, d

    def method(self, b, **kw):  # type: ignore[no-untyped-def]
        return b, sorted(kw)

    def __call__(self, c):  # type: ignore[no-untyped-def]
        return c

    @classmethod
    def of_class(cls, b):  # type: ignore[no-untyped-def]
        return b

    @staticmethod
    def static(b):  # type: ignore[no-untyped-def]
        return b


def decorated(inner: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(inner)
    def outer(*args: Any, **kw: Any) -> Any:
        return "outer", inner(*args, **kw)
    return outer


def test_functions_get_what_they_have_parameters_for() -> None:
    assert apply_fs_data(function, FORM, req="r") == (["1", "3"], "2", "é")
    assert apply_fs_data(function, form(("a", "1")), req="r") == ("1", "default", "default")
    assert apply_fs_data(lambda d: d, FORM, req="r") == b"part"
    assert apply_fs_data(lambda: "none", FORM, req="r") == "none"


def test_keywords_get_everything_but_never_in_place_of_what_the_caller_gives() -> None:
    assert apply_fs_data(all_of, FORM, req="r") == {
        "a": ["1", "3"], "b": "2", "self": "me", "req": "r", "c": "é", "d": b"part"}
    assert apply_fs_data(with_req, FORM, req="r") == ("r", ["1", "3"], ["b", "c", "d", "self"])
    assert apply_fs_data(lambda req: req, FORM) == "forged"


def test_methods_classes_and_instances() -> None:
    page = Page()
    assert apply_fs_data(page.method, FORM, req="r") == ("2", ["a", "c", "d", "req"])
    assert apply_fs_data(Page, FORM).seen == (["1", "3"], b"part")
    assert apply_fs_data(page, FORM) == "é"
    assert apply_fs_data(Page.of_class, FORM) == apply_fs_data(page.static, FORM) == "2"


def test_built_ins_get_nothing() -> None:
    assert apply_fs_data(dict, FORM, req="r") == {}
    assert apply_fs_data([1, 2].copy, FORM, req="r") == [1, 2]
    with pytest.raises(TypeError):
        apply_fs_data(len, FORM)


def test_other_signatures() -> None:
    def keyword_only(*, b): return b  # type: ignore[no-untyped-def]
    def positional_only(b, c="x", /): return b, c  # type: ignore[no-untyped-def]
    def star(b, *rest): return b, rest  # type: ignore[no-untyped-def]
    assert apply_fs_data(keyword_only, FORM) == "2"
    assert apply_fs_data(positional_only, FORM) == ("2", "é")
    assert apply_fs_data(positional_only, form(("b", "1"))) == ("1", "x")
    with pytest.raises(TypeError, match="'b'"):
        apply_fs_data(positional_only, form(("c", "1")))
    assert apply_fs_data(star, FORM) == ("2", ())
    assert apply_fs_data(decorated(function), FORM) == ("outer", (["1", "3"], "2", "é"))


def test_partial_arguments_are_bound() -> None:
    assert apply_fs_data(functools.partial(function, "bound"), FORM) == ("bound", "2", "é")
    assert apply_fs_data(functools.partial(function, b="bound"), FORM) == (["1", "3"], "bound", "é")
    assert apply_fs_data(functools.partial(Page().method, b="bound"), FORM)[0] == "bound"
    assert apply_fs_data(functools.partial(all_of, a="bound"), form(("a", "1"))) == {"a": "bound"}


def test_a_missing_argument_is_a_type_error() -> None:
    for callable in (function, Page().method, with_req, Page().__call__):
        with pytest.raises(TypeError):
            apply_fs_data(callable, form())


def test_uploads_come_as_fields() -> None:
    upload = Field("f")
    assert apply_fs_data(lambda f: f, form(("f", upload))) is upload
    assert apply_fs_data(lambda f: f, form(("f", upload), ("f", b"x"))) == [upload, b"x"]


# Typed parameters

def fields_of(*values: Any) -> list[Any]:
    return list(form(*(("n", value) for value in values)).list)


@pytest.mark.parametrize(("annotation", "values", "result"), [
    (int, ["5"], 5), (int, [" -7 "], -7), (int, [b"+8"], 8), (int, ["007"], 7),
    (float, ["1.5"], 1.5), (float, ["-2e3"], -2000.0), (float, [".5"], 0.5), (float, ["5."], 5.0), (float, ["5"], 5.0),
    (bool, ["on"], True), (bool, ["TRUE"], True), (bool, ["1"], True), (bool, ["yes"], True),
    (bool, ["off"], False), (bool, ["False"], False), (bool, ["0"], False), (bool, ["no"], False),
    (str, ["x"], "x"), (str, [b"\xc3\xa9"], "é"), (str, [""], ""), (str, ["/etc/passwd"], "/etc/passwd"),
    (int | None, ["5"], 5), (int | None, [""], None), (Optional[float], [" "], None),      # noqa: UP045
    (str | None, [""], ""),
    (list[int], ["1", "2"], [1, 2]), (list[int], ["1"], [1]), (list[int], ["1", ""], [1]),
    (list[str], [b"a", ""], ["a", ""]), (list[int] | None, ["1"], [1]),
    (None, ["1"], "1"), (None, [b"1", "2"], [b"1", "2"]), (Any, ["1"], "1"), (bytes, [b"1"], b"1"), (list, ["1"], "1"),
    (int | str, ["1"], "1"), (dict[str, int], ["1"], "1"), (5, ["1"], "1"), (Callable, ["1"], "1"),
])
def test_conversion(annotation: Any, values: list[Any], result: Any) -> None:
    converted = argument("n", annotation, fields_of(*values))
    assert converted == result and type(converted) is type(result)


@pytest.mark.parametrize(("annotation", "values"), [
    (int, ["x"]), (int, [""]), (int, ["1.0"]), (int, ["1_0"]), (int, ["\u0663"]), (int, ["1" * 5000]),
    (int, ["1", "2"]), (int, ["0x10"]), (int, ["1 2"]), (int, ["\0"]),
    (float, ["nan"]), (float, ["inf"]), (float, ["1e999"]), (float, ["1_0"]), (float, ["."]), (float, [""]),
    (float, ["1,5"]),
    (bool, [""]), (bool, ["maybe"]), (bool, ["2"]), (str, ["a", "b"]), (list[int], ["1", "x"]), (int | None, ["x"]),
    (int, [Field("n")]), (str, [Field("n")]), (list[str], [Field("n")]), (int | None, [Field("n")]),
])
def test_what_does_not_fit_is_said_with_its_name(annotation: Any, values: list[Any]) -> None:
    with pytest.raises(ArgumentError, match="field 'n' "):
        argument("n", annotation, fields_of(*values))


@given(st.sampled_from([int, float, bool, str, int | None, list[float]]), st.lists(st.text(), min_size=1, max_size=2))
def test_no_text_gives_another_error(annotation: Any, values: list[str]) -> None:
    with suppress(ArgumentError):
        argument("n", annotation, fields_of(*values))


@given(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back(whole: int, number: float) -> None:
    assert argument("n", int, fields_of(str(whole))) == whole
    assert argument("n", float, fields_of(repr(number))) == number


class Noted:
    """As much of a request as is told of a field that does not fit."""

    def __init__(self) -> None:
        self.notes: dict[str, bytes] = {}
        self.log: list[str] = []

    def log_error(self, message: str, level: int) -> None:
        self.log.append(message)


def typed(n: int, x: float = 0.5, tags: list[str] = [], *, flag: bool = False) -> Any:  # noqa: B006
    return n, x, tags, flag


def eager() -> Any:
    """The same without `from __future__ import annotations`."""
    module = types.ModuleType("eager")
    source = "def typed(n: int, many: list[int], maybe: 'int | None' = 5): return n, many, maybe"
    exec(compile(source, "eager", "exec", dont_inherit=True), vars(module))
    return module.typed


def test_typed_parameters_are_converted() -> None:
    assert apply_fs_data(typed, form(("n", "5"), ("x", "2"), ("tags", "a"), ("flag", "on"))) == (5, 2.0, ["a"], True)
    assert apply_fs_data(typed, form(("n", "5"), ("x", ""), ("flag", " "))) == (5, 0.5, [], False)
    assert apply_fs_data(typed, form((b"n", b"5")), x="as it is") == (5, "as it is", [], False)
    assert apply_fs_data(eager(), form(("n", "5"))) == (5, [], 5)
    assert apply_fs_data(eager(), form(("n", "5"), ("many", "6"), ("maybe", ""))) == (5, [6], None)
    assert apply_fs_data(functools.partial(typed, x=1), form(("n", "5"), ("x", "no number"))) == (5, 1, [], False)


def test_annotations_that_only_a_type_checker_knows_are_none() -> None:
    def page(req: mp_request, n: int) -> Any:  # type: ignore[name-defined]  # noqa: F821
        return req, n
    assert apply_fs_data(page, form(("n", "5")), req="r") == ("r", 5)


def test_methods_and_classes_can_be_typed() -> None:
    class Typed:
        def __init__(self, n: int = 1) -> None:
            self.n = n

        def method(self, n: int) -> int:
            return n

        def __call__(self, n: int) -> int:
            return n
    fields = form(("n", "5"))
    assert apply_fs_data(Typed, fields).n == 5
    assert apply_fs_data(Typed().method, fields) == apply_fs_data(Typed(), fields) == 5


@pytest.mark.parametrize(("fields", "said"), [
    (form(("n", "<x>")), "field 'n' must be a whole number"), (form(), "field 'n' is missing"),
    (form(("n", "")), "field 'n' must be a whole number"), (form(("n", "1"), ("x", "y")), "field 'x' must be a number"),
    (form(("n", "1"), ("flag", "maybe")), "field 'flag' must be one of 1, true, yes, on, 0, false, no, off"),
    (form(("n", "1"), ("n", "2")), "field 'n' is there 2 times instead of once"),
    (form(("n", Field("n"))), "field 'n' must not be a file"),
])
def test_the_client_is_told(fake: FakeHttpd, fields: Any, said: str) -> None:
    fresh = importlib.import_module("mod_python._arguments")
    fresh.Field = Field
    for given_by in ("caller", "thread"):
        req = Noted()
        fake.req = req if given_by == "thread" else None
        with pytest.raises(fake.SERVER_RETURN) as refused:
            fresh.apply_fs_data(typed, fields, **({"req": req} if given_by == "caller" else {}))
        assert refused.value.args == (400,)
        assert req.notes["error-notes"].decode() == said.replace("'", "&#x27;")
        assert req.log == [f"refused with 400: {said}"]


def test_what_a_decorator_gives_is_not_missing() -> None:
    def with_user(inner: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(inner)
        def outer(**kw: Any) -> Any:
            return inner(user=7, **kw)
        return outer

    @with_user
    def page(user: int, n: int) -> Any:
        return user, n
    assert apply_fs_data(page, form(("n", "5"))) == (7, 5)
