"""Source files: which version of one was read, and a loader that always reads the source.

Compiled files (.pyc) are neither read nor written here. They know their source only by its size and the second of its
change, which is too coarse for code that is edited while it serves; and a handler module is compiled once per version.
"""

import hashlib
import os
import time
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import NamedTuple

# How long after a change another one may leave the same time stamp: a few clock ticks, or two seconds where the file
# system keeps whole seconds.
TICKS_NS = 50_000_000
SECONDS_NS = 2_000_000_000


class Version(NamedTuple):
    """What tells one state of a file from another."""

    mtime_ns: int
    size: int


class Source(NamedTuple):
    """A file as it was read."""

    version: Version
    data: bytes
    # Read so soon after the change that the next change may look the same: the content must be compared.
    racy: bool

    def digest(self) -> bytes:
        return hashlib.blake2b(self.data, digest_size=16).digest()


def version_of(file: str) -> Version | None:
    """The file's version now, or None if it can't be examined."""
    try:
        stat = os.stat(file)
    except (OSError, ValueError):
        return None
    return Version(stat.st_mtime_ns, stat.st_size)


def read(file: str) -> Source:
    """Read a file. The version is taken first, so a change during the read makes a version that differs."""
    with open(file, "rb") as stream:
        stat = os.fstat(stream.fileno())
        age = time.time_ns() - stat.st_mtime_ns
        data = stream.read()
    window = SECONDS_NS if stat.st_mtime_ns % 1_000_000_000 == 0 else TICKS_NS
    return Source(Version(stat.st_mtime_ns, stat.st_size), data, -window < age < window)


class SourceLoader(SourceFileLoader):
    """Loads a file as Python source, whatever its extension, and never from a compiled file."""

    def __init__(self, name: str, path: str, opened: Callable[[Source], None] | None = None) -> None:
        super().__init__(name, path)
        self._opened = opened
        self.data: bytes | None = None          # what was compiled

    def get_code(self, fullname: str) -> CodeType:
        """Compile what the file holds now; tell `opened` first, so that it knows also what does not compile."""
        source = read(self.path)
        if self._opened is not None:
            self._opened(source)
        self.data = source.data
        code: CodeType = self.source_to_code(source.data, self.path)
        return code
