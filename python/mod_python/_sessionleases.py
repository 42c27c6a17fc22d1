"""Locks of sessions that several machines share: a lease in the store, with a token of its holder's and a term.

A thread of each interpreter renews the leases that are held longer than a third of their term; a lease whose holder
died runs out. A session whose lease ran out can't be saved any more (LockLost): another request may have changed it.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from mod_python import _sessionoptions as options
from mod_python._sessionlocks import Hold, first_request, try_until

if TYPE_CHECKING:
    from mod_python._apache import mp_request, mp_server

_APLOG_WARNING = 4
NOTE = "mod_python.session.lease"       # and store and session id: how many sessions of the request hold it, its token


class LockLost(RuntimeError):
    """The session was not saved: its lock ran out, and another request may have changed it meanwhile."""


class Store(Protocol):
    """What can lease. Each may be called again with the same token, and may raise what the store's library does."""

    @property
    def name(self) -> str: ...

    def acquire(self, sid: str, token: str, term: int) -> bool: ...

    def renew(self, sid: str, token: str, term: int) -> bool: ...

    def release(self, sid: str, token: str) -> None: ...


def hold(req: mp_request, sid: str, store: Store) -> Hold:
    """Wait for the lease of a session. Raises TimeoutError if that takes too long."""
    term = options.number(req, "mod_python.session.lock_term", 30, least=1)
    patience = options.number(req, "mod_python.session.lock_wait", 60)
    first, server, note = first_request(req), req.server, f"{NOTE} {store.name} {sid}"
    count, token = _held(first, note)
    if not count:
        token = secrets.token_hex(16)
        if not try_until(lambda: store.acquire(sid, token, term), patience):
            raise TimeoutError(f"no lock for the session within {patience} s (PythonOption"
                               " mod_python.session.lock_wait): other requests of the same client have it")
        _keeper.add(_Lease(store, sid, token, term, server))
    first.notes[note] = f"{count + 1} {token}"

    def give_back() -> None:
        count, _ = _held(first, note)
        if count > 1:
            first.notes[note] = f"{count - 1} {token}"
            return
        del first.notes[note]
        _keeper.remove(token)
        try:
            store.release(sid, token)
        except Exception as error:
            # What was to be saved is saved; no reason to fail.
            server.log_error(f"MP0134: the lock of a session could not be given back, and will run out by itself:"
                             f" {error}", _APLOG_WARNING)
    return Hold(give_back, token)


def _held(first: mp_request, note: str) -> tuple[int, str]:
    count, _, token = (first.notes.get(note) or "0 ").partition(" ")
    return int(count), token


class _Lease:
    def __init__(self, store: Store, sid: str, token: str, term: int, server: mp_server) -> None:
        self.store, self.sid, self.token, self.term, self.server = store, sid, token, term, server
        self.due = time.monotonic() + term / 3

    def renew(self) -> None:
        """Raises LockLost if it is too late, and what the store raises."""
        if not self.store.renew(self.sid, self.token, self.term):
            raise LockLost("it had run out")
        self.due = time.monotonic() + self.term / 3

    def warn(self, error: Exception) -> None:
        with suppress(Exception):       # the thread must live
            self.server.log_error(f"MP0134: the lock of a session could not be renewed: {error}", _APLOG_WARNING)


class _Keeper:
    """Renews leases, on a thread that starts with the first one. Short requests never wake it."""

    def __init__(self) -> None:
        self._held: dict[str, _Lease] = {}     # by token; guarded by _changed
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wakes = math.inf          # when the thread looks again; guarded by _changed

    def add(self, lease: _Lease) -> None:
        with self._changed:
            if self._thread is None or not self._thread.is_alive():     # a forked process has none
                self._thread = threading.Thread(target=self._run, name="mod_python session leases", daemon=True)
                self._thread.start()
            self._held[lease.token] = lease
            if lease.due < self._wakes:
                self._changed.notify()

    def remove(self, token: str) -> bool:
        """Whether it was still there: a request gives its lease back whenever it likes."""
        with self._changed:
            return self._held.pop(token, None) is not None

    def _run(self) -> None:
        while True:
            for lease in self._wait():
                try:
                    lease.renew()
                except LockLost as error:
                    if self.remove(lease.token):
                        lease.warn(error)
                except Exception as error:
                    # The store may answer the next time.
                    lease.due += lease.term / 3
                    lease.warn(error)

    def _wait(self) -> list[_Lease]:
        """Those that are due, when some are."""
        with self._changed:
            while True:
                now = time.monotonic()
                due = [lease for lease in self._held.values() if lease.due <= now]
                if due:
                    return due
                self._wakes = min((lease.due for lease in self._held.values()), default=math.inf)
                self._changed.wait(None if self._wakes == math.inf else self._wakes - now)


_keeper = _Keeper()
