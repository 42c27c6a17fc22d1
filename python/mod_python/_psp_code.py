"""From generated source to code that speaks of the page: file and line in tracebacks are the page's.

The code object of a page has one file name, but lines of several files if it includes some. So lines of included files
are numbered behind those of the page, and the functions that stand in an included file get its name and its lines;
for the rest, tracebacks are put right when an exception leaves the page (`retrace`).
"""

from __future__ import annotations

import ast
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FrameType, TracebackType
from typing import NamedTuple

from mod_python._psp_parser import Generated
from mod_python._psp_text import File, Lines


class Places(NamedTuple):
    """Line `bases[i] + n` of a page's code is line n of files[i]; the page is files[0]."""

    files: list[str]
    bases: list[int]

    def of(self, line: int) -> tuple[str, int]:
        index = max(bisect_right(self.bases, line - 1) - 1, 0)
        return self.files[index], line - self.bases[index]


@dataclass
class Code:
    """A page that can be run."""

    code: CodeType
    places: Places

    @cached_property
    def names(self) -> frozenset[str]:
        """The global names, and the attributes, that the page mentions."""
        return frozenset(name for code in _codes(self.code) for name in code.co_names)


def compile_page(generated: Generated) -> Code:
    """Raises SyntaxError with the file and the line that are wrong."""
    return _Compiler(generated).compile()


class _Compiler:
    def __init__(self, generated: Generated) -> None:
        self.generated = generated
        self.lines = Lines(generated.text)
        self.base: dict[File, int] = {}
        base = 0
        for file in generated.files:
            self.base[file] = base
            base += len(file.starts) + 1

    def compile(self) -> Code:
        name = self.generated.files[0].name
        try:
            return self.compile_as(name)
        except (RecursionError, MemoryError):       # the latter is how CPython's parser says it
            raise SyntaxError("Python code is nested too deeply, or there is no memory left",
                              (name, 1, None, None)) from None

    def compile_as(self, name: str) -> Code:
        try:
            tree = ast.parse(self.generated.text, name)
        except SyntaxError as error:
            raise self.generated_error(error) from None
        for node in ast.walk(tree):
            if hasattr(node, "lineno"):
                self.move(node)
        places = Places([file.name for file in self.base], list(self.base.values()))
        try:
            code = compile(tree, name, "exec", dont_inherit=True)
        except SyntaxError as error:
            raise self.page_error(error, places) from None
        if len(self.base) > 1:
            code = code.replace(co_consts=_settled(code.co_consts, places))
        return Code(code, places)

    def move(self, node: ast.AST) -> None:
        """Give a node its place in the page."""
        start = self.lines.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        end = self.lines.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
        (file, first), (end_file, last) = self.generated.source(start), self.generated.source_end(end)
        line, column = file.position(first)
        end_line, end_column = file.position(last) if end_file is file else (0, 0)
        if (end_line, end_column) <= (line, column):        # made, not copied; or it ends in another file
            end_line, column, end_column = line, -1, -1
        base = self.base[file]
        node.lineno, node.col_offset = base + line, column  # type: ignore[attr-defined]
        node.end_lineno, node.end_col_offset = base + end_line, end_column  # type: ignore[attr-defined]

    def generated_error(self, error: SyntaxError) -> SyntaxError:
        """An error in the generated source as one in the page."""
        line = min(max(error.lineno or 1, 1), len(self.lines.starts))
        start = self.lines.starts[line - 1]
        file, offset = self.generated.source(start + min(max((error.offset or 1) - 1, 0), len(self.lines.line(line))))

        def of_page(match: re.Match[str]) -> str:
            other, place = self.generated.source(self.lines.offset(int(match[0]), 0))
            return f"{other.position(place)[0]}" + ("" if other is file else f" of {other.name}")
        message = re.sub(r"(?<=\bline )\d+", of_page, error.msg)
        behind_block = "%>" in (file.text[offset:offset + 2], file.text[offset - 2:offset])
        if behind_block and message.startswith(("unexpected indent", "unindent", "expected an indented")):
            message += " (text behind a block is indented as the last line of the block is)"
        return file.error(offset, message, type(error))

    def page_error(self, error: SyntaxError, places: Places) -> SyntaxError:
        """An error in code whose lines are the page's already."""
        name, line = places.of(error.lineno or 1)
        file = next(file for file in self.base if file.name == name)
        return file.error(file.offset(line, max((error.offset or 1) - 1, 0)), error.msg, type(error))


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _settled(constants: tuple[object, ...], places: Places) -> tuple[object, ...]:
    """The constants of some code; in functions and classes that lie in one included file its name and its lines."""
    return tuple(_settled_code(one, places) if isinstance(one, CodeType) else one for one in constants)


def _settled_code(code: CodeType, places: Places) -> CodeType:
    code = code.replace(co_consts=_settled(code.co_consts, places))
    lines = {code.co_firstlineno, *(line for _, _, line in code.co_lines() if line)}
    names = {places.of(line)[0] for line in lines}
    if len(names) == 1 and names != {places.files[0]}:
        name, first = places.of(code.co_firstlineno)
        return code.replace(co_filename=name, co_firstlineno=first)
    return code


def renamed(page: Code, files: list[str]) -> Code:
    """The same page with its files at other places."""
    names = dict(zip(page.places.files, files, strict=True))

    def rename(code: CodeType) -> CodeType:
        constants = tuple(rename(one) if isinstance(one, CodeType) else one for one in code.co_consts)
        return code.replace(co_filename=names.get(code.co_filename, code.co_filename), co_consts=constants)
    return page if files == page.places.files else Code(rename(page.code), Places(files, page.places.bases))


def retrace(error: BaseException, page: Code) -> None:
    """Gives the traceback of an exception that leaves a page the files and lines that the page includes."""
    if len(page.places.files) == 1:
        return
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = _retraced(one.__traceback__, page.places)
        todo += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def _retraced(traceback: TracebackType | None, places: Places) -> TracebackType | None:
    entries: list[TracebackType] = []
    while traceback is not None:
        entries.append(traceback)
        traceback = traceback.tb_next
    result: TracebackType | None = None
    for entry in reversed(entries):
        frame, instruction = entry.tb_frame, entry.tb_lasti
        name, line = places.of(entry.tb_lineno)
        if frame.f_code.co_filename == places.files[0] != name:
            # Without an instruction there is no column, which would be one of another frame's code.
            frame, instruction = _frame(name, frame), -1
        else:
            line = entry.tb_lineno
        result = TracebackType(result, frame, instruction, line)
    return result


def _frame(name: str, like: FrameType) -> FrameType:
    """A frame whose code seems to be in the file of that name."""
    code = compile("frame = here()", name, "exec").replace(co_name=like.f_code.co_name)
    namespace: dict[str, object] = {"here": lambda: sys._getframe(1)}
    exec(code, namespace)
    frame = namespace.pop("frame")
    assert isinstance(frame, FrameType)
    return frame
