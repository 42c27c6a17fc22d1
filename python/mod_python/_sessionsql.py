"""Sessions in a table of a database."""

from __future__ import annotations

import base64
import binascii
import threading
import time
from typing import TYPE_CHECKING

from mod_python import _sessioncodec
from mod_python import _sessionoptions as options
from mod_python._sessionleased import LeasedSession
from mod_python._sql import Database

if TYPE_CHECKING:
    from mod_python._apache import mp_request

_APLOG_NOTICE = 5
_BASE64 = "base64:"

_CREATE = ("CREATE TABLE {table} (sid CHAR(32) NOT NULL PRIMARY KEY, data TEXT, expires DOUBLE PRECISION NOT NULL,"
           " lock_token CHAR(32), lock_until DOUBLE PRECISION)")


class SqlStore:
    """A row for each session. Its lease is in the row: a token, and until when; a row of a lease alone has no data.

    Times are those of the machines, whose clocks must be about right. If one is not, two may hold a lease, but only
    the later one can save.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.name = database.name
        self._has_table = False
        self._creating = threading.Lock()

    def _run(self, statement: str, **parameters: object) -> int:
        return self._database.run(statement.format(table=self._database.table), **parameters)[0]

    def _select(self, sid: str, column: str) -> list[object]:
        rows = self._database.run(f"SELECT {column} FROM {self._database.table} WHERE sid = :sid", sid=sid)[1]
        return [row[0] for row in rows]

    def create_table(self) -> None:
        """Make the table if it is not there. Raises RuntimeError if that can't be."""
        with self._creating:
            if self._has_table:
                return
            self._database.connect()            # if it does not answer, that is the error
            probe = "SELECT sid FROM {table} WHERE 1 = 0"
            try:
                self._run(probe)
            except self._database.Error as no_table:
                try:
                    self._run(_CREATE)
                except self._database.Error as error:
                    try:
                        self._run(probe)        # another process made it meanwhile
                    except self._database.Error:
                        raise RuntimeError(
                            f"the table for sessions can't be used ({no_table}), nor made ({error}); make it by"
                            f" '{_CREATE.format(table=self._database.table)}'") from error
            self._has_table = True

    def acquire(self, sid: str, token: str, term: int) -> bool:
        now = time.time()
        if self._run("UPDATE {table} SET lock_token = :token, lock_until = :until WHERE sid = :sid AND"
                     " (lock_token IS NULL OR lock_until < :now OR lock_token = :token)",
                     sid=sid, token=token, until=now + term, now=now):
            return True
        if self._select(sid, "sid"):
            return False
        try:
            self._run("INSERT INTO {table} (sid, expires, lock_token, lock_until)"
                      " VALUES (:sid, :until, :token, :until)",
                      sid=sid, token=token, until=now + term)
            return True
        except self._database.IntegrityError:       # another request was faster
            return False

    def _holds(self, sid: str, token: str) -> bool:
        return token in self._select(sid, "lock_token")

    def renew(self, sid: str, token: str, term: int) -> bool:
        until = time.time() + term
        return bool(self._run("UPDATE {table} SET lock_until = :until WHERE sid = :sid AND lock_token = :token",
                              sid=sid, token=token, until=until)) or self._holds(sid, token)

    def release(self, sid: str, token: str) -> None:
        if not self._run("DELETE FROM {table} WHERE sid = :sid AND lock_token = :token AND data IS NULL",
                         sid=sid, token=token):
            self._run("UPDATE {table} SET lock_token = NULL, lock_until = NULL"
                      " WHERE sid = :sid AND lock_token = :token",
                      sid=sid, token=token)

    def load(self, sid: str) -> bytes | None:
        found = self._select(sid, "data")
        return None if not found or found[0] is None else _bytes(str(found[0]))

    def save(self, sid: str, data: bytes, expires: float, token: str | None) -> bool:
        row = {"sid": sid, "data": _text(data), "expires": expires}
        if token is not None:
            # Some databases count only rows that really change.
            return bool(self._run("UPDATE {table} SET data = :data, expires = :expires WHERE sid = :sid AND"
                                  " lock_token = :token", token=token, **row)) or self._holds(sid, token)
        update = "UPDATE {table} SET data = :data, expires = :expires WHERE sid = :sid"
        if not self._run(update, **row):
            try:
                self._run("INSERT INTO {table} (sid, data, expires) VALUES (:sid, :data, :expires)", **row)
            except self._database.IntegrityError:
                self._run(update, **row)
        return True

    def delete(self, sid: str, token: str | None) -> None:
        if token is None:
            self._run("DELETE FROM {table} WHERE sid = :sid", sid=sid)
        else:                                       # the lease stays
            self._run("UPDATE {table} SET data = NULL WHERE sid = :sid AND lock_token = :token", sid=sid, token=token)

    def clean_up(self) -> int:
        """Delete what is over and not locked; how many rows."""
        return self._run("DELETE FROM {table} WHERE expires < :now AND (lock_token IS NULL OR lock_until < :now)",
                         now=time.time())


class SqlSession(LeasedSession):
    """A session in a table of a database, which all machines share that use the same one.

    Options name the database's module (any of PEP 249), what to connect with, and the table, which is made if it is
    not there. Raises ImportError without the module; its exceptions come through if the database does not answer.
    Values are kept as JSON unless the option mod_python.session.codec says otherwise: TypeError for those that JSON
    can't keep. LockLost if the session's lock ran out before save().
    """

    @staticmethod
    def _open_store(req: mp_request) -> SqlStore:
        module = options.text(req, "mod_python.sql_session.module")
        connect = options.text(req, "mod_python.sql_session.connect")
        if not module or not connect:
            raise ValueError("SqlSession needs 'PythonOption mod_python.sql_session.module MODULE', such as psycopg,"
                             " and 'PythonOption mod_python.sql_session.connect ARGUMENTS'")
        table = options.text(req, "mod_python.sql_session.table") or "mp_sessions"
        key = module, connect, table
        store = _stores.get(key)
        if store is None:
            store = _stores.setdefault(key, SqlStore(Database(*key)))
        if not store._has_table:
            store.create_table()
        return store

    def do_cleanup(self) -> None:
        self._req.register_cleanup(self._clean_up)

    def _clean_up(self, _: object) -> None:
        self.unlock()
        assert isinstance(self._store, SqlStore)
        count = self._store.clean_up()
        self._req.server.log_error(f"MP0132: the table of sessions is cleaned up: {count} rows deleted", _APLOG_NOTICE)


_stores: dict[tuple[str, str, str], SqlStore] = {}


def _text(data: bytes) -> str:
    """For a column of text: as it is, if it is plain (as JSON is)."""
    if data.isascii() and b"\0" not in data and not data.startswith(_BASE64.encode()):
        return data.decode()
    return _BASE64 + base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    if not text.startswith(_BASE64):
        return text.encode()
    try:
        return base64.b64decode(text[len(_BASE64):], validate=True)
    except binascii.Error as error:
        raise _sessioncodec.Unreadable(str(error)) from error
