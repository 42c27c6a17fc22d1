"""Sessions: a dictionary for each client, kept from one request to the next.

    from mod_python import Session

    def handler(req):
        session = Session.Session(req)
        session["visits"] = session.get("visits", 0) + 1
        session.save()

Session() chooses where sessions are kept as PythonOption mod_python.session.session_type says: in memory, in a dbm
file, in files, in Redis or in a database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mod_python import _sessionoptions
from mod_python._sessionbase import BaseSession as BaseSession
from mod_python._sessiondbm import DbmSession as DbmSession
from mod_python._sessionfile import FileSession as FileSession
from mod_python._sessionleases import LockLost as LockLost
from mod_python._sessionmemory import MemorySession as MemorySession
from mod_python._sessionoptions import CLEANUP_CHANCE as CLEANUP_CHANCE
from mod_python._sessionoptions import COOKIE_NAME as COOKIE_NAME
from mod_python._sessionoptions import DFT_CLEANUP_TIME_LIMIT as DFT_CLEANUP_TIME_LIMIT
from mod_python._sessionoptions import DFT_FAST_CLEANUP as DFT_FAST_CLEANUP
from mod_python._sessionoptions import DFT_GRACE_PERIOD as DFT_GRACE_PERIOD
from mod_python._sessionoptions import DFT_LOCK as DFT_LOCK
from mod_python._sessionoptions import DFT_TIMEOUT as DFT_TIMEOUT
from mod_python._sessionoptions import DFT_VERIFY_CLEANUP as DFT_VERIFY_CLEANUP
from mod_python._sessionoptions import tempdir as tempdir
from mod_python._sessionredis import RedisSession as RedisSession
from mod_python._sessionsql import SqlSession as SqlSession

if TYPE_CHECKING:
    from mod_python._apache import mp_request

_TYPES: dict[str, Any] = {
    "MemorySession": MemorySession, "DbmSession": DbmSession, "FileSession": FileSession,
    "RedisSession": RedisSession, "SqlSession": SqlSession,
}


def Session(req: mp_request, sid: Any = 0, secret: str | bytes | None = None, timeout: float = 0,
            lock: int = 1) -> BaseSession:
    """The client's session, in the store that PythonOption mod_python.session.session_type names.

    Without that option: a MemorySession if httpd has one child process with threads, else a DbmSession. Raises
    ValueError for another text there, and what the store's class raises.
    """
    name = _sessionoptions.text(req, "mod_python.session.session_type", "session")
    if name is None:
        name = "MemorySession" if _is_one_process() else "DbmSession"
    if name not in _TYPES:
        raise ValueError(f"PythonOption mod_python.session.session_type must be one of {', '.join(_TYPES)}, not"
                         f" {name!r}")
    session: BaseSession = _TYPES[name](req, sid=sid, secret=secret, timeout=timeout, lock=lock)
    return session


def _is_one_process() -> bool:
    from mod_python import _apache, _constants
    query = _apache.mpm_query
    return bool(query(_constants.AP_MPMQ_IS_THREADED)
                and (not query(_constants.AP_MPMQ_IS_FORKED) or query(_constants.AP_MPMQ_MAX_DAEMONS) == 1))
