"""Sessions in Redis or Valkey."""

from __future__ import annotations

import hashlib
import importlib
import time
from typing import TYPE_CHECKING, Any

from mod_python import _sessionoptions as options
from mod_python._sessionleased import LeasedSession

if TYPE_CHECKING:
    from mod_python._apache import mp_request

_ACQUIRE = """
if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('get', KEYS[1]) == ARGV[1] then return 1 end
return 0
"""
_RENEW = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])
"""
_RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0
"""
_SAVE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('set', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
"""
_DELETE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('del', KEYS[2])
return 1
"""
_LONGEST = 10 ** 12         # milliseconds, some thirty years: Redis refuses what it can't add to the time


class RedisStore:
    """A session is the value of PREFIX{id}, its lease that of PREFIX{id}:lock. Redis removes both when they are over.

    The braces keep the two together in a cluster.
    """

    def __init__(self, url: str, prefix: str) -> None:
        redis = _library()
        self.name = f"redis-{hashlib.sha256(f'{url} {prefix}'.encode()).hexdigest()[:12]}"
        self._prefix = prefix
        try:
            self._redis = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
        except ValueError as error:
            raise ValueError(f"PythonOption mod_python.redis_session.url: {error}; write e.g. redis://host:6379/0 or"
                             " unix:///run/redis/redis.sock") from None
        self._acquire, self._renew, self._release, self._save, self._delete = (
            self._redis.register_script(script) for script in (_ACQUIRE, _RENEW, _RELEASE, _SAVE, _DELETE))

    def _key(self, sid: str) -> str:
        return f"{self._prefix}{{{sid}}}"

    def _lock(self, sid: str) -> str:
        return f"{self._prefix}{{{sid}}}:lock"

    def acquire(self, sid: str, token: str, term: int) -> bool:
        return bool(self._acquire(keys=[self._lock(sid)], args=[token, term * 1000]))

    def renew(self, sid: str, token: str, term: int) -> bool:
        return bool(self._renew(keys=[self._lock(sid)], args=[token, term * 1000]))

    def release(self, sid: str, token: str) -> None:
        self._release(keys=[self._lock(sid)], args=[token])

    def load(self, sid: str) -> bytes | None:
        data: bytes | None = self._redis.get(self._key(sid))
        return data

    def save(self, sid: str, data: bytes, expires: float, token: str | None) -> bool:
        left = min(int((expires - time.time()) * 1000), _LONGEST)
        if left <= 0:
            self.delete(sid, token)
            return True
        if token is None:
            self._redis.set(self._key(sid), data, px=left)
            return True
        return bool(self._save(keys=[self._lock(sid), self._key(sid)], args=[token, data, left]))

    def delete(self, sid: str, token: str | None) -> None:
        if token is None:
            self._redis.delete(self._key(sid))
        else:
            self._delete(keys=[self._lock(sid), self._key(sid)], args=[token])


class RedisSession(LeasedSession):
    """A session in Redis or Valkey, which all machines share that use the same one.

    It needs the package `redis`, and raises ImportError without it; its exceptions come through if Redis does not
    answer. Values are kept as JSON unless the option mod_python.session.codec says otherwise: TypeError for those that
    JSON can't keep. LockLost if the session's lock ran out before save().
    """

    @staticmethod
    def _open_store(req: mp_request) -> RedisStore:
        url = options.text(req, "mod_python.redis_session.url") or "redis://localhost:6379/0"
        prefix = options.text(req, "mod_python.redis_session.prefix") or "mp_sess:"
        store = _stores.get((url, prefix))
        if store is None:
            store = _stores.setdefault((url, prefix), RedisStore(url, prefix))
        return store

    def do_cleanup(self) -> None:
        """Nothing: Redis removes what is over."""


_stores: dict[tuple[str, str], RedisStore] = {}      # each has a pool of connections


def _library() -> Any:
    try:
        return importlib.import_module("redis")
    except ImportError as error:
        raise ImportError(f"RedisSession needs the Python package redis, which can't be imported ({error}); install it"
                          " where httpd's Python finds it: python3 -m pip install redis", name="redis") from error
