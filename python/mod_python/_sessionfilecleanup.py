"""The cleanup of FileSession's directory: some of its 256 directories at a time, where the last one left off.

`fs_status.txt` says where that is, `.mp_sess.lck` keeps two from cleaning up at once.
"""

from __future__ import annotations

import os
import re
import secrets
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mod_python import _sessioncodec

if TYPE_CHECKING:
    from mod_python._apache import mp_server

_APLOG_ERR, _APLOG_WARNING, _APLOG_NOTICE = 3, 4, 5
_LOCK, _STATUS = ".mp_sess.lck", "fs_status.txt"
_LOCK_IS_STALE = 3600           # seconds: whoever made the lock file is gone
_DIRECTORIES = 256
_SESSION = re.compile(r"[0-9a-f]{32}")
_UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.[0-9a-f]{8}")        # of a process that ended while it saved
_STATUS_LINE = re.compile(r"MPFS_3\.2 (\d{1,3}) (\d{1,15}) (\d{1,15}) (\d{1,9}(?:\.\d+)?)\s*")


@dataclass
class Progress:
    """Of the whole round, over several runs."""

    next: int = 0
    expired: int = 0
    total: int = 0
    seconds: float = 0.0


def clean_up(directory: str, codec: _sessioncodec.Codec, server: mp_server, *, fast: bool, verify: bool, timeout: float,
             grace: float, limit: float) -> None:
    """Delete sessions that are over for `grace` seconds, for `limit` seconds; 0: until all are done.

    fast: files that were read within timeout and grace are left alone, unread; if not verify, the others are deleted
    unread.
    """
    if not os.path.isdir(directory) or not _take_lock(directory, server):
        return
    try:
        _Run(directory, codec, server, fast, verify, timeout, grace).run(limit)
    except Exception:
        server.log_error(f"MP0133: the cleanup of {directory} failed\n{traceback.format_exc()}", _APLOG_ERR)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(directory, _LOCK))


def _take_lock(directory: str, server: mp_server) -> bool:
    lock = os.path.join(directory, _LOCK)
    try:
        os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return True
    except FileExistsError:
        pass
    except OSError as error:
        server.log_error(f"MP0133: no cleanup of {directory}: {error}", _APLOG_ERR)
        return False
    with suppress(FileNotFoundError):
        if time.time() - os.stat(lock).st_mtime > _LOCK_IS_STALE:
            server.log_error(f"MP0133: {lock} is older than an hour, and removed; the next cleanup will run",
                             _APLOG_WARNING)
            os.unlink(lock)
    return False


class _Run:
    def __init__(self, directory: str, codec: _sessioncodec.Codec, server: mp_server, fast: bool, verify: bool,
                 timeout: float, grace: float) -> None:
        self.directory, self.codec, self.server = directory, codec, server
        self.fast, self.verify, self.timeout, self.grace = fast, verify, timeout, grace
        self.now = time.time()

    def run(self, limit: float) -> None:
        begin, done = time.monotonic(), _read(self.directory)
        before = done.seconds
        self._log("starts" if not done.next else f"goes on with directory {done.next}")
        while done.next < _DIRECTORIES:
            self._clean_directory(f"{done.next:02x}", done)
            done.next += 1
            done.seconds = before + time.monotonic() - begin
            if limit and time.monotonic() - begin > limit and done.next < _DIRECTORIES:
                self._log(f"is incomplete: the next run goes on with directory {done.next}")
                break
        else:
            self._log(f"is complete: {done.expired} of {done.total} sessions deleted in {done.seconds:.1f} s")
            done = Progress()
        _write(self.directory, done)

    def _log(self, what: str) -> None:
        self.server.log_error(f"MP0132: the cleanup of {self.directory} {what}", _APLOG_NOTICE)

    def _clean_directory(self, name: str, done: Progress) -> None:
        directory = os.path.join(self.directory, name)
        try:
            names = os.listdir(directory)
        except FileNotFoundError:
            return
        for name in names:
            file = os.path.join(directory, name)
            try:
                if _SESSION.fullmatch(name):
                    done.total += 1
                    if self._is_over(file):
                        os.unlink(file)
                        done.expired += 1
                elif _UNFINISHED.fullmatch(name) and self.now - os.stat(file).st_mtime > _LOCK_IS_STALE:
                    os.unlink(file)
            except FileNotFoundError:
                pass                    # its client logged out meanwhile
            except Exception:
                self.server.log_error(f"MP0133: the session file {file} can't be cleaned up\n{traceback.format_exc()}",
                                      _APLOG_ERR)

    def _is_over(self, file: str) -> bool:
        if self.fast:
            if self.now - os.stat(file).st_mtime < self.timeout + self.grace:
                return False
            if not self.verify:
                return True
        with open(file, "rb") as stream:
            data = stream.read()
        kept = _sessioncodec.read(self.codec, data)
        over: bool = self.now - kept["_accessed"] > kept["_timeout"] + self.grace
        return over


def _read(directory: str) -> Progress:
    try:
        with open(os.path.join(directory, _STATUS), encoding="ascii", errors="replace") as stream:
            found = _STATUS_LINE.fullmatch(stream.read(200))
    except FileNotFoundError:
        return Progress()
    if found is None or int(found[1]) >= _DIRECTORIES:
        return Progress()
    return Progress(int(found[1]), int(found[2]), int(found[3]), float(found[4]))


def _write(directory: str, done: Progress) -> None:
    new = os.path.join(directory, f".{_STATUS}.{secrets.token_hex(4)}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as stream:
        stream.write(f"MPFS_3.2 {done.next} {done.expired} {done.total} {done.seconds:.3f}\n")
    os.replace(new, os.path.join(directory, _STATUS))
