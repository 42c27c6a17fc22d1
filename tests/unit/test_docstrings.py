"""tools/docstrings.py: from the stubs to what C and help() need."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import docstrings


@pytest.mark.parametrize(("stub", "macro"), [
    ('def f(a: int, b: str = "x?", /) -> None:\n    "Text"', '"f($module, a, b=\'x\\?\', /)\\n" \\\n'),
    ('class C:\n    "é"', '#define MP_DOC_C \\\n    "\\303\\251"\n'),
    ('class C:\n    def m(self, *a: int, k: int = 1) -> None:\n        "Text"', '"m($self, /, *a, k=1)\\n"'),
    ('class C:\n    @overload\n    def m(self, a: int) -> int:\n        "Text"\n    @overload\n'
     '    def m(self, a: int, b: int) -> int: ...', ' \\\n    "m(a[, b])\\n" \\\n    "\\n" \\\n    "Text\\n"'),
    ('class table:\n    "Text"\n    def __init__(self, a: int = 1) -> None: ...', '"mp_table(a=1)\\n"'),
])
def test_the_header_has_what_c_and_help_need(stub: str, macro: str) -> None:
    assert macro in docstrings.header(stub, "x.pyi")


@pytest.mark.parametrize(("stub", "types"), [
    ('class C:\n    x: int | None\n    "Text"', ["Type: int | None"]),
    ('class C:\n    @property\n    def x(self) -> int:\n        "Text"', ["Type: int"]),
    ('_T = str | bytes\nclass C:\n    def m(self, a: _T, b: list[_T] = (), /) -> _T:\n        "Text"',
     ["Types: (a: str | bytes, b: list[str | bytes]) -> str | bytes"]),
    ('@overload\ndef f(a: int) -> int:\n    "Text"\n@overload\ndef f(a: str, b: int) -> str: ...',
     ["Types: (a: int) -> int", "Types: (a: str, b: int) -> str"]),
])
def test_types_are_the_last_lines(stub: str, types: list[str]) -> None:
    entry = docstrings.entries(stub)[-1]
    assert entry.types == types
    assert entry.doc.splitlines() == ["Text", "", *types]


def test_a_name_without_a_text_gets_no_macro() -> None:
    assert "define" not in docstrings.header("def f() -> None: ...\nclass C:\n    x: int\n", "x.pyi")


def test_a_default_that_help_could_not_show_is_refused() -> None:
    with pytest.raises(docstrings.Mistake, match=r"^x\.pyi:1: f\(\) has a text.*write the real default"):
        docstrings.header('def f(a: int = ...) -> None:\n    "Text"', "x.pyi")
