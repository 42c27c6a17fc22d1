"""httpd's own modules: which are built into its program, which are files, and the LoadModule lines for them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from functools import lru_cache

from mod_python import _httpd

# What each server needs, with an MPM; and httpds that have them built in are told nothing.
BASE = ("unixd", "log_config", "authn_core", "authz_core", "alias", "dir", "mime")
MPMS = ("event", "worker", "prefork")


class Missing(Exception):
    """httpd, or a module of it, is not there; the text says what to do."""


@lru_cache
def program() -> str:
    """httpd's program: the one that mod_python was built for, else the one in PATH."""
    try:
        built_for = _httpd.fact("HTTPD")
    except _httpd.Unknown as why:
        built_for, advice = "", str(why)
    else:
        advice = f"{built_for} is not there: install apache2 (Debian, Ubuntu) or httpd (Fedora, RHEL)"
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    for name in filter(None, (built_for, "httpd", "apache2")):
        if found := shutil.which(name, path=places):
            return found
    raise Missing(f"no httpd found: {advice}")


@lru_cache
def directory() -> str:
    """Where httpd's modules are."""
    try:
        found = _httpd.fact("LIBEXECDIR")
    except _httpd.Unknown as why:
        raise Missing(f"it is not known where httpd's modules are: {why}") from why
    if not os.path.isdir(found):
        raise Missing(f"the directory of httpd's modules, {found}, is not there: install the httpd that mod_python was"
                      " built for, or build mod_python for the one that is installed")
    return found


@lru_cache
def built_in() -> frozenset[str]:
    """The modules in httpd's program, such as "core" and "so"; an MPM by its name alone, such as "event"."""
    try:
        done = subprocess.run([program(), "-l"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as why:
        raise Missing(f"'{program()} -l' failed: {why}") from why
    return frozenset(name.removeprefix("mod_") for name in re.findall(r"(\w+)\.c$", done.stdout, re.MULTILINE))


def available(name: str) -> bool:
    """Whether httpd can have the module."""
    return name in built_in() or os.path.isfile(_file(name))


def mpm() -> str:
    """The MPM to use: the one that is built in, if one is, else the first of MPMS that there is."""
    for name in MPMS:
        if name in built_in():
            return name
    for name in MPMS:
        if os.path.isfile(_file(f"mpm_{name}")):
            return name
    raise Missing(f"httpd has no MPM: there is no mod_mpm_event.so in {directory()}")


def to_load(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(symbol, file) of each module that is not built in. Missing if there is no such file."""
    for name in names:
        if name in built_in() or name.removeprefix("mpm_") in built_in():
            continue
        if not os.path.isfile(_file(name)):
            raise Missing(f"httpd has no mod_{name}: there is no {_file(name)}; install the package that has it")
        yield f"{name}_module", _file(name)


def _file(name: str) -> str:
    return os.path.join(directory(), f"mod_{name}.so")
