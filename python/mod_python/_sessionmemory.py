"""Sessions in the memory of one process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from mod_python._sessionbase import BaseSession

if TYPE_CHECKING:
    from mod_python._apache import mp_request


class MemorySession(BaseSession):
    """A session that other processes and interpreters don't know, and that ends with the process.

    Its values may be any objects; they are the same objects in the next request.
    """

    sdict: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(self, req: mp_request, sid: Any = 0, secret: str | bytes | None = None, timeout: float = 0,
                 lock: int = 1) -> None:
        super().__init__(req, sid, secret, lock, timeout)

    def do_load(self) -> dict[str, Any] | None:
        return self.sdict.get(self._sid)

    def do_save(self, dict: dict[str, Any]) -> None:
        self.sdict[self._sid] = dict

    def do_delete(self) -> None:
        self.sdict.pop(self._sid, None)

    def do_cleanup(self) -> None:
        self._req.register_cleanup(_clean_up, self.sdict)
        self._req.log_error("MP0132: sessions in memory will be cleaned up", 5)


def _clean_up(sessions: dict[str, dict[str, Any]]) -> None:
    now = time.time()
    for sid, kept in list(sessions.items()):
        if now - kept["_accessed"] > kept["_timeout"]:
            sessions.pop(sid, None)
