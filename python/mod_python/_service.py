"""Scripts of a process without request threads (WSGIDaemonProcess threads=0): SIGTERM and SIGINT end them."""

import signal
from types import FrameType


def hear() -> None:
    """Let SIGTERM and SIGINT raise SystemExit in the main thread, where the script runs."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
