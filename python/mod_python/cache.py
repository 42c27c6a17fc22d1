"""Caches that look whether what they hold is still current: of files, of URLs, of results. They need no httpd::

    from mod_python import cache

    templates = cache.FileCache(100, "r")
    text = templates["/srv/site/page.html"]         # read again only when the file has changed

Any number of threads may use a cache; a value is built once, and who wants it meanwhile waits for it. Each interpreter
of each process has caches of its own.
"""

from __future__ import annotations

import os
import re
import time
import urllib.error
import urllib.request
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from email.message import Message
from email.utils import parsedate_to_datetime
from threading import Lock, RLock
from types import ModuleType
from typing import Any, NamedTuple

__all__ = ["NOT_INITIALIZED", "Cache", "Entry", "FileCache", "FunctionCache", "HTTPCache", "HTTPEntity", "ModuleCache",
           "WeakCache"]

TIMEOUT = 30            # seconds that HTTPCache waits for a server


class _NotInitialized:
    def __repr__(self) -> str:
        return "NOT_INITIALIZED"

    def __bool__(self) -> bool:
        return False


NOT_INITIALIZED: Any = _NotInitialized()
"""The value of an Entry that has none yet."""


class Entry:
    """What a cache holds for a key. check() and build() may leave on it what they need to know the next time."""

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.value: Any = NOT_INITIALIZED
        self.lock = RLock()                 # of whoever looks at the value, or builds it


class Cache:
    """A mapping that makes its values: cache[name] is what build() gives for the name, as long as check() lets it.

    With a max_size, the entries that were not used for the longest time go when there are more. Subclasses have a
    build() at least. What build() and check() raise is raised by cache[name], and nothing is kept of it then.
    """

    def __init__(self, max_size: int = 0) -> None:
        self.max_size = max_size
        self._lock = Lock()                 # of the mapping; nothing is called and nobody waits under it
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()     # the most recently used one last

    # What subclasses say

    def key(self, name: Any) -> Hashable:
        """What names the entry; names of equal keys share it."""
        key: Hashable = name
        return key

    def check(self, key: Hashable, name: Any, entry: Entry) -> Any:
        """None if the entry's value is current, else something that build() makes a new one of.

        An entry without a value (NOT_INITIALIZED) is built in either case.
        """
        return None

    def build(self, key: Hashable, name: Any, opened: Any, entry: Entry) -> Any:
        """The value for a name. opened is what check() has returned."""
        raise NotImplementedError(f"{type(self).__name__} has no build()")

    def commit(self, entry: Entry) -> None:
        """The entry has a new value."""

    def _pack(self, value: Any) -> Any:
        return value

    def _unpack(self, entry: Entry) -> Any:
        return entry.value

    # The mapping

    def __getitem__(self, name: Any) -> Any:
        key = self.key(name)
        entry = self._entry(key)
        try:
            with entry.lock:
                opened = self.check(key, name, entry)
                value = self._unpack(entry)
                if opened is not None or value is NOT_INITIALIZED:
                    value = self.build(key, name, opened, entry)
                    entry.value = self._pack(value)
                    self.commit(entry)
                return value
        finally:
            if entry.value is NOT_INITIALIZED:
                self._forget(entry)

    def __setitem__(self, name: Any, value: Any) -> None:
        entry = self._entry(self.key(name))
        with entry.lock:
            entry.value = self._pack(value)
            self.commit(entry)

    def __delitem__(self, name: Any) -> None:
        with self._lock:
            del self._entries[self.key(name)]

    def __contains__(self, name: Any) -> bool:
        """Whether there is a value; it may be one that check() would not let pass."""
        with self._lock:
            entry = self._entries.get(self.key(name))
        return entry is not None and self._unpack(entry) is not NOT_INITIALIZED

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.lru())

    def lru(self) -> list[Hashable]:
        """The keys, the one that was not used for the longest time first."""
        with self._lock:
            return list(self._entries)

    def mru(self) -> list[Hashable]:
        """The keys, the one that was used last first."""
        return self.lru()[::-1]

    def clear(self) -> None:
        """Forget all entries."""
        with self._lock:
            self._entries.clear()

    def _entry(self, key: Hashable) -> Entry:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = Entry(key)
                while 0 < self.max_size < len(self._entries):
                    self._entries.popitem(last=False)
            self._entries.move_to_end(key)
            return entry

    def _forget(self, entry: Entry) -> None:
        with self._lock:
            if self._entries.get(entry.key) is entry:
                del self._entries[entry.key]


class WeakCache(Cache):
    """A cache that does not keep its values alive: when nobody else uses one any more, it is built anew."""

    def _pack(self, value: Any) -> Any:
        return weakref.ref(value)

    def _unpack(self, entry: Entry) -> Any:
        if entry.value is NOT_INITIALIZED:
            return NOT_INITIALIZED
        value = entry.value()
        return NOT_INITIALIZED if value is None else value


class FileCache(Cache):
    """The content of files, by name; read again when a file's modification time has changed in any direction.

    mode is that of open(); text is UTF-8. OSError if a file can't be read.
    """

    def __init__(self, max_size: int = 0, mode: str = "rb") -> None:
        super().__init__(max_size)
        self.mode = mode

    def key(self, name: Any) -> Hashable:
        return str(os.path.abspath(name))

    def check(self, key: Hashable, name: Any, entry: Entry) -> Any:
        if entry.value is not NOT_INITIALIZED and getattr(entry, "mtime", None) == os.stat(name).st_mtime_ns:
            return None
        return open(name, self.mode, encoding=None if "b" in self.mode else "utf-8")

    def build(self, key: Hashable, name: Any, opened: Any, entry: Entry) -> Any:
        with opened:
            entry.mtime = os.fstat(opened.fileno()).st_mtime_ns  # type: ignore[attr-defined]
            return self.load(name, opened)

    def load(self, name: Any, opened: Any) -> Any:
        """The value for an open file; for subclasses."""
        return opened.read()


class ModuleCache(FileCache):
    """Modules by the names of their files. They are executed when they are new or have changed, and not in sys.modules.

    Inside httpd apache.import_module() does more: it knows what a module has imported.
    """

    def __init__(self, max_size: int = 0) -> None:
        super().__init__(max_size)

    def load(self, name: Any, opened: Any) -> ModuleType:
        file = os.path.abspath(name)
        module = ModuleType(re.sub(r"\W", "_", file))
        module.__file__ = file
        exec(compile(opened.read(), file, "exec", dont_inherit=True), module.__dict__)
        return module


class HTTPEntity(NamedTuple):
    """What a URL gave."""

    entity: bytes
    metadata: Message


class HTTPCache(Cache):
    """The content of http and https URLs, as HTTPEntity(entity, metadata): the body, and the headers.

    It is current as long as Cache-Control: max-age, or else Expires, says. After that the server is asked whether it
    has changed (ETag, Last-Modified). OSError if the server can't be reached, or answers with an error.
    """

    def check(self, key: Hashable, name: Any, entry: Entry) -> Any:
        if entry.value is not NOT_INITIALIZED and time.time() < getattr(entry, "expires", 0):
            return None
        if not str(name).lower().startswith(("http://", "https://")):
            raise ValueError(f"HTTPCache is for http:// and https:// URLs, not {name!r}")
        request = urllib.request.Request(name)
        if entry.value is not NOT_INITIALIZED:
            for header, condition in (("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")):
                if header in entry.value.metadata:
                    request.add_header(condition, entry.value.metadata[header])
        try:
            return urllib.request.urlopen(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as answer:
            with answer:
                if answer.code != 304 or entry.value is NOT_INITIALIZED:
                    raise
                entry.expires = _expires(answer.headers)  # type: ignore[attr-defined]
                return None

    def build(self, key: Hashable, name: Any, opened: Any, entry: Entry) -> HTTPEntity:
        with opened:
            entry.expires = _expires(opened.headers)  # type: ignore[attr-defined]
            return HTTPEntity(opened.read(), opened.headers)


def _expires(headers: Message) -> float:
    """Until when an answer is current; 0 if it must be asked for each time."""
    control = ",".join(headers.get_all("Cache-Control", [])).lower()
    if re.search(r"\bno-(?:cache|store)\b", control):
        return 0
    age = re.search(r"\bmax-age\s*=\s*\"?(\d{1,9})\b", control)
    if age:
        passed = headers.get("Age", "0").strip()
        return time.time() + int(age[1]) - (int(passed) if passed.isdecimal() else 0)
    try:
        return parsedate_to_datetime(headers["Expires"]).timestamp() if "Expires" in headers else 0
    except (TypeError, ValueError):         # "Expires: 0" and the like
        return 0


class FunctionCache(Cache):
    """A function that is called once for the same arguments, which must be hashable. Exceptions are not kept."""

    def __init__(self, function: Callable[..., Any], max_size: int = 0) -> None:
        super().__init__(max_size)
        self.function = function

    def key(self, name: Any) -> Hashable:
        args, keywords = name
        return args, frozenset(keywords.items())

    def build(self, key: Hashable, name: Any, opened: Any, entry: Entry) -> Any:
        args, keywords = name
        return self.function(*args, **keywords)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self[args, keywords]
