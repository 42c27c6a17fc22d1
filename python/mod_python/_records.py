"""What the importer knows of each module: its file, the version of it that is served, and what it stands on.

A record is found by the module's name (sys.modules' name, or the private label of a module that is known by its file)
and stays for the life of the interpreter. When a file is seen to have changed, its record and all that stand on it are
marked stale, and whoever imports a stale module next loads it anew. A mark is set once per change, so neither a diamond
nor a circle of imports loads a module twice.

The graph is guarded by one lock, under which nothing is executed and nobody waits.
"""

import threading
import time
from collections.abc import Iterator
from types import ModuleType

from mod_python import _source
from mod_python._source import Source, Version


class Record:
    """One module. Also the `cache` of the 3.3 API, for those who look at `__mp_info__.cache`."""

    def __init__(self, name: str, file: str, plain: bool) -> None:
        self.name = name
        self.file = file
        self.plain = plain                              # in sys.modules under its name
        self.module: ModuleType | None = None           # what is served
        self.loading: ModuleType | None = None          # what is being executed, under the module's lock
        self.stale = True                               # to be loaded at the next import
        self.seen: Version | None = None                # of the file, as loaded (or tried) or last looked at
        self.digest: bytes | None = None                # of the content, where the version does not tell all
        self.missing = False                            # the file was gone at the last look
        self.children: dict[str, Record] = {}           # what this version imported through the importer
        self.info = ModuleInfo(self)                    # of this version
        self.generation = 0                             # versions loaded so far
        self.direct = 0                                 # times asked for as a handler
        self.indirect = 0                               # times asked for by import_module()
        self.ctime = time.time()
        self.atime = self.ctime

    @property
    def label(self) -> str:
        return self.name

    @property
    def mtime(self) -> float:
        seen = self.seen
        return seen.mtime_ns / 1e9 if seen else 0.0

    @property
    def reload(self) -> int:
        return max(self.generation - 1, 0)


class ModuleInfo:
    """`__mp_info__` of a module: one object per version of it."""

    def __init__(self, record: Record, hook: bool = False) -> None:
        self.cache = record
        self.hook = hook        # its import statements prefer neighbours

    @property
    def label(self) -> str:
        return self.cache.name

    @property
    def file(self) -> str:
        return self.cache.file

    @property
    def children(self) -> list[str]:
        return list(self.cache.children)


_graph = threading.Lock()
_records: dict[str, Record] = {}


def find(name: str) -> Record | None:
    return _records.get(name)


def of(name: str, file: str, plain: bool) -> Record:
    """The record of that name, made if there is none."""
    with _graph:
        record = _records.get(name)
        if record is None:
            record = _records[name] = Record(name, file, plain)
        record.file = file
        return record


def every() -> list[Record]:
    with _graph:
        return list(_records.values())


def closure(record: Record) -> list[Record]:
    """The record and all that it stands on, itself first."""
    with _graph:
        found = {id(record): record}
        todo = [record]
        while todo:
            for child in todo.pop().children.values():
                if id(child) not in found:
                    found[id(child)] = child
                    todo.append(child)
        return list(found.values())


def _dependents(record: Record) -> Iterator[Record]:
    above: dict[int, list[Record]] = {}
    for parent in _records.values():
        for child in parent.children.values():
            above.setdefault(id(child), []).append(parent)
    found = {id(record)}
    todo = [record]
    while todo:
        for parent in above.get(id(todo.pop()), ()):
            if id(parent) not in found:
                found.add(id(parent))
                todo.append(parent)
                yield parent


def connect(parent: Record, child: Record) -> bool:
    """Note that `parent` stands on `child`; False if that was known."""
    with _graph:
        if child is parent or child.name in parent.children:
            return False
        parent.children[child.name] = child
        return True


def look(record: Record) -> bool:
    """Look at the file; if it changed, mark the record and its dependents stale. True if it went missing just now."""
    before = record.seen, record.digest
    now, digest = _source.version_of(record.file), record.digest
    if now is None:
        gone, record.missing = not record.missing, True
        return gone
    record.missing = False
    if now == before[0]:
        if digest is None:
            return False
        try:
            source = _source.read(record.file)
        except OSError:
            return False
        now, digest = source.version, source.digest() if source.racy else None
        if now == before[0] and source.digest() == before[1]:
            record.digest = digest
            return False
    with _graph:
        if before == (record.seen, record.digest):
            # In this order: who finds the file unchanged, without the lock, must find the marks as well.
            _mark(record)
            record.seen, record.digest = now, digest
            return False
    return look(record)         # another thread was here in between


def _mark(record: Record) -> None:
    record.stale = True
    for dependent in _dependents(record):
        dependent.stale = True


def begin(record: Record, source: Source, hook: bool) -> ModuleInfo:
    """A version of the record is about to be executed, of this source."""
    with _graph:
        if record.seen is not None and record.seen != source.version:
            _mark(record)
        record.seen = source.version
        record.digest = source.digest() if source.racy else None
        record.missing = False
        record.stale = False
        record.children = {}
        record.info = ModuleInfo(record, hook)
        return record.info


def adopt(record: Record, module: ModuleType, since: int) -> None:
    """Take over a module that the import statement loaded. Nobody noted of which version: if the file changed after
    `since`, in nanoseconds, it may have been an older one, and is loaded anew."""
    with _graph:
        record.module = module
        record.seen = _source.version_of(record.file)
        record.digest = None
        record.stale = record.seen is not None and record.seen.mtime_ns > since
        if isinstance(module, ModuleType):              # what its functions import from now on counts as well
            module.__dict__["__mp_info__"] = record.info


def watched(record: Record) -> tuple[tuple[str, int, int], ...]:
    """(file, mtime in nanoseconds, size) of all that the record stands on, as they must be for it to be current.

    Where file times can't tell yet, times and size are -1, so that the importer is asked again.
    """
    found = []
    for member in closure(record):
        seen = member.seen
        if seen is None or member.digest is not None or (member is record and member.stale):
            found.append((member.file, -1, -1))
        else:
            found.append((member.file, seen.mtime_ns, seen.size))
    return tuple(found)
