"""The import statement in modules that the importer loads, with PythonOption mod_python.importer.hook On: a neighbour
is preferred to what is elsewhere, and becomes a dependency, as with apache.import_module().

The statement's machinery (sys.meta_path) knows names only: neither who asks, nor modules that are not in sys.modules.
So this takes the place of builtins.__import__, in interpreters where a module with the hook was loaded. Imports of all
other modules pass through.
"""

import builtins
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mod_python import _current
from mod_python._records import ModuleInfo

OPTION = "mod_python.importer.hook"

Find = Callable[[dict[str, Any], str], ModuleType | None]

_find: Find | None = None
_ordinary: Callable[..., Any] | None = None     # what was there before


def use(find: Find) -> None:
    """Say what looks for neighbours: find(the caller's globals, name) gives the module, or None if there is none."""
    global _find
    _find = find


def wanted() -> bool:
    """Whether a module that is loaded now gets the hook. Raises ValueError if the option is neither On nor Off."""
    text = _current.get_current_options().get(OPTION)
    if text is None or text.lower() == "off":
        return False
    if text.lower() != "on":
        raise ValueError(f"PythonOption {OPTION} must be On or Off, not {text!r}")
    return True


def install() -> None:
    """Have import statements come here."""
    global _ordinary
    if _ordinary is None:       # once: others may have taken the place in turn, and call this
        _ordinary = builtins.__import__
        setattr(builtins, "__import__", _statement)  # noqa: B010 - for mypy it is a function like any other


def _statement(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
    # A list comes from C code, which goes on with what is in sys.modules.
    if level == 0 and type(globals) is dict and type(fromlist) is not list and _find is not None:
        info = globals.get("__mp_info__")
        if isinstance(info, ModuleInfo) and info.hook:
            module = _find(globals, name)
            # Packages, and what is in them, are in sys.modules now: from there the statement takes what it binds.
            if module is not None and "." not in name and not hasattr(module, "__path__"):
                return module
    assert _ordinary is not None
    return _ordinary(name, globals, locals, fromlist, level)
