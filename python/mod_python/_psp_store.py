"""Compiled pages on disk: the .psc file beside a page, and the database that the children share.

To load such data is to run what is in it. So a .psc file counts only if nobody could write it who could not write the
page itself, and the database only if the server alone may write it, and its directory.
"""

from __future__ import annotations

import contextlib
import dbm
import hashlib
import importlib.util
import marshal
import os
import stat
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mod_python import _source
from mod_python._psp_code import Code, Places, renamed
from mod_python._psp_pages import Dependency, Page, may_include
from mod_python._source import Version

if TYPE_CHECKING:
    from mod_python._apache import mp_server

# What the data is, and for which Python. Another format needs another number.
MAGIC = b"mod_python psp 1 " + importlib.util.MAGIC_NUMBER
_DIGEST_SIZE = 16

# What the modules that dbm chooses among put behind the name of a database.
_SUFFIXES = ("", ".db", ".pag", ".dir", ".dat", ".bak", "-journal", "-wal", "-shm")

_INFO, _WARNING = 6, 4
_said: set[str] = set()


def compiled_name(path: str) -> str:
    """page.psp -> page.psc"""
    return path[:-1] + "c"


def dump(page: Page) -> bytes:
    files = [(one.path, *one.version, one.relative) for one in page.dependencies]
    data = marshal.dumps((files, *page.code.places, page.code.code))
    return MAGIC + _digest(data) + data


def load(data: bytes, path: str) -> Page | None:
    """The page at `path` from what dump() made, there or where the page was before; None if it is for another Python.

    Raises ValueError for what is damaged.
    """
    if not data.startswith(MAGIC):
        return None
    start = len(MAGIC) + _DIGEST_SIZE
    if _digest(data[start:]) != data[len(MAGIC):start]:
        raise ValueError("it is damaged")
    files, names, bases, code = marshal.loads(data[start:])
    before, now = os.path.dirname(files[0][0]), os.path.dirname(path)
    moved = {name: os.path.normpath(os.path.join(now, os.path.relpath(name, before))) if relative else name
             for name, _, _, relative in files}
    moved[files[0][0]] = path
    dependencies = [Dependency(moved[name], Version(mtime, size), relative) for name, mtime, size, relative in files]
    return Page(renamed(Code(code, Places(names, bases)), [moved[name] for name in names]), dependencies)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_SIZE).digest()


def write_compiled(page: Page) -> str:
    """Write the .psc file of a page that is a file; return its name. Raises OSError."""
    source = page.dependencies[0].path
    name = compiled_name(source)
    if name == source:
        raise ValueError(f"{source}: the compiled file of a page has its name with a c at the end")
    mode = stat.S_IMODE(os.stat(source).st_mode) & 0o644
    handle, temporary = tempfile.mkstemp(prefix=os.path.basename(name) + ".", dir=os.path.dirname(name) or ".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(dump(page))
            os.fchmod(handle, mode)
        newest = max(one.version.mtime_ns for one in page.dependencies)
        if newest > os.stat(temporary).st_mtime_ns:         # a page from the future
            os.utime(temporary, ns=(newest, newest))
        os.replace(temporary, name)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return name


def read_compiled(path: str, root: str | None) -> Page | None:
    """The page from its .psc file; None if there is none, or none that fits and can be trusted."""
    name = compiled_name(path)
    if name == path:
        return None
    try:
        with open(name, "rb") as file:
            found, source = os.fstat(file.fileno()), os.stat(path)
            if not stat.S_ISREG(found.st_mode) or found.st_mtime_ns < source.st_mtime_ns:
                return None
            trouble = _distrusted(found, source)
            data = b"" if trouble else file.read()
        page = None if trouble else load(data, path)
    except OSError:
        return None
    except ValueError as error:
        trouble, page = str(error), None
    if trouble:
        say(_WARNING, f"MP0121: {name} is not used: {trouble}; the page is compiled anew. To write it again, run"
                       f" python -m mod_python.psp {path}")
    if page is None:
        if not trouble:
            say(_INFO, f"MP0121: {name} is not used: it is for another Python, or another mod_python")
        return None
    return page if _fits(page, found.st_mtime_ns, root) else None


def _distrusted(found: os.stat_result, source: os.stat_result) -> str | None:
    if found.st_uid not in (0, os.geteuid(), source.st_uid):
        return f"its owner (uid {found.st_uid}) is neither that of the page nor the server's user nor root"
    if found.st_mode & ~source.st_mode & 0o022:
        return "others may write it who may not write the page"
    return None


def _fits(page: Page, written: int, root: str | None) -> bool:
    """Whether the files are those that were compiled: not written later, and of the same size; and may be included."""
    root = os.path.abspath(root) if root else None
    for one in page.dependencies:
        now = _source.version_of(one.path)
        if now is None or now.mtime_ns > written or now.size != one.version.size:
            return False
        if one.relative and not may_include(one.path, page.dependencies[0].path, root):
            return False
        one.version = now
    return True


class Database:
    """Compiled pages of all children, under the global lock for such files."""

    def __init__(self, name: str, server: mp_server) -> None:
        self.name = name
        self.server = server

    def fetch(self, path: str, root: str | None) -> Page | None:
        """The page, if it is there, for this Python, and its files are as they were."""
        data = self._use("r", lambda database: database.get(_key(path, root)))
        try:
            page = None if data is None else load(data, path)
        except ValueError as error:
            say(_WARNING, f"MP0122: {self.name}: the entry of {path} is made anew: {error}")
            return None
        return page if page is not None and page.is_current() else None

    def store(self, path: str, root: str | None, page: Page) -> None:
        if any(one.digest for one in page.dependencies):
            return              # changed a moment ago: its version does not tell all yet

        def put(database: Any) -> None:
            database[_key(path, root)] = dump(page)
        self._use("c", put)

    def _use(self, flag: Any, use: Callable[[Any], bytes | None]) -> bytes | None:
        """What use(database) returns; None where there is no database to read, or none that can be used."""
        from mod_python import _apache
        _apache._global_lock(self.server, None, 0)
        try:
            trouble = self._distrusted()
            if trouble is None:
                if flag == "r" and dbm.whichdb(self.name) is None:
                    return None
                with contextlib.closing(dbm.open(self.name, flag, 0o600)) as database:
                    return use(database)
        except Exception as error:          # dbm's modules raise what they like
            trouble = f"{type(error).__name__}: {error}"
        finally:
            _apache._global_unlock(self.server, None, 0)
        say(_WARNING, f"MP0122: {self.name}, the cache of PythonOption mod_python.psp.cache_database_filename, is not"
                       f" used: {trouble}")
        return None

    def _distrusted(self) -> str | None:
        directory = os.path.dirname(self.name)
        for name in (directory, *(self.name + suffix for suffix in _SUFFIXES)):
            try:
                found = os.stat(name)
            except FileNotFoundError:
                if name == directory:
                    return f"there is no directory {directory}"
                continue
            if found.st_uid not in (0, os.geteuid()):
                return f"{name} belongs to uid {found.st_uid}, and not to the server's user or root"
            if found.st_mode & 0o022:
                return f"others than the server may write {name}; chmod go-w {name}"
        return None


def _key(path: str, root: str | None) -> bytes:
    return MAGIC + os.fsencode("\0".join((root or "", path)))


def say(level: int, message: str) -> None:
    """A line in the log, once in this interpreter."""
    from mod_python import _apache
    if message not in _said:
        _said.add(message)
        _apache._log(level, message)
