"""Sessions in a dbm file."""

from __future__ import annotations

import dbm as _dbm
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mod_python import _sessioncodec
from mod_python import _sessionoptions as options
from mod_python._sessionbase import BaseSession
from mod_python._sessionlocks import dbm_lock
from mod_python._sessionowner import check_owner

if TYPE_CHECKING:
    from mod_python._apache import mp_request

_MODE = 0o640
_SUFFIXES = ("", ".db", ".dat", ".dir", ".pag", ".bak")     # what the modules add to the name
_APLOG_ERR, _APLOG_NOTICE = 3, 5


class DbmSession(BaseSession):
    """A session in a dbm file, which all children of this machine share: the id is the key, pickled data the value.

    `dbm` is the file; `dbmtype` a module with open(), such as dbm.gnu. Raises OSError if the file can't be opened.
    """

    def __init__(self, req: mp_request, dbm: str | None = None, sid: Any = 0, secret: str | bytes | None = None,
                 dbmtype: Any = _dbm, timeout: float = 0, lock: int = 1) -> None:
        self._dbmfile = dbm or _file(req)
        self._dbmtype = dbmtype
        self._codec = _sessioncodec.chosen(req, "pickle")
        super().__init__(req, sid, secret, lock, timeout)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """The dbm; it is open under lock 0 only, so that several processes can write to it."""
        with dbm_lock(self._server):
            for suffix in _SUFFIXES:
                check_owner(self._dbmfile + suffix)
            refused = _errors(self._dbmtype)
            try:
                file = self._dbmtype.open(self._dbmfile, "c", _MODE)
            except refused as error:
                raise OSError(f"the session database {self._dbmfile} can't be opened: {error}; let httpd's user write"
                              " there, or remove the file if it is broken") from error
            try:
                yield file
            finally:
                file.close()

    @property
    def _server(self) -> Any:
        return self._req.server

    def do_load(self) -> dict[str, Any] | None:
        with self._open() as file:
            try:
                data = file[self._sid.encode()]
            except KeyError:
                return None
        return _sessioncodec.read(self._codec, data)

    def do_save(self, dict: dict[str, Any]) -> None:
        data = self._codec.dumps(dict)
        with self._open() as file:
            file[self._sid.encode()] = data

    def do_delete(self) -> None:
        with self._open() as file:
            if self._sid.encode() in file:
                del file[self._sid.encode()]

    def do_cleanup(self) -> None:
        self._req.register_cleanup(self._clean_up)
        self._req.log_error(f"MP0132: {self._dbmfile} will be cleaned up", _APLOG_NOTICE)

    def _clean_up(self, _: object) -> None:
        """Delete what is over, and what can't be read."""
        self.unlock()
        codec, now = self._codec, time.time()
        over = []
        with self._open() as file:
            keys = list(file.keys())
            for key in keys:
                try:
                    kept = _sessioncodec.read(codec, file[key])
                    keep = now - kept["_accessed"] <= kept["_timeout"]
                except _sessioncodec.Unreadable as error:
                    self._server.log_error(f"MP0131: a session in {self._dbmfile} can't be read, and is deleted:"
                                           f" {error}", _APLOG_ERR)
                    keep = False
                if not keep:
                    over.append(key)
            for key in over:
                del file[key]
        self._server.log_error(f"MP0132: {self._dbmfile} is cleaned up: {len(over)} of {len(keys)} sessions deleted",
                               _APLOG_NOTICE)


def _file(req: mp_request) -> str:
    return (options.path(req, "mod_python.dbm_session.database_filename", "session_dbm")
            or os.path.join(options.directory(req, "mod_python.dbm_session.database_directory"), "mp_sess.dbm"))


def _errors(module: Any) -> tuple[type[Exception], ...]:
    error = getattr(module, "error", OSError)
    return (OSError, *error) if isinstance(error, tuple) else (OSError, error)
