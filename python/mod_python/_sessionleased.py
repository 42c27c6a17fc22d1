"""What RedisSession and SqlSession share: sessions in a store that leases, and that saves for the holder only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from mod_python import _sessioncodec, _sessionleases, _sessionlocks
from mod_python._sessionbase import BaseSession

if TYPE_CHECKING:
    from mod_python._apache import mp_request


class Store(_sessionleases.Store, Protocol):
    """Where several machines keep sessions. What a token holds is saved and deleted only as long as it holds."""

    def load(self, sid: str) -> bytes | None: ...

    def save(self, sid: str, data: bytes, expires: float, token: str | None) -> bool: ...

    def delete(self, sid: str, token: str | None) -> None: ...


class LeasedSession(BaseSession):
    """A session in a store outside of httpd."""

    def __init__(self, req: mp_request, sid: Any = 0, secret: str | bytes | None = None, timeout: float = 0,
                 lock: int = 1) -> None:
        self._store = self._open_store(req)
        self._codec = _sessioncodec.chosen(req, "json")
        super().__init__(req, sid, secret, lock, timeout)

    @staticmethod
    def _open_store(req: mp_request) -> Store:
        raise NotImplementedError

    def _take_lock(self) -> _sessionlocks.Hold:
        return _sessionleases.hold(self._req, self._sid, self._store)

    @property
    def _token(self) -> str | None:
        return self._hold.token if self._locked and self._hold is not None else None

    def do_load(self) -> dict[str, Any] | None:
        data = self._store.load(self._sid)
        return None if data is None else _sessioncodec.read(self._codec, data)

    def do_save(self, dict: dict[str, Any]) -> None:
        data = self._codec.dumps(dict)
        if not self._store.save(self._sid, data, dict["_accessed"] + dict["_timeout"], self._token):
            raise _sessionleases.LockLost("the session is not saved: its lock ran out, and another request may have"
                                          " changed it; see PythonOption mod_python.session.lock_term")

    def do_delete(self) -> None:
        self._store.delete(self._sid, self._token)
