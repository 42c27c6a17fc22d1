"""A mount namespace of a server's own: its files lie over the system's, which do not change. For root only."""

from __future__ import annotations

import ctypes
import os
import subprocess
from functools import lru_cache
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


@lru_cache
def can_mount() -> bool:
    """Not in every container."""
    done = subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL)
    return os.getuid() == 0 and done.returncode == 0


def _mount(source: Path | None, target: str | Path, flags: int) -> None:
    if _libc.mount(source and os.fsencode(source), os.fsencode(target), None, flags, None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {source} at {target}")


def be_private() -> None:
    """In a child before exec: what is mounted from now on is for it and its children."""
    if _libc.unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNS)")
    _mount(None, "/", _MS_REC | _MS_PRIVATE)


def put_over(source: Path, target: str | Path) -> None:
    """After that: the file or directory is found under the other name, too."""
    _mount(source, target, _MS_BIND | _MS_REC)
