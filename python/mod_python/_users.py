"""Whom httpd's children run as when it is started by root, and what they can read then."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path
from typing import NamedTuple

# Users of distributions for a web server, and the one without rights that all have.
USUAL = ("www-data", "apache", "httpd", "www", "nobody")


class Wrong(Exception):
    """There is no such user, or it will not do; the text says what to do."""


class Account(NamedTuple):
    """A user and a group, for the directives User and Group."""

    user: str
    group: str
    uid: int
    gids: frozenset[int]


def account(user: str | None = None, group: str | None = None) -> Account | None:
    """The account to give up root for; None if nobody is asked for and we are not root."""
    if user is None and group is None and os.getuid() != 0:
        return None
    entry = _entry(user)
    try:
        gid = grp.getgrnam(group).gr_gid if group is not None else entry.pw_gid
        name = grp.getgrgid(gid).gr_name
    except KeyError:
        raise Wrong(f"there is no group {group or entry.pw_gid}: name one that exists with --group") from None
    if entry.pw_uid == 0:
        raise Wrong("httpd does not answer requests as root: name another user with --user, such as www-data")
    others = os.getgrouplist(entry.pw_name, gid)
    return Account(entry.pw_name, name, entry.pw_uid, frozenset([gid, *others]))


def _entry(user: str | None) -> pwd.struct_passwd:
    if user is None and os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    for name in USUAL if user is None else (user,):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Wrong(f"there is no user {user}: name one that exists with --user" if user is not None else
                "httpd needs a user to give up root for, and there is none of the usual names: name one with --user")


def unreadable(who: Account, path: Path) -> Path | None:
    """What keeps the account from reading a file, or from finding its way in a directory: it, or one above it."""
    path = path.resolve()
    for part in [*reversed(path.parents), path]:
        try:
            status = part.stat()
        except OSError:
            return part
        needed = stat.S_IXOTH if part != path else stat.S_IROTH | (stat.S_IXOTH if part.is_dir() else 0)
        if status.st_uid == who.uid:
            needed <<= 6
        elif status.st_gid in who.gids:
            needed <<= 3
        if status.st_mode & needed != needed:
            return part
    return None
