"""How long Python takes, without a clock: the lines of code that are run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(work: Callable[[], object]) -> int:
    """The lines of Python that the call runs, those of what it calls included."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def grows_with_length(work: Callable[[int], Callable[[], object]], length: int = 2000) -> bool:
    """Whether ten times the length takes at most about ten times the steps; work(length) gives what to run."""
    return steps(work(10 * length)) < 12 * steps(work(length)) + 1000
