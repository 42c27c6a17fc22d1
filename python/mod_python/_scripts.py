"""WSGI script files: loaded as modules by their path, and loaded anew when the file, or the script itself, says so."""

import sys
import traceback
from types import ModuleType

from mod_python import _apache, _loading, apache
from mod_python._locks import module_lock
from mod_python._source import Source, SourceLoader, version_of

_ERR, _INFO = 3, 6


def load(path: str, name: str, resource: str, reloading: bool) -> ModuleType:
    """As find(), in this process whatever happens."""
    module = find(path, name, resource, reloading, True)
    assert module is not None
    return module


def find(path: str, name: str, resource: str, reloading: bool, anew: bool) -> ModuleType | None:
    """The module of a script file, which is in sys.modules by that name; loaded if it is not, once, whoever asks.

    With `reloading` it is loaded anew if its file changed or its reload_required(resource) wants it. Without `anew`,
    in a process of a group, this gives None then: another process shall load it.
    """
    with module_lock(name):
        module = sys.modules.get(name)
        if module is not None:
            if not reloading or not _is_stale(module, path, resource):
                return module
            if not anew:
                return None
            del sys.modules[name]
        _say("Loading" if module is None else "Reloading", path)
        return _execute(path, name)


def _is_stale(module: ModuleType, path: str, resource: str) -> bool:
    mtime = module.__dict__.get("__mtime__")
    version = version_of(path)
    if type(mtime) is not int or version is None or mtime != version.mtime_ns // 1000:
        return True
    required = module.__dict__.get("reload_required")
    if required is None:
        return False
    try:
        return bool(required(resource))
    except Exception:
        _apache._log(_ERR, f"MP0337: reload_required() of WSGI script '{path}' failed; the script stays as it is")
        for line in traceback.format_exc().splitlines():
            _apache._log(_ERR, f"reload_required() of WSGI script '{path}': {line}")
        return False


def _execute(path: str, name: str) -> ModuleType:
    sources: list[Source] = []
    loader = SourceLoader(name, path, sources.append)
    module = _loading.new_module(loader)
    module.__dict__["__cached__"] = None
    module = _loading.execute(module, loader)
    module.__dict__["__mtime__"] = sources[-1].version.mtime_ns // 1000
    return module


def _say(what: str, path: str) -> None:
    name = apache.interpreter
    into = "main interpreter" if name == "main_interpreter" else f"sub-interpreter '{name}'"
    group = getattr(sys.modules.get("mod_wsgi"), "process_group", "")
    where = f"of daemon process '{group}'" if group else "in embedded mode"
    _apache._log(_INFO, f"{what} WSGI script '{path}' into {into} {where}.")
