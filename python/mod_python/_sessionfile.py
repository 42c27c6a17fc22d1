"""Sessions in files, one for each."""

from __future__ import annotations

import os
import secrets
import time
import traceback
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from mod_python import _sessioncodec, _sessionfilecleanup
from mod_python import _sessionoptions as options
from mod_python._sessionbase import BaseSession
from mod_python._sessionowner import check_owner

if TYPE_CHECKING:
    from mod_python._apache import mp_request

_APLOG_ERR = 3


class FileSession(BaseSession):
    """A session in a file of its own, which all children of this machine share: mp_sess/<2 digits>/<id> in a directory.

    Files are replaced whole. What goes wrong with them is logged: a file that can't be read is no session, one that
    can't be written is not saved. fast_cleanup and verify_cleanup: how cleanup() finds what is over; -1 means as the
    options say. Raises PermissionError if another user owns the directory.
    """

    def __init__(self, req: mp_request, sid: Any = 0, secret: str | bytes | None = None, timeout: float = 0,
                 lock: int = 1, fast_cleanup: int = -1, verify_cleanup: int = -1) -> None:
        self._sessdir = os.path.join(options.directory(req, "mod_python.file_session.database_directory"), "mp_sess")
        self._fast_cleanup = bool(fast_cleanup) if fast_cleanup != -1 else options.flag(
            req, "mod_python.file_session.enable_fast_cleanup", options.DFT_FAST_CLEANUP, "session_fast_cleanup")
        self._verify_cleanup = bool(verify_cleanup) if verify_cleanup != -1 else options.flag(
            req, "mod_python.file_session.verify_session_timeout", options.DFT_VERIFY_CLEANUP, "session_verify_cleanup")
        self._grace_period = options.number(
            req, "mod_python.file_session.cleanup_grace_period", options.DFT_GRACE_PERIOD, "session_grace_period")
        self._cleanup_time_limit = options.number(
            req, "mod_python.file_session.cleanup_time_limit", options.DFT_CLEANUP_TIME_LIMIT,
            "session_cleanup_time_limit")
        self._codec = _sessioncodec.chosen(req, "pickle")
        check_owner(self._sessdir)
        super().__init__(req, sid, secret, lock, timeout)

    def _file(self) -> str:
        return os.path.join(self._sessdir, self._sid[:2], self._sid)

    def _guard(self) -> ExitStack:
        """With lock=0 a session is locked around what is done with its file."""
        stack = ExitStack()
        if not self._locked:
            stack.callback(self._take_lock().release)
        return stack

    def _log(self, what: str) -> None:
        self._req.log_error(f"MP0130: the session file {self._file()} can't be {what}\n{traceback.format_exc()}",
                            _APLOG_ERR)

    def do_load(self) -> dict[str, Any] | None:
        file = self._file()
        with self._guard():
            try:
                with open(file, "rb") as stream:
                    data = stream.read()
                kept = _sessioncodec.read(self._codec, data)
                if time.time() - kept["_accessed"] <= kept["_timeout"]:
                    os.utime(file)      # a fast cleanup goes by it
                return kept
            except FileNotFoundError:
                return None
            except (OSError, _sessioncodec.Unreadable):
                self._log("read")
                return None

    def do_save(self, dict: dict[str, Any]) -> None:
        file = self._file()
        new = os.path.join(os.path.dirname(file), f".{self._sid}.{secrets.token_hex(4)}")
        with self._guard():
            try:
                data = self._codec.dumps(dict)
                if not os.path.isdir(os.path.dirname(file)):
                    self._make_directories()
                try:
                    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                        stream.write(data)
                    os.replace(new, file)
                except BaseException:
                    with suppress(OSError):
                        os.unlink(new)
                    raise
            except Exception:           # pickling calls the values' own code
                self._log("written; the session is not saved")

    def _make_directories(self) -> None:
        os.makedirs(os.path.dirname(self._sessdir), exist_ok=True)
        for name in ("", *(f"{number:02x}" for number in range(256))):
            with suppress(FileExistsError):
                os.mkdir(os.path.join(self._sessdir, name), 0o750)

    def do_delete(self) -> None:
        with self._guard():
            try:
                os.unlink(self._file())
            except FileNotFoundError:
                pass
            except OSError:
                self._log("deleted")

    def do_cleanup(self) -> None:
        self._req.register_cleanup(self._clean_up)

    def _clean_up(self, _: object) -> None:
        self.unlock()
        _sessionfilecleanup.clean_up(
            self._sessdir, self._codec, self._req.server, fast=self._fast_cleanup, verify=self._verify_cleanup,
            timeout=self._timeout, grace=self._grace_period, limit=self._cleanup_time_limit)
