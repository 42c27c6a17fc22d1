"""Running coroutines to their end, from code that is none.

Each thread has an event loop of its own, made when it is first needed and used again by the requests that the thread
serves later. It is closed when the thread ends. Loops belong to a thread and an interpreter, and so need no lock.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


class _Loops(threading.local):
    """The event loops of this thread that run nothing now: mostly one."""

    def __init__(self) -> None:
        self.idle: list[_Loop] = []


class _Loop:
    def __init__(self) -> None:
        import asyncio
        self.loop = asyncio.new_event_loop()

    def __del__(self) -> None:
        # The last reference goes when the thread ends.
        with suppress(Exception):
            self.loop.close()

    def run(self, awaitable: Awaitable[Any]) -> Any:
        self.loop.set_task_factory(None)        # nor does that of a former request count
        try:
            return self.loop.run_until_complete(self.loop.create_task(_main(awaitable)))
        finally:
            self._cancel_tasks()

    def _cancel_tasks(self) -> None:
        """As asyncio.run() does it, so that nothing of a request goes on in a later one."""
        import asyncio
        tasks = asyncio.all_tasks(self.loop)
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        for task in tasks:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                self.loop.call_exception_handler({"message": "exception in a task that a page left behind",
                                                  "exception": error, "task": task})


_loops = _Loops()


def run(awaitable: Awaitable[Any]) -> Any:
    """What the awaitable gives, or raises. Tasks that it leaves behind are cancelled.

    It may be called while a coroutine runs on this thread, as by a page that redirects to another page: that coroutine
    stands still meanwhile.
    """
    with _outside_of_loops():
        loop = _loops.idle.pop() if _loops.idle else _Loop()
        try:
            return loop.run(awaitable)
        finally:
            if not loop.loop.is_closed():
                _loops.idle.append(loop)


async def _main(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


@contextmanager
def _outside_of_loops() -> Iterator[None]:
    """Have asyncio forget the loop and the task that this thread is in."""
    import asyncio
    loop = asyncio._get_running_loop()
    if loop is None:
        yield
        return
    task = asyncio.current_task(loop)
    if task is not None:
        asyncio.tasks._leave_task(loop, task)
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)
        if task is not None:
            asyncio.tasks._enter_task(loop, task)

