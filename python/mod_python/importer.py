"""Importing for handlers: modules that are loaded anew when their file, or a file that they stand on, has changed.

Plain and dotted names are those of the import statement, and so are the modules: they are in sys.modules. Modules that
are named by a file, and namesakes from another directory, are known by a private label instead. Either way a module is
executed once per version, in a module object of its own, which replaces the former one when it is complete.
"""

import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from mod_python import _apache, _current, _hook, _loading, _names, _records, _search
from mod_python._objects import resolve_object
from mod_python._records import ModuleInfo, Record

Watched = tuple[tuple[str, int, int], ...]


# --- what the engine calls ---

def import_handler(name: str, directory: str | None, path: str | None, autoreload: bool,
                   log: bool) -> tuple[ModuleType, Watched]:
    """Import the module of a handler directive.

    `directory` is the one that the directive stands in, `path` the PythonPath expression in effect. Returns the module
    and the files that it stands on, each as it must be for the module to be current. Raises what the import raises.
    """
    _names.check(name)
    search = _search.apply(path, directory) + _option_path()
    here = os.path.abspath(directory) if directory else None
    target = _loading.target_of(name, here, here, search)
    known = _known_to_request(None)
    module = known.get(target.name)
    if module is None:
        module, record = _loading.obtain(target, autoreload, log)
        known[target.name] = module
    else:
        record = _records.find(target.name)
    if record is None or _loading.frozen:
        return module, ()
    record.direct += 1
    files = _records.watched(record)
    if module is not record.module:     # the request's own is an older one: the next request has to ask again
        files = tuple((file, -1, -1) for file, _, _ in files)
    return module, files


def prepare_page(path: str | None) -> None:
    """Give sys.path what Python code in a page is entitled to: PythonPath, if it is set."""
    _search.apply(path, None)


def preload_module(name: str, function: str | None, path: str | None) -> None:
    """Import a module before the first request, and call its function, if one is named, without arguments."""
    module, _ = import_handler(name, None, path, True, False)
    if function:
        resolve_object(module, function)()


# --- what applications call ---

def import_module(module_name: str, autoreload: bool | None = None, log: bool | None = None,
                  path: str | Sequence[str] | None = None) -> ModuleType:
    """Imports a module as a handler directive would, and notes that the calling module stands on it.

    When the file of one of them changes, both are loaded anew for the next request. Within a request the same name
    gives the same module.

    module_name is a plain or dotted name, or a file: "/abs/x.py", "~/x" (below the handler's directory), "./x" and
    "../x" (beside the calling module), "dir/x" (below a directory that is searched). path is a directory or a list of
    them, to search in. autoreload and log are those of PythonAutoReload and PythonDebug if they are None.

    Raises ImportError if there is no such module, TypeError or ValueError for what is no name, and whatever the module
    raises.
    """
    _names.check(module_name)
    caller = sys._getframe(1).f_globals
    directories = (path,) if isinstance(path, str) else tuple(path) if path is not None else None
    return _import_for(caller, module_name, directories, autoreload, log)


def _neighbour(caller: dict[str, Any], name: str) -> ModuleType | None:
    """What `import name` is in a module with the hook, if that is a neighbour of the module's."""
    here = _directory(caller)
    file = _names.in_directories(name, _directories(caller, here))
    if file is None or _names.same(file, caller.get("__file__")):
        return None
    return _import_for(caller, name, None, None, None)


def _import_for(caller: dict[str, Any], module_name: str, path: tuple[str, ...] | None, autoreload: bool | None,
                log: bool | None) -> ModuleType:
    parent, here = _parent(caller), _directory(caller)
    known = _known_to_request(parent)
    root = _current.get_handler_root()
    key = module_name, here, root, path
    target = known.targets.get(key)
    if target is None:
        directories = path if path is not None else _directories(caller, here)
        target = _loading.target_of(module_name, here, root, directories)
    module = known.get(target.name)
    if autoreload is None:
        autoreload = _current.setting("PythonAutoReload", True)
    try:
        if module is None:
            module, record = _loading.obtain(
                target, autoreload, _current.setting("PythonDebug", False) if log is None else bool(log))
            if record is not None:
                record.indirect += 1
    finally:
        # Also after a failure: when the child is healed, a parent that coped without it wants to know.
        child = _records.find(target.name)
        if autoreload and parent is not None and child is not None and _records.connect(parent, child):
            _apache._modules_changed()
    known.targets[key], known[target.name] = target, module
    return module


def _parent(caller: dict[str, Any]) -> Record | None:
    """The record of the calling module, if what calls is the version that is served or being loaded."""
    info = caller.get("__mp_info__")
    return info.cache if isinstance(info, ModuleInfo) and info is info.cache.info else None


def _directory(caller: dict[str, Any]) -> str | None:
    file = caller.get("__file__")
    return os.path.dirname(os.path.abspath(file)) if isinstance(file, str) else None


def _directories(caller: dict[str, Any], here: str | None) -> list[str]:
    """Where modules are that are preferred to those that the import statement finds."""
    found: list[str] = []
    if here is not None and "__mp_info__" in caller:
        found = [here, *(os.path.join(here, entry) for entry in caller.get("__mp_path__", ()))]
    root = _current.get_handler_root()
    if root is not None:
        found.append(root)
    return found + _option_path()


def _option_path() -> list[str]:
    text = _current.get_current_options().get("mod_python.importer.path")
    return _search.evaluate("PythonOption mod_python.importer.path", text) if text else []


class _Known(dict[str, ModuleType]):
    """What a request imported so far: modules by their names, and what was meant by which name in which directory."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: dict[tuple[str, str | None, str | None, tuple[str, ...] | None], _loading.Target] = {}


def _known_to_request(parent: Record | None) -> _Known:
    """A module that is being loaded gets what is current, not what was."""
    req = _apache._request()
    if req is None or (parent is not None and parent.loading is not None):
        return _Known()
    known: _Known | None = getattr(req, "_mp_modules", None)
    if known is None:
        known = req._mp_modules = _Known()
    return known


# --- what there is to know about the modules of this interpreter ---

def freeze_modules() -> None:
    """From now on nothing is loaded anew in this interpreter, whatever changes; as with PythonAutoReload Off."""
    _loading.frozen = True
    _apache._modules_changed()


def module_info(label: str) -> ModuleInfo:
    """What the importer knows of a module: its label, file and children, the labels of the modules that it imported.

    label is module.__mp_info__.label, a module's name, or a file. KeyError if the importer did not import it.
    """
    record = _records.find(label) or _records.find(_names.label_of(label))
    if record is None:
        raise KeyError(f"no module {label!r} was imported by the importer")
    return record.info


def modules_graph(verbose: int = 0) -> str:
    """Which module stands on which in this interpreter: a graph in the language DOT, as text.

    With verbose it also says how often each was loaded and asked for, and the time of its file.
    """
    return _graph(_records.every(), verbose)


def request_modules_graph(verbose: int = 0) -> str:
    """The graph of modules_graph() for what the current request imported, and what that stands on."""
    found: dict[str, Record] = {}
    for name in _known_to_request(None):
        record = _records.find(name)
        for member in _records.closure(record) if record is not None else ():
            found[member.name] = member
    return _graph(list(found.values()), verbose)


def _graph(records: Sequence[Record], verbose: int) -> str:
    lines = ["digraph modules {"]
    for record in records:
        text = f"{record.name}\\n{record.file}"
        if verbose:
            text += (f"\\ngeneration={record.generation} direct={record.direct} indirect={record.indirect}"
                     f" mtime={record.mtime:.3f}")
        quoted = text.replace('"', '\\"')
        lines.append(f'    "{record.name}" [label="{quoted}"];')
    for record in records:
        lines.extend(f'    "{record.name}" -> "{child}";' for child in record.info.children)
    return "\n".join([*lines, "}"]) + "\n"


_loading.install()
_hook.use(_neighbour)
