"""psp.parsestring() and what the Python made of a page does: syntax and indentation (spec: library, 5.1)."""

from __future__ import annotations

import os
import re
import traceback
import types
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mod_python import psp
from mod_python._psp_code import compile_page, retrace
from mod_python._psp_pages import Memory, Page, Reader, compiled_file
from mod_python._psp_parser import parse
from mod_python._psp_text import File, declared_encoding


class Output:
    """What a page writes to."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, text: str, flush: int) -> None:
        assert flush == 0
        self.written.append(text)


def run(text: str | bytes, **names: Any) -> str:
    """The answer of a page."""
    req = Output()
    source = psp.parsestring(text)
    assert source.endswith('""",0)\n')
    exec(source, {"req": req, **names})
    return "".join(req.written)


def fails(text: str | bytes) -> SyntaxError:
    with pytest.raises(SyntaxError) as caught:
        compile_page(parse(File("page.psp", text), Reader(None).include))
    return caught.value


# --- the source that is made ---

@pytest.mark.parametrize(("page", "source"), [
    ("", 'req.write("""""",0)\n'),
    ("text", 'req.write("""text""",0)\n'),
    ("two\nlines\n", 'req.write("""two\nlines\n""",0)\n'),
    ('a "word"', 'req.write("""a \\"word\\"""",0)\n'),
    ("a\\nb\\tc\\r", 'req.write("""a\\\\nb\\\\tc\\\\r""",0)\n'),
    ("<%= expr %>", 'req.write("""""",0); req.write(str( expr ),0); req.write("""""",0)\n'),
    ("a<%=b%>c", 'req.write("""a""",0); req.write(str(b),0); req.write("""c""",0)\n'),
    ("<%=a%><%=b%>", 'req.write("""""",0); req.write(str(a),0); req.write("""""",0); req.write(str(b),0);'
                     ' req.write("""""",0)\n'),
    ("a<% x = 1 %>b", 'req.write("""a""",0);  x = 1 ; req.write("""b""",0)\n'),
    ("a<%x=1;%>b", 'req.write("""a""",0); x=1; req.write("""b""",0)\n'),
    ("a<%-- <% not code %> --%>b", 'req.write("""ab""",0)\n'),
    ("<%\nx = 1\n%>b", 'req.write("""""",0); \nx = 1\nreq.write("""b""",0)\n'),
    ("<%\nfor n in x:\n%>b", 'req.write("""""",0); \nfor n in x:\n\treq.write("""b""",0)\n'),
    ("<%\nfor n in x:%>b", 'req.write("""""",0); \nfor n in x:\n\treq.write("""b""",0)\n'),
    ("<%\nfor n in x:\n  # stay\n%>b", 'req.write("""""",0); \nfor n in x:\n  # stay\n  req.write("""b""",0)\n'),
])
def test_the_source_of_a_page(page: str, source: str) -> None:
    assert psp.parsestring(page) == psp.parsestring(page.encode()) == source


def test_a_file_is_parsed_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "page.psp").write_text("a<%= 1 %>")
    assert psp.parse(str(tmp_path / "page.psp")) == psp.parse("page.psp", str(tmp_path)) == psp.parsestring("a<%= 1 %>")
    with pytest.raises(FileNotFoundError):
        psp.parse("other.psp", str(tmp_path))


# --- text ---

@given(st.text(st.characters(exclude_categories=["Cs"])))
@example('"""')
@example("\\")
@example('\\"""\\')
@example("\0\x001")
@example("\r")
@example("\\N{BULLET}\\x41\\u0041\\101\\\n")
@example("%>")
@example("{x} %(x)s %")
def test_text_without_code_writes_itself(text: str) -> None:
    text = text.replace("<%", "< %")
    assert run(text) == text.replace("\r\n", "\n")
    assert run(text.encode()) == text.removeprefix("\ufeff").replace("\r\n", "\n")


@given(st.text(), st.text())
def test_text_stays_around_code(before: str, after: str) -> None:
    page = f"{before}\0<%= 6 * 7 %>{after}"
    if "<%" not in before and "<%" not in after:
        assert run(page) == f"{before}\0".replace("\r\n", "\n") + "42" + after.replace("\r\n", "\n")


PIECES = ["<%", "<%=", "<%@", "<%--", "--%>", "%>", "\n", "\r\n", "\r", "\t", "  ", ":", "#", '"""', "'", "\\", "\0",
          "x", "=", "(", ")", "[", "for x in y", "if x", "else:", "# end", ";", "include file=\"a\"", "é", "\ud800",
          "\udce9", "\U0001f40d", "1/0", "def f", "lambda", "\x0c", "@", "f'{", "}", "coding: hex", "\ufeff"]


def lines_of(text: str | bytes) -> set[int]:
    """The lines that code or an error of a page has, which is all that may come of any text."""
    try:
        page = compile_page(parse(File("page.psp", text), Reader(None, "/nowhere").include))
    except SyntaxError as error:
        return {error.lineno or 0} if error.filename == "page.psp" else {-1}
    return {line for _, _, line in page.code.co_lines() if line}


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=60).map("".join))
def test_any_mixture_is_a_page_or_a_syntax_error(text: str) -> None:
    count = text.count("\n") + text.count("\r") + 1
    assert lines_of(text) <= set(range(1, count + 1))


@given(st.binary() | st.lists(st.sampled_from(PIECES).map(lambda piece: piece.encode("utf-8", "surrogatepass"))
                              | st.binary(max_size=3)).map(b"".join))
def test_any_bytes_are_a_page_or_a_syntax_error(data: bytes) -> None:
    assert -1 not in lines_of(data)


# --- blocks and indentation ---

@pytest.mark.parametrize(("page", "answer"), [
    ("<%\nfor n in range(3):\n%>x<%= n %>\n<%\n# end\n%>after", "x0\nx1\nx2\nafter"),
    ("<%\nfor n in range(3):\n    # This stays\n%>x<%= n %><%\n# end\n%>!", "x0x1x2!"),
    ("<%\nfor n in range(2):\n%>x<% # end %>!", "xx!"),
    ("<%\nfor n in range(2):\n%>x<%\n%>!", "xx!"),
    ("<%\nfor n in range(2):\n    pass\n\n%>!", "!"),
    ("<%\nfor n in range(2):\n    m = n\n%>x<%= m %><%\n# end\n%>!", "x0x1!"),
    ("<%\nif 1:\n    if 0:\n%>no<%\n    else:\n%>yes<%\n# end\n%>", "yes"),
    ("<% if 0:\n%>no<%\nelse:\n%>yes<%\n# end\n%>!", "yes!"),
    ("<%\nfor n in range(2):%>x<%\n\tfor m in range(2): %>y<%\n# end\n%>!", "xyyxyy!"),
    ("<% x = 5 %><%= x %>", "5"),
    ("<% x = 5 # five %><%= x %>", "5"),
    ("<% x = '#' %><%= x %>", "#"),
    ("<%= 5 # five %>.", "5."),
    ("<%= '#' %>.", "#."),
    ("<%=\n 1 +\n 1 %>.", "2."),
    ("a<% %>b<%%>c", "abc"),
    ("<%= %>.", "."),
    ("<%\nfor n in range(2):\n%>x<% y = n %><%= y %><% z = y; %>,<%\n# end\n%>!", "x0,x1,!"),
    ("<%\r\nfor n in range(2):\r\n%>x\r\n<%\r\n# end\r\n%>!", "x\nx\n!"),
    ("<%\rfor n in range(2):\r%>x\r<%\r# end\r%>!", "x\rx\r!"),
    ("<%\ndef f(a):\n%>[<%= a %>]<%\n# end\n%><% f(1) %>,<% f(2) %>", "[1],[2]"),
    ("<%\ntry:\n    1/0\nexcept ZeroDivisionError:\n%>caught<%\n# end\n%>", "caught"),
    ("<% x = 1\ny = 2 %><%= x + y %>", "3"),
    ("<%--%> <%= 1/0 %>--%>.", "."),
    ("<%-- a\nb --%>.", "."),
    ("<%- 1 %>.", "."),
    ("<% x = '''a\nb''' %><%= x %>", "a\nb"),
])
def test_what_pages_answer(page: str, answer: str) -> None:
    assert run(page) == answer


@pytest.mark.parametrize(("page", "line", "text"), [
    ("<%", 1, "without '%>'"),
    ("a\nb<%= x", 2, "without '%>'"),
    ("<% x = '%>' %>", 1, "unterminated"),
    ("a\n<%-- b", 2, "'<%--' without '--%>'"),
    ("\n<% if x: y %>", 2, "compound statement"),
    ("\n<% for x in y: %>z", 2, "compound statement"),
    ("\n<%@ page language='x' %>", 2, "unknown directive"),
    ("\n<%@ include virtual='x' %>", 2, "unknown directive"),
    ("a\n<%= b c %>", 2, "invalid syntax"),
    ("a\n\n<%= ( %>", 3, "never closed|does not match|invalid syntax"),
    ("a\n<%\nif x:\ny\n%>", 4, "expected an indented block after 'if' statement on line 3"),
    ("a\n<%\nx = 1\n  y = 2\n%>", 4, "unexpected indent"),
    ("<%\nx = [1,\n     2]\n%>text", 4, r"unexpected indent \(text behind a block"),
    ("a\n<% return %>", 2, "'return' outside function"),
    ("a\n<%\nx = '\0'\n%>", 3, r"'\\x00'"),
    ("a\n<% nonlocal x %>", 2, "nonlocal declaration not allowed"),
    (b"a\n\xe9", 2, "can't decode byte 0xe9.*coding: latin-1"),
    (b"<%-- coding: nonsense --%>", 1, "unknown encoding 'nonsense'"),
    (b"<%-- coding: hex --%>", 1, "unknown encoding 'hex'"),
])
def test_errors_name_the_page_and_its_line(page: str | bytes, line: int, text: str) -> None:
    error = fails(page)
    assert (error.filename, error.lineno) == ("page.psp", line)
    assert re.search(text, error.msg)


def test_an_error_points_into_its_line() -> None:
    error = fails("é<%= 'ü' + $c %>")
    assert error.text == "é<%= 'ü' + $c %>\n"
    assert error.offset is not None and error.text[error.offset - 1:].startswith("$c")


def test_code_that_is_nested_too_deeply_is_an_error() -> None:
    for depth in (1000, 100_000):
        for code in ("(" * depth + ")" * depth, "-" * depth + "1", "a." * depth + "a", "[" * depth):
            assert lines_of(f"<%= {code} %>") == {1}


# --- the examples of the guide ---

GUIDE = (Path(__file__).parents[2] / "docs" / "psp.md").read_text()


@pytest.mark.parametrize(("start", "answer"), [
    ("<%\nname =", "\n<h1>Hello, Ada</h1>\n"),
    ("<% n = 5", "The number is 5.\n"),
    ("<ul>", "<ul>\n\n  <li>a</li>\n\n  <li>b</li>\n\n</ul>\n"),
    ("<%\nfor row", "<tr><td>1</td><td>2</td></tr><tr><td>3</td></tr>\n"),
    ("<%\ncolours", "\n"),
    ("<%\nif user", "\nGood morning, Ada.\n\n"),
])
def test_the_examples_of_the_guide(start: str, answer: str) -> None:
    example, = (text for text in re.findall("```text\n(.*?)```", GUIDE, re.DOTALL) if text.startswith(start))
    names = {"form": types.SimpleNamespace(getfirst=lambda name, default: "Ada"), "escape": str, "guests": "ab",
             "rows": [[1, 2], [3]], "user": "Ada"}
    assert run(example, **names) == answer


# --- encodings ---

@pytest.mark.parametrize(("head", "encoding"), [
    (b"<%-- coding: latin-1 --%>", "latin-1"),
    (b"<html>\n<%-- -*- coding: koi8-r -*- --%>", "koi8-r"),
    (b"<%\n# -*- coding: iso-8859-15 -*-\n%>", "iso-8859-15"),
    (b"<% # coding=cp1252 %>", "cp1252"),
    (b"<!-- # coding: latin-1 -->", None),
    (b"# coding: latin-1", None),
    (b"<% x = 1 %> # coding: latin-1", None),
    (b"<%= x # coding: latin-1 %>", None),
    (b"\n\n<%-- coding: latin-1 --%>", None),
    (b"", None),
])
def test_the_encoding_is_declared_in_the_first_two_lines(head: bytes, encoding: str | None) -> None:
    assert declared_encoding(head) == encoding


def test_pages_are_read_by_their_encoding() -> None:
    assert run(b"<%-- coding: latin-1 --%>\xe9<%= '\xe9' %>") == "éé"
    assert run("\ufeffé".encode()) == run("é") == "é"
    assert run("<%\n# coding: latin-1\n%>é") == "é"


# --- tracebacks ---

def places(page: Page) -> list[tuple[str, int, str]]:
    """File, line and function of the entries of the traceback of a page that fails."""
    try:
        exec(page.code.code, {"req": Output()})
    except Exception as error:
        retrace(error, page.code)
        return [(os.path.basename(entry.filename), entry.lineno or 0, entry.name)
                for entry in traceback.extract_tb(error.__traceback__)[1:]]
    raise AssertionError("the page did not fail")


@pytest.mark.parametrize(("text", "expected"), [
    ("a\nb <%= 1/0 %>", [("page.psp", 2, "<module>")]),
    ("a<%-- \n\n --%>b\n<%= 1/0 %>", [("page.psp", 4, "<module>")]),
    ("a\n<%\nx = 1\ny = 1/0\n%>b", [("page.psp", 4, "<module>")]),
    ("a\r\n<%\r\nx = 1\r\ny = 1/0\r\n%>b", [("page.psp", 4, "<module>")]),
    ("a\r<%\rx = 1\ry = 1/0\r%>b", [("page.psp", 4, "<module>")]),
    ("<%\ndef f():\n    return 1/0\n# end\n%>\n\n<%= f() %>", [("page.psp", 7, "<module>"), ("page.psp", 3, "f")]),
    ("<%\n\n\nif 1:\n%>\n\n<%= 1/0 %>", [("page.psp", 7, "<module>")]),
])
def test_tracebacks_have_the_lines_of_the_page(tmp_path: Path, text: str, expected: list[tuple[str, int, str]]) -> None:
    (tmp_path / "page.psp").write_bytes(text.encode())
    assert places(compiled_file(str(tmp_path / "page.psp"))) == expected


def test_tracebacks_have_the_lines_of_included_files(tmp_path: Path) -> None:
    (tmp_path / "page.psp").write_text('a\n<%@ include file="part.psp" %>\n<%= f() %>\n<%= h() %>')
    (tmp_path / "part.psp").write_text("b\n\n<%\ndef f():\n    return g()\ndef g():\n    return [1/0 for x in 'x']\n"
                                       "class H:\n    def h(self):\n        return g()\nh = H().h\n# end\n%>")
    page = compiled_file(str(tmp_path / "page.psp"))
    assert [place for place in places(page) if place[2] != "<listcomp>"] == [
        ("page.psp", 3, "<module>"), ("part.psp", 5, "f"), ("part.psp", 7, "g")]
    (tmp_path / "part.psp").write_text("b\n\n<%= 1/0 %>")
    assert places(compiled_file(str(tmp_path / "page.psp"))) == [("part.psp", 3, "<module>")]
    (tmp_path / "part.psp").write_text("b\n<%\ndef f():\n%>")
    (tmp_path / "page.psp").write_text('<%@ include file="part.psp" %>\n<%= 1/0 %>\n<%\n# end\n%>\n<% f() %>')
    assert places(compiled_file(str(tmp_path / "page.psp"))) == [("page.psp", 6, "<module>"), ("page.psp", 2, "f")]


def test_all_exceptions_of_a_chain_are_put_right(tmp_path: Path) -> None:
    (tmp_path / "page.psp").write_text('\n<%@ include file="part.psp" %>')
    (tmp_path / "part.psp").write_text("\n\n<%\ntry:\n    1/0\nexcept ZeroDivisionError:\n    raise KeyError\n%>")
    page = compiled_file(str(tmp_path / "page.psp"))
    with pytest.raises(KeyError) as caught:
        exec(page.code.code, {"req": Output()})
    retrace(caught.value, page.code)
    text = "".join(traceback.format_exception(caught.value))
    assert f'File "{tmp_path}/part.psp", line 5, in <module>\n    1/0\n' in text
    assert f'File "{tmp_path}/part.psp", line 7, in <module>\n    raise KeyError\n' in text
    assert "page.psp" not in text


# --- inclusion ---

SITE = {
    "page.psp": 'a<%@ include file="parts/one.psp" %>d',
    "parts/one.psp": "b<%@include file = 'two.psp'%>",
    "parts/two.psp": 'c<%@ include\n file="../leaf.psp"%>',
    "leaf.psp": "<%= 'leaf' %>",
    "circle.psp": '\n<%@ include file="parts/back.psp" %>',
    "parts/back.psp": '\n\n<%@ include file="../circle.psp" %>',
    "self.psp": '<%@ include file="self.psp" %>',
    "missing.psp": '\n\n<%@ include file="parts/nothing.psp" %>',
    "broken.psp": '\n<%@ include file="parts/broken.psp" %>',
    "parts/broken.psp": "\n\n\n<%= a b %>",
    "twice.psp": '<%@ include file="leaf.psp" %>,<%@ include file="leaf.psp" %>',
    "latin.psp": '<%@ include file="parts/latin.psp" %>é',
    "directory.psp": '<%@ include file="parts" %>',
    "nul.psp": '<%@ include file="a\0b" %>',
    "out.psp": '<%@ include file="../other/x.psp" %>',
    "../other/x.psp": "outside",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, text in SITE.items():
        file = tmp_path / "site" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "site/parts/latin.psp").write_bytes(b"<%-- coding: latin-1 --%>\xe9")
    (tmp_path / "site/whole.psp").write_text(f'<%@ include file="{tmp_path}/other/x.psp" %>')
    return tmp_path / "site"


def answer(file: Path, root: Path | None = None) -> str:
    req = Output()
    exec(compiled_file(str(file), str(root) if root else None).code.code, {"req": req})
    return "".join(req.written)


@pytest.mark.parametrize(("name", "text"), [("page.psp", "abcleafd"), ("twice.psp", "leaf,leaf"), ("latin.psp", "éé"),
                                            ("whole.psp", "outside")])
def test_inclusion_is_relative_to_the_file_that_includes(site: Path, name: str, text: str) -> None:
    assert answer(site / name, site) == text


@pytest.mark.parametrize(("name", "file", "line", "parts"), [
    ("missing.psp", "missing.psp", 3, ["parts/nothing.psp", "No such file"]),
    ("circle.psp", "parts/back.psp", 3, ["can't include itself", "circle.psp -> ", "back.psp -> "]),
    ("self.psp", "self.psp", 1, ["can't include itself", "self.psp"]),
    ("broken.psp", "parts/broken.psp", 4, ["invalid syntax"]),
    ("directory.psp", "directory.psp", 1, ["Is a directory", "parts"]),
    ("nul.psp", "nul.psp", 1, ["null byte|null character"]),
    ("out.psp", "out.psp", 1, ["other/x.psp is outside of the document root", "whole path"]),
])
def test_what_can_not_be_included(site: Path, name: str, file: str, line: int, parts: list[str]) -> None:
    with pytest.raises(SyntaxError) as caught:
        answer(site / name, site)
    assert (caught.value.filename, caught.value.lineno) == (str(site / file), line)
    for part in parts:
        assert any(one in str(caught.value.msg) for one in part.split("|"))


def test_a_link_does_not_hide_a_circle(site: Path) -> None:
    (site / "loop").symlink_to(site, target_is_directory=True)
    (site / "linked.psp").write_text('<%@ include file="loop/linked.psp" %>')
    with pytest.raises(SyntaxError, match="can't include itself"):
        answer(site / "linked.psp")


def test_only_relative_names_in_the_document_root_are_bound_to_it(site: Path) -> None:
    assert answer(site / "out.psp") == answer(site / "out.psp", site / "parts") == "outside"
    assert answer(site / "out.psp", site.parent) == "outside"


def test_too_long_a_chain_is_an_error(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"{number}.psp").write_text(f'<%@ include file="{number + 1}.psp" %>')
    with pytest.raises(SyntaxError, match="too many files"):
        answer(tmp_path / "0.psp")


def test_a_string_includes_relative_to_the_current_directory(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site)
    assert run('<%@ include file="leaf.psp" %>!') == "leaf!"
    with pytest.raises(SyntaxError, match=r"nothing\.psp"):
        psp.parsestring(b'<%@ include file="nothing.psp" %>')


# --- names that a page mentions ---

def test_the_names_that_a_page_mentions(tmp_path: Path) -> None:
    (tmp_path / "page.psp").write_text(
        "form in text <%\ndef f():\n    return session\n# end\n%><%= [req.args for x in y] %>")
    names = compiled_file(str(tmp_path / "page.psp")).code.names
    assert {"session", "req", "f", "y"} <= names and "form" not in names


# --- memory ---

def page_of(name: str) -> Page:
    return Page(compile_page(parse(File(name, ""), Reader(None).include)), [])


def test_the_pages_that_were_asked_for_least_go() -> None:
    memory = Memory(8, 6)
    pages = [page_of(str(number)) for number in range(9)]
    for number in range(8):
        memory.put(number, pages[number])
        for _ in range(number % 4):
            assert memory.get(number) is pages[number]
    memory.put(8, pages[8])
    assert len(memory) == 6
    assert [number for number in range(9) if memory.get(number)] == [2, 3, 5, 6, 7, 8]
    memory.put(8, pages[0])
    assert memory.get(8) is pages[0] and len(memory) == 6


def test_a_page_is_current_while_none_of_its_files_has_changed(site: Path) -> None:
    def old(file: Path, seconds: int) -> None:
        os.utime(file, ns=(10**18, 10**18 + seconds * 10**9 + 1))
    for file in site.rglob("*.psp"):
        old(file, 0)
    page = compiled_file(str(site / "page.psp"))
    assert page.is_current()
    old(site / "leaf.psp", 1)
    assert not page.is_current()
    old(site / "leaf.psp", 0)
    assert page.is_current()
    (site / "leaf.psp").unlink()
    assert not page.is_current()


def test_a_change_within_one_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "page.psp"
    file.write_text("one")
    stamp = file.stat().st_mtime_ns
    page = compiled_file(str(file))
    assert page.is_current()
    file.write_text("two")
    os.utime(file, ns=(stamp, stamp))
    assert not page.is_current()
