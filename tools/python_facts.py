"""What a build needs to know of the Python that runs this file. configure runs it, setup.py imports it.

As a command it prints shell assignments, or a sentence that says what to do on standard error, with exit status 1.
"""

import os
import sys
import sysconfig


class Unsuitable(Exception):
    """This Python can not be embedded; the text says why and what to do."""


def facts() -> dict[str, str]:
    """Return what the build needs; raise Unsuitable."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    include = sysconfig.get_path("include")
    if sys.implementation.name != "cpython":
        raise Unsuitable(f"{sys.executable} is {sys.implementation.name}; mod_python needs CPython")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise Unsuitable(
            f"{sys.executable} is a free-threaded build, and the engine's data is guarded by GILs: take the ordinary "
            f"python{version}; several interpreters with a GIL of their own use all cores, too"
        )
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        raise Unsuitable(
            f"{sys.executable} has no shared libpython: build it with './configure --enable-shared' "
            f"(pyenv: 'PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install {version}'), or take another Python"
        )
    if not os.path.exists(os.path.join(include, "Python.h")):
        raise Unsuitable(
            f"{sys.executable} has no headers ({include}/Python.h): install them (Debian, Ubuntu: python3-dev or "
            f"python{version}-dev; Fedora, RHEL: python3-devel or python{version}-devel)"
        )
    return {
        "tag": version.replace(".", ""),
        "version": version,
        "executable": sys.executable,
        "include": include,
        "platinclude": sysconfig.get_path("platinclude"),
        "libdir": sysconfig.get_config_var("LIBDIR"),
        "library": "python" + sysconfig.get_config_var("LDVERSION"),
        "purelib": sysconfig.get_path("purelib"),
        "scripts": sysconfig.get_path("scripts"),
    }


def shell_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


if __name__ == "__main__":
    try:
        for name, value in facts().items():
            print(f"python_{name}={shell_quoted(value)}")
    except Unsuitable as why:
        sys.exit(str(why))
