"""Locks of sessions on one machine: httpd's global locks, counted by request, so that a request never waits for itself.

There are few of them for many sessions, so two sessions of a request may share one. What a request holds is written in
the notes of its first request (that of the client, without sub-requests and redirects), where all interpreters see it.

Order: a request that holds locks waits only for higher numbers; for a lower one it tries again and again, not for ever.
Number 0, of dbm files, is taken last, and nothing is taken under it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mod_python._apache import mp_request, mp_server

NOTE = "mod_python.session.locks"       # "3:2 5:1": lock 3 is held by two sessions, 5 by one
PATIENCE = 10.0                         # seconds to wait for a lower number


class Hold:
    """A session's part in a lock. It is given back once, by whoever comes first: unlock() or the end of the request."""

    def __init__(self, give_back: Callable[[], None], token: str = "") -> None:
        self._give_back: Callable[[], None] | None = give_back
        self.token = token              # of a lease

    def release(self, _: object = None) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


def first_request(req: mp_request) -> mp_request:
    """The client's request, of which this one is a part."""
    while before := req.main or req.prev:
        req = before
    return req


def try_until(attempt: Callable[[], bool], patience: float) -> bool:
    """Calls it until it is true, at random intervals up to a tenth of a second; False if that takes too long."""
    end = time.monotonic() + patience
    pause = 0.002
    while not attempt():
        if time.monotonic() > end:
            return False
        time.sleep(pause * (0.5 + random.random()))
        pause = min(pause * 1.5, 0.1)
    return True


def hold(req: mp_request, sid: str) -> Hold:
    """Wait for the lock of a session. Raises TimeoutError if this request and another wait for each other."""
    from mod_python import _apache
    server, first = req.server, first_request(req)
    number = 1 + int(sid[:8], 16) % max(_apache._global_locks() - 1, 1)
    held = _held(first)
    if number not in held:
        _wait(server, number, max(held, default=0))
    try:
        _write(first, {**held, number: held.get(number, 0) + 1})
    except BaseException:
        if number not in held:
            _unlock(server, number)
        raise

    def give_back() -> None:
        held = _held(first)
        held[number] = held.get(number, 1) - 1
        if not held[number]:
            del held[number]
            _unlock(server, number)
        _write(first, held)
    return Hold(give_back)


@contextmanager
def dbm_lock(server: mp_server) -> Iterator[None]:
    """For as long as a dbm file is open."""
    from mod_python import _apache
    _apache._global_lock(server, None, 0)
    try:
        yield
    finally:
        _apache._global_unlock(server, None, 0)


def _wait(server: mp_server, number: int, highest: int) -> None:
    from mod_python import _apache
    if number > highest:
        _apache._global_lock(server, None, number)
    elif not try_until(lambda: _apache._global_trylock(server, None, number), PATIENCE):
        raise TimeoutError(f"a second session of the request did not get its lock within {PATIENCE:.0f} s: another"
                           " request that has it may be waiting for the first one's; more locks (PythonOption"
                           " mod_python.mutex_locks) make it rarer; with one session in a request it can't happen")


def _unlock(server: mp_server, number: int) -> None:
    from mod_python import _apache
    _apache._global_unlock(server, None, number)


def _held(first: mp_request) -> dict[int, int]:
    pairs = (part.split(":") for part in (first.notes.get(NOTE) or "").split())
    return {int(number): int(count) for number, count in pairs}


def _write(first: mp_request, held: dict[int, int]) -> None:
    first.notes[NOTE] = " ".join(f"{number}:{count}" for number, count in held.items())


