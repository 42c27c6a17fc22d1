"""The library mod_python.so of this package, and the lines of an httpd.conf that load it for the running Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def module_config(package: Path = PACKAGE) -> Iterator[str]:
    """Yield the directives that load mod_python for the running Python.

    Raises FileNotFoundError when there is no mod_python.so, or no engine for this Python beside it.
    """
    module = find_module(package)
    tag = f"cpython-{sys.version_info.major}{sys.version_info.minor}"
    if not module.with_name(f"mod_python_engine.{tag}.so").exists():
        raise FileNotFoundError(
            f"{module.parent} has no engine for Python {sys.version_info.major}.{sys.version_info.minor}: "
            f"configure with --with-python={sys.executable} and run make, or pip install mod_python with this Python"
        )
    yield f"LoadModule python_module {_quoted(module)}"
    if sys.prefix != sys.base_prefix or len(list(module.parent.glob("mod_python_engine.*.so"))) > 1:
        yield f"PythonHome {_quoted(Path(sys.prefix))}"


def find_module(package: Path = PACKAGE) -> Path:
    """Return where the mod_python.so is that belongs to this package.

    pip puts it into the package; make install leaves a note in the package; a source tree has it in build/.
    """
    note = package / "_installed_module.txt"
    tree = package.parent.parent
    places = [package / "mod_python.so"]
    if note.exists():
        places.append(Path(note.read_text(encoding="utf-8").rstrip("\n")))
    if (tree / "configure.ac").exists():
        places.append(tree / "build" / "mod_python.so")
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(
        f"no mod_python.so ({', '.join(map(str, places))}): run make and make install, or pip install mod_python"
    )


def _quoted(path: Path) -> str:
    """The path as one argument of a directive."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
