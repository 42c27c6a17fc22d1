"""Files that are unpickled must be httpd's own: who writes them runs code here."""

from __future__ import annotations

import os
import stat


def check_owner(path: str) -> None:
    """Raises PermissionError if another user owns the file or directory, or everybody may write to it.

    In a temporary directory anybody can make a file of that name before httpd does.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode) and found.st_uid in (0, os.geteuid()):
        found = os.stat(path)
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & stat.S_IWOTH:
        raise PermissionError(f"{path}, where sessions are kept, belongs to user {found.st_uid}, mode"
                              f" {stat.S_IMODE(found.st_mode):o}; it must be of httpd's user {os.geteuid()} or root,"
                              " and not writable by all. Choose a directory by PythonOption"
                              " mod_python.session.database_directory")
