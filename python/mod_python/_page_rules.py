"""What clients may reach in a page of mod_python.publisher, and what they may go through to get there.

The rule is about what an object is, not about what it claims to be, and it is asked before anything is looked up in the
object. Modules, classes, and code that is not of the application's own are never reached: whoever writes
`from os import remove` in a page does not mean to publish it.
"""

from __future__ import annotations

import functools
import os
import sysconfig
import types
from collections.abc import Iterator
from typing import Any

# Also code, frames, generators, cells and what else the interpreter is made of.
_INTERPRETERS = tuple(kind for name, kind in vars(types).items() if isinstance(kind, type) and not name.startswith("_"))
_BUILT_IN = (types.BuiltinFunctionType, types.BuiltinMethodType, types.WrapperDescriptorType, types.MethodWrapperType,
             types.MethodDescriptorType, types.ClassMethodDescriptorType)

_LIBRARY = tuple({os.path.join(os.path.realpath(path), "")
                  for path in (os.path.dirname(os.__file__), sysconfig.get_path("stdlib"),
                               sysconfig.get_path("platstdlib"), os.path.dirname(__file__))
                  if path})
_PACKAGES = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


def may_go_through(object: Any) -> bool:
    """Whether the attributes of an object may be asked for."""
    if isinstance(object, (*_INTERPRETERS, type, functools.partial)):
        return False
    return not callable(object) or is_published_code(object)


def may_publish(object: Any) -> bool:
    """Whether an object may be what a client gets, or what is called for it."""
    if isinstance(object, (types.ModuleType, type, *_BUILT_IN)):
        return False
    return not callable(object) or is_published_code(object)


def is_published_code(object: Any) -> bool:
    """Whether a call runs a function that is written in Python, and not in the standard library or mod_python."""
    return any(not is_library(function.__code__.co_filename) for function in functions_behind(object))


@functools.lru_cache(maxsize=4096)
def is_library(file: str) -> bool:
    """Whether code of this file is the standard library's or mod_python's."""
    if file.startswith("<frozen "):
        return True
    path = os.path.realpath(file)
    return any(path.startswith(directory) and not any(packages in path[len(directory) - 1:] for packages in _PACKAGES)
               for directory in _LIBRARY)


def functions_behind(object: Any) -> Iterator[types.FunctionType]:
    """The Python functions that a call runs: the outermost first, then those that it wraps, as far as one can see.

    That is through bound methods, functools.partial and objects with __call__; then through decorators that say what
    they wrap (functools.wraps) or that keep a function in their closure.
    """
    found: list[Any] = []
    todo = [object]
    while todo and len(found) < 100:
        one = todo.pop(0)
        if any(one is other for other in found):
            continue
        found.append(one)
        if isinstance(one, types.FunctionType):
            yield one
            todo += _wrapped(one)
        elif isinstance(one, types.MethodType):
            todo.append(one.__func__)
        elif isinstance(one, functools.partial):
            todo.append(one.func)
        elif callable(one) and not isinstance(one, (type, *_BUILT_IN)):
            call = type(one).__call__
            # What is made in C, such as the result of functools.cache(), may tell what it wraps.
            todo.append(getattr(one, "__wrapped__", None) if isinstance(call, _BUILT_IN) else call)


def _wrapped(function: types.FunctionType) -> list[Any]:
    inner = function.__dict__.get("__wrapped__")
    found = [] if inner is None else [inner]
    for cell in function.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:          # empty
            continue
        if isinstance(content, types.FunctionType):
            found.append(content)
    return found
