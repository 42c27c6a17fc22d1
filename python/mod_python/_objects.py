"""Objects by their names: what stands behind `::` in a handler directive."""

from types import ModuleType
from typing import Any


def resolve_object(module: ModuleType, obj_str: str, arg: Any = None, silent: int = 0) -> Any:
    """The object that the dotted name obj_str means in a module, as behind the :: of a handler directive.

    A class on the way, but not at the end, is called with arg, and the way goes on from its object. An unknown name is
    an AttributeError that says so; with silent it gives None.
    """
    found: Any = module
    for name in obj_str.split("."):
        if isinstance(found, type):
            found = found(arg)
        try:
            found = getattr(found, name)
        except AttributeError as error:
            # An AttributeError from inside a property or __getattr__ is the application's: keep it in sight.
            if silent:
                return None
            file = getattr(module, "__file__", None)
            raise AttributeError(f"module '{module.__name__}', file \"{file}\" contains no '{obj_str}'") from error
    return found
