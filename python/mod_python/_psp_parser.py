"""From a page to Python: the source that psp.parse() shows, and from where in which file each part of it comes.

Text becomes calls of req.write(), code is copied, and what is between two line ends of the page stays on one line. The
rules of indentation are in _Parser.block(); docs/psp.md has them for users.
"""

from __future__ import annotations

import io
import re
import tokenize
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from mod_python._psp_text import File

# Finds what a directive of the first file includes, and reads it. Raises OSError and ValueError, SyntaxError for a
# file that can't be decoded.
Include = Callable[[File, str], File]

_DIRECTIVE = re.compile(r"""\s*include\s+file\s*=\s*(?:"([^"]*)"|'([^']*)')\s*""")
_SPECIAL = re.compile('["\\\\\0\r\ud800-\udfff]')
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\r": "\\r"}

# What can't stand behind a semicolon. `match` and `case` may be names; they are not missed on a line of their own.
_COMPOUND = re.compile(r"(?:async|class|def|elif|else|except|finally|for|if|try|while|with)\b|@")
_NEEDS_A_LINE = re.compile(rf"{_COMPOUND.pattern}|(?:match|case)\b")


class Mark(NamedTuple):
    """From `start` of the generated text on, up to the next mark: it was made at `offset` of the file, or copied from
    there on."""

    start: int
    file: File
    offset: int
    copied: bool


class Generated(NamedTuple):
    """The Python source of a page; `files` are the page and what it includes, each once."""

    text: str
    marks: list[Mark]
    files: list[File]

    def source(self, offset: int) -> tuple[File, int]:
        """Where the character at that offset comes from."""
        mark = self.marks[bisect_right(self.marks, offset, key=lambda mark: mark.start) - 1]
        return mark.file, mark.offset + (offset - mark.start if mark.copied else 0)

    def source_end(self, offset: int) -> tuple[File, int]:
        """Where what ends before that offset ends."""
        mark = self.marks[bisect_right(self.marks, max(offset - 1, 0), key=lambda mark: mark.start) - 1]
        return mark.file, mark.offset + (offset - mark.start if mark.copied else 0)


def parse(page: File, include: Include) -> Generated:
    """Raises SyntaxError, with file and line, for blocks without end, wrong directives and failed inclusions."""
    parser = _Parser(include)
    parser.write('req.write("""', page, 0)
    parser.body(page, (page,))
    parser.write('""",0)\n', page, len(page.text))
    return Generated("".join(parser.parts), parser.marks, list(parser.files.values()))


class _Parser:
    def __init__(self, include: Include) -> None:
        self.include = include
        self.files: dict[object, File] = {}
        self.parts: list[str] = []
        self.length = 0
        self.marks: list[Mark] = []
        self.indent = ""            # of the line that is being written

    def write(self, text: str, file: File, offset: int) -> None:
        """Adds what is not copied."""
        self._add(text, Mark(self.length, file, offset, False))

    def copy(self, file: File, start: int, end: int) -> None:
        self._add(file.text[start:end].replace("\r", "\n"), Mark(self.length, file, start, True))

    def _add(self, text: str, mark: Mark) -> None:
        if text:
            self.marks.append(mark)
            self.parts.append(text)
            self.length += len(text)

    def body(self, file: File, stack: tuple[File, ...]) -> None:
        """A file, inside of the string of a write; `stack` are the files that include it, and itself."""
        self.files.setdefault(file.identity or file, file)
        text, position = file.text, 0
        while (start := text.find("<%", position)) >= 0:
            self.text(file, position, start)
            kind = text[start + 2:start + 4]
            if kind == "--":
                end, position = self.end(file, start, 4, "--%>")
                continue
            end, position = self.end(file, start, 2, "%>")
            if kind[:1] == "@":
                self.directive(file, start, end, stack)
            elif kind[:1] == "=":
                self.expression(file, start + 3, end)
            else:
                self.code(file, start + 2, end)
        self.text(file, position, len(text))

    @staticmethod
    def end(file: File, start: int, opening: int, closing: str) -> tuple[int, int]:
        """Where what begins at `start` ends, and where the text goes on."""
        end = file.text.find(closing, start + opening)
        if end < 0:
            raise file.error(start, f"'{file.text[start:start + opening]}' without '{closing}'")
        return end, end + len(closing)

    def text(self, file: File, start: int, end: int) -> None:
        self.write(_SPECIAL.sub(_escape, file.text[start:end]), file, start)

    def expression(self, file: File, start: int, end: int) -> None:
        _check(file, start, end)
        self.write('""",0); req.write(str(', file, start - 3)
        self.copy(file, start, end)
        comment = _has_comment(f"({file.text[start:end]}\n)")
        self.write(("\n" if comment else "") + '),0); req.write("""', file, end + 2)

    def code(self, file: File, start: int, end: int) -> None:
        _check(file, start, end)
        self.write('""",0); ', file, start - 2)
        lines = file.text[start:end].replace("\r", "\n").split("\n")
        if len(lines) > 1:
            self.block(file, start, end, lines)
        else:
            self.inline(file, start, end, lines[0])
        self.write('req.write("""', file, end + 2)

    def inline(self, file: File, start: int, end: int, line: str) -> None:
        """A block without line ends: part of the line that it stands in."""
        statement = line.strip()
        if statement.startswith("#"):       # on a line of its own it ends what was indented
            self.indent = ""
            self.write("\n", file, start)
            self.copy(file, start + len(line) - len(line.lstrip()), end)
            self.write("\n", file, end)
            return
        if _COMPOUND.match(statement):
            raise file.error(start + len(line) - len(line.lstrip()),
                             "a compound statement must be in a block with line ends, not in one line with text")
        self.copy(file, start, end)
        if _has_comment(statement):
            self.write("\n" + self.indent, file, end)
        elif statement:
            self.write(" " if statement.endswith(";") else "; ", file, end)

    def block(self, file: File, start: int, end: int, lines: list[str]) -> None:
        """A block with line ends. What follows is indented as its last line is; more after a colon, and not at all
        after an empty line."""
        first = lines[0].lstrip()
        if _NEEDS_A_LINE.match(first):
            self.write("\n" + self.indent, file, start)
            start += len(lines[0]) - len(first)
        ended = not lines[-1].strip()
        last = len(lines) - 1 - ended
        self.copy(file, start, end - (len(lines[-1]) if ended else 0))
        line = lines[last]
        if not line.strip():
            self.indent = ""
        else:
            # The first line is part of the one that is being written.
            indent = line[:len(line) - len(line.lstrip(" \t"))] if last else self.indent
            self.indent = indent + ("\t" if _opens(line) else "")
        self.write(("" if ended else "\n") + self.indent, file, end)

    def directive(self, file: File, start: int, end: int, stack: tuple[File, ...]) -> None:
        text = file.text[start + 3:end]
        found = _DIRECTIVE.fullmatch(text)
        if not found:
            raise file.error(start, f"unknown directive '<%@{text[:60]}%>'; there is <%@ include file=\"name\" %> only")
        name = found[1] or found[2] or ""
        what = f'include file "{name}"'
        try:
            included = self.include(file, name)
        except SyntaxError:
            raise
        except OSError as error:
            raise file.error(start, f"{what}: {error.strerror or error}: {error.filename}") from None
        except ValueError as error:
            raise file.error(start, f"{what}: {error}") from None
        for outer in stack:
            if outer is included or (outer.identity is not None and outer.identity == included.identity):
                chain = " -> ".join(one.name for one in (*stack[stack.index(outer):], included))
                raise file.error(start, f"{what}: a file can't include itself: {chain}")
        # The same file object for each of its inclusions.
        included = self.files.get(included.identity or included, included)
        try:
            self.body(included, (*stack, included))
        except RecursionError:
            raise file.error(start, f"{what}: too many files that include one another") from None


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    return _ESCAPES.get(char) or (f"\\u{ord(char):04x}" if ord(char) > 255 else f"\\x{ord(char):02x}")


def _opens(line: str) -> bool:
    """Whether the line ends in a colon. Blanks behind it are no matter, but in a comment."""
    return line.endswith(":") or (line.rstrip().endswith(":") and not line.lstrip().startswith("#"))


def _has_comment(code: str) -> bool:
    """Whether code ends in a comment, or can't be read; then what follows needs a line of its own."""
    if "#" not in code:
        return False
    try:
        return any(token.type == tokenize.COMMENT for token in tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError):
        return True


def _check(file: File, start: int, end: int) -> None:
    """Raises SyntaxError for what Python's compiler takes for no text at all."""
    for position in range(start, end) if re.search("[\0\ud800-\udfff]", file.text[start:end]) else ():
        char = file.text[position]
        if char == "\0" or "\ud800" <= char <= "\udfff":
            raise file.error(position, f"Python code can't have the character {char!a}")
