"""Pages that are ready to run: read with what they include, compiled, and kept in memory until their files change.

A page is looked for in memory, in the file that psp.compile_file() wrote beside it, and in the database of
PythonOption mod_python.psp.cache_database_filename; else it is compiled.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mod_python import _psp_parser, _source
from mod_python._psp_code import Code, compile_page
from mod_python._psp_parser import Generated
from mod_python._psp_text import File
from mod_python._source import Source, Version

CACHED = 512            # pages of files, and as many of strings
KEPT = CACHED * 3 // 4


@dataclass
class Dependency:
    """A file that a page was made of."""

    path: str
    version: Version
    relative: bool                  # included by a name that is relative to the file that includes it
    digest: bytes | None = None     # of the content, where the version does not tell all

    def is_current(self) -> bool:
        if _source.version_of(self.path) != self.version:
            return False
        if self.digest is None:
            return True
        try:
            source = _source.read(self.path)
        except OSError:
            return False
        if source.version != self.version or source.digest() != self.digest:
            return False
        if not source.racy:
            self.digest = None
        return True


@dataclass
class Page:
    """The code of a page and what it was made of, the page's own file first if it is one."""

    code: Code
    dependencies: Sequence[Dependency]
    text: str | None = None         # of a page that is no file

    def is_current(self) -> bool:
        return all(dependency.is_current() for dependency in self.dependencies)


class Memory:
    """Pages by key; when there are too many, those go that were asked for least."""

    def __init__(self, size: int = CACHED, kept: int = KEPT) -> None:
        self._size, self._kept = size, kept
        self._lock = threading.Lock()
        self._pages: dict[Hashable, Page] = {}
        self._hits: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._pages)

    def get(self, key: Hashable) -> Page | None:
        """The page, if it is there and its files are as they were."""
        page = self._pages.get(key)
        if page is None or not page.is_current():
            return None
        with self._lock:
            if key in self._hits:
                self._hits[key] += 1
        return page

    def put(self, key: Hashable, page: Page) -> None:
        with self._lock:
            if key not in self._pages and len(self._pages) >= self._size:
                # The last ones first, so that they stay among equals.
                best = sorted(reversed(self._hits.items()), key=lambda item: -item[1])
                for name, _ in best[self._kept - 1:]:
                    del self._hits[name], self._pages[name]
            self._hits.setdefault(key, 0)
            self._pages[key] = page


files = Memory()
strings = Memory()


class Reader:
    """Reads the files of one page. `root` is the document root, `directory` that of a page that is no file."""

    def __init__(self, root: str | None, directory: str | None = None) -> None:
        self.root = os.path.abspath(root) if root else None
        self.directory = directory
        self.sources: dict[str, Source] = {}
        self.relative: set[str] = set()

    def file(self, path: str) -> File:
        source = self.sources.get(path)
        if source is None:
            source = self.sources[path] = _source.read(path)
        stat = os.stat(path)
        return File(path, source.data, path, (stat.st_dev, stat.st_ino))

    def include(self, including: File, name: str) -> File:
        """The file that a directive names. Raises OSError, ValueError, and SyntaxError for what is no text."""
        if os.path.isabs(name):
            return self.file(os.path.normpath(name))
        here = os.path.dirname(including.path) if including.path else self.directory or os.getcwd()
        path = os.path.abspath(os.path.join(here, name))
        if not may_include(path, including.path or os.path.join(here, "string"), self.root):
            raise ValueError(f"{path} is outside of the document root {self.root}; if that is meant, give the"
                             " whole path")
        self.relative.add(path)
        return self.file(path)

    def dependencies(self) -> list[Dependency]:
        return [Dependency(path, source.version, path in self.relative, source.digest() if source.racy else None)
                for path, source in self.sources.items()]


def may_include(path: str, including: str, root: str | None) -> bool:
    """Whether a relative name may lead there: not out of the document root, if the file that includes is in it."""
    return root is None or not _is_below(including, root) or _is_below(path, root)


def _is_below(path: str, directory: str) -> bool:
    return path.startswith(os.path.join(directory, ""))


def generated_of_file(path: str, root: str | None = None) -> tuple[File, Generated]:
    """The text of a page and the Python source made of it. Raises OSError if it can't be read, SyntaxError."""
    reader = Reader(root)
    page = reader.file(path)
    return page, _psp_parser.parse(page, reader.include)


def generated_of_string(text: str | bytes, root: str | None, directory: str | None) -> tuple[File, Generated]:
    page = File(_name_of(text), text)
    return page, _psp_parser.parse(page, Reader(root, directory).include)


def compiled_file(path: str, root: str | None = None) -> Page:
    """The page, compiled now. Raises OSError, SyntaxError."""
    reader = Reader(root)
    return _compiled(reader, reader.file(path))


def _compiled(reader: Reader, page: File) -> Page:
    code = compile_page(_psp_parser.parse(page, reader.include))
    return Page(code, reader.dependencies(), page.text if page.path is None else None)


class Database(Protocol):
    """Where compiled pages are kept that other processes find."""

    def fetch(self, path: str, root: str | None) -> Page | None: ...

    def store(self, path: str, root: str | None, page: Page) -> None: ...


def page_of_file(path: str, root: str | None, ready_made: Callable[[str, str | None], Page | None],
                 database: Database | None) -> Page:
    """The page in a file. `ready_made` finds the one that was compiled before it is asked for."""
    key = path, root
    page = files.get(key)
    if page is None:
        page = ready_made(path, root)
        if page is None and database is not None:
            page = database.fetch(path, root)
        if page is None:
            page = compiled_file(path, root)
            if database is not None:
                database.store(path, root, page)
        files.put(key, page)
    return page


def page_of_string(text: str | bytes, root: str | None, directory: str | None) -> Page:
    """The page that the text is. It includes relative to the directory."""
    key = text, root, directory
    page = strings.get(key)
    if page is None:
        page = _compiled(Reader(root, directory), File(_name_of(text), text))
        strings.put(key, page)
    return page


def _name_of(text: str | bytes) -> str:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return f"<psp string {hashlib.blake2b(data, digest_size=4).hexdigest()}>"
