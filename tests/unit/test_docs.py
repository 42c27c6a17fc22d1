"""docs/: what the build of the pages can not see. `make docs` sees to links and to pages that no list has."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SECTIONS = re.split(r"^## ", (DOCS / "directives.md").read_text(), flags=re.MULTILINE)[1:]
ENTRIES = [section for section in SECTIONS if re.match(r"(Python|WSGI)\w+", section)]


def blocks(language: str) -> list[tuple[str, str]]:
    return [(path.name, block) for path in sorted(DOCS.rglob("*.md"))
            for block in re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.splitlines()[0])
def test_every_directive_is_described_in_the_same_form(entry: str) -> None:
    rows = re.findall(r"^\| (\w+) \| .+ \|$", entry, re.MULTILINE)
    assert rows[:4] == ["Syntax", "Context", "Override", "Default"]
    name = re.match(r"\w+", entry)
    assert name and re.search(rf"```apache\n(?:.*\n)*?.*{name[0]}\b", entry)


@pytest.mark.parametrize(("page", "block"), blocks("python"))
def test_python_on_the_pages_is_python(page: str, block: str) -> None:
    ast.parse(block, page)
