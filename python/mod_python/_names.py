"""Names of modules, as handlers and import_module() take them, and the files that they mean.

Plain and dotted names ("shop", "shop.cart") are those of the import statement. Names with a slash are files: absolute,
"~/x" below the handler's directory, "./x" and "../x" beside the one who asks, "dir/x" below a search directory.
"""

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence

from mod_python._locks import module_lock


def check(name: object) -> str:
    """Return the name, or raise TypeError or ValueError with what is wrong with it."""
    if not isinstance(name, str):
        raise TypeError(f"a module's name must be a str, not {type(name).__name__}")
    if not name:
        raise ValueError("a module's name must not be empty")
    if "\0" in name:
        raise ValueError(f"a module's name must not contain NUL: {name!r}")
    if not is_path(name):
        if "" in name.split("."):
            raise ValueError(f"bad module name {name!r}: write 'module', 'package.module', or './module' for a file")
        return name
    steps = name.split("/")
    while steps and steps[0] in (".", ".."):
        steps.pop(0)
    if ".." in steps:
        raise ValueError(f"bad module name {name!r}: '..' may only stand at its beginning")
    if not steps or steps[-1] in ("", ".", "~", ".py"):
        raise ValueError(f"bad module name {name!r}: it must end in the name of a file")
    return name


def is_path(name: str) -> bool:
    """Whether the name means a file, not something for the import statement."""
    return "/" in name


def label_of(file: str) -> str:
    """The private name of a module that is known by its file."""
    return "_mp_" + hashlib.md5(os.fsencode(file), usedforsecurity=False).hexdigest()


def file_of(name: str, here: str | None, root: str | None, search: Iterable[str]) -> str:
    """The file that a name with a slash means; `here` is for "./", `root` for "~/", `search` for "dir/x".

    Raises ModuleNotFoundError if there is no such file, ImportError if there is nothing that it is relative to.
    """
    written = name if name.endswith(".py") else name + ".py"
    if name.startswith("/"):
        places = [written]
    elif name.startswith("~/"):
        if root is None:
            raise ImportError(f"{name!r} is relative to the handler's directory, and there is none: the directive must"
                              " stand in a <Directory> or .htaccess; or write the whole path", name=name)
        places = [os.path.join(root, written[2:])]
    elif name.startswith(("./", "../")):
        if here is None:
            raise ImportError(f"{name!r} is relative, and who asks for it is in no directory: write the whole path",
                              name=name)
        places = [os.path.join(here, written)]
    else:
        places = [os.path.join(directory, written) for directory in search]
    for place in places:
        if os.path.isfile(place):
            return os.path.abspath(place)
    tried = ", ".join(os.path.abspath(place) for place in places) or "no search directory"
    raise ModuleNotFoundError(f"No module named {name!r} (looked for {tried})", name=name)


def in_directories(name: str, directories: Iterable[str]) -> str | None:
    """The file of a plain or dotted name below one of these directories."""
    tail = name.replace(".", "/")
    for directory in directories:
        for ending in ("/__init__.py", ".py"):
            file = os.path.abspath(os.path.join(directory, tail + ending))
            if os.path.isfile(file):
                return file
    return None


def is_package(file: str) -> bool:
    return os.path.basename(file) == "__init__.py"


def look_again() -> None:
    """Have the import statement read its directories anew: a file may be younger than what it remembers of them.

    (importlib.invalidate_caches() raises KeyError when two threads call it at once.)
    """
    # A copy in one step: to list the items makes tuples, so that other threads come in between.
    for directory, finder in sys.path_importer_cache.copy().items():
        if finder is None:
            sys.path_importer_cache.pop(directory, None)
        elif hasattr(finder, "invalidate_caches"):
            finder.invalidate_caches()


def by_import(name: str) -> str | None:
    """The file that the import statement takes a top-level name from; None if it has none or is not found."""
    with module_lock(name):     # while another thread imports it, it is in sys.modules by turns
        if name in sys.modules:
            file = getattr(sys.modules.get(name), "__file__", None)
            return file if isinstance(file, str) else None
        look_again()
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        return spec.origin if spec is not None and spec.has_location else None


def same(one: str, other: str | None) -> bool:
    """Whether two names are those of one file."""
    if other is None:
        return False
    if os.path.abspath(one) == os.path.abspath(other):
        return True
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def clashing(name: str, directories: Sequence[str]) -> str | None:
    """The file of a plain name in these directories, if the import statement would give another one.

    Packages can't live side by side (their modules name each other), so for them and what is in them that is an
    ImportError.
    """
    file = in_directories(name, directories)
    if file is None:
        return None
    top = name.partition(".")[0]
    if top == name and not is_package(file):
        return None if same(file, by_import(name)) else file
    package = in_directories(top, directories)
    found = by_import(top)
    if package is not None and is_package(package) and found is not None and not same(package, found):
        raise ImportError(
            f"package {top!r} of {package} can't be imported: this interpreter has another one of that name, {found};"
            " rename it, or give the directory an interpreter of its own (PythonInterpPerDirectory On)", name=name)
    return None
