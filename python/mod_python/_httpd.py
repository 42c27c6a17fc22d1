"""The httpd that this package was built for: what mod_python.version says about it.

An installed package has that in _build.json, written when it was built, since apxs belongs to httpd's development
files and need not be there any more. A source tree asks apxs: the command in the environment variable APXS, else
apxs or apxs2 in PATH.

    python -m mod_python._httpd /usr/bin/apxs > _build.json
"""

import json
import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from mod_python import _library

PACKAGE = Path(__file__).resolve().parent


class Unknown(Exception):
    """There is nobody to ask; the text says what to do."""


@lru_cache
def ask(apxs: str) -> dict[str, str]:
    """What the apxs of an httpd says about it."""
    program = os.path.join(_query(apxs, "SBINDIR"), _query(apxs, "PROGNAME"))
    return {"HTTPD": program,
            **{name: _query(apxs, name) for name in ("HTTPD_VERSION", "APR_VERSION", "LIBEXECDIR", "SYSCONFDIR")}}


def _query(apxs: str, name: str) -> str:
    try:
        return subprocess.run([apxs, "-q", name], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as why:
        raise Unknown(f"'{apxs} -q {name}' failed: {why}") from why


def fact(name: str) -> str:
    """The value of an attribute of mod_python.version."""
    if name == "TESTHOME":
        tests = PACKAGE.parent.parent / "tests"
        return str(tests) if (tests / "httpd.py").exists() else ""
    if name == "TEST_MOD_PYTHON_SO":
        try:
            return str(_library.find_module())
        except FileNotFoundError as why:
            raise Unknown(str(why)) from why
    facts = recorded()
    return (facts if facts is not None else ask(find_apxs()))[name]


def recorded() -> dict[str, str] | None:
    """What was written down when the package was built; None in a source tree."""
    note = PACKAGE / "_build.json"
    if not note.exists():
        return None
    facts: dict[str, str] = json.loads(note.read_text(encoding="utf-8"))
    return facts


def find_apxs() -> str:
    apxs = os.environ.get("APXS") or shutil.which("apxs") or shutil.which("apxs2")
    if not apxs:
        raise Unknown("there is no apxs in PATH: install apache2-dev (Debian, Ubuntu) or httpd-devel (Fedora, RHEL),"
                      " or name it in the environment variable APXS")
    return apxs


if __name__ == "__main__":
    print(json.dumps(ask(sys.argv[1]), indent=1))
