"""From a name to a module that is current: which file, whether it must be loaded, and loading it.

Who holds what: a module is looked at and executed under the lock of its name (_locks.py), which is also the import
statement's. The graph's lock (_records.py) is taken inside that, briefly.
"""

import importlib
import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import NamedTuple

from mod_python import _apache, _hook, _names, _records
from mod_python import _current as _where
from mod_python._locks import Deadlock, module_lock
from mod_python._records import Record
from mod_python._source import Source, SourceLoader

_ERR, _WARNING, _NOTICE = 3, 4, 5

TRIES = 3

_born = time.time_ns()
frozen = False


class _Local(threading.local):
    """What this thread is about to import by the import statement's machinery, and which modules failed meanwhile."""

    def __init__(self) -> None:
        self.wanted: Target | None = None
        self.log = False
        self.failed: list[ModuleType] | None = None


class Target(NamedTuple):
    """What a name stands for: a file known by its label, or, without `file`, a name for the import statement."""

    name: str
    file: str | None
    directories: Sequence[str] = ()     # where a package may be that is not on sys.path

    @property
    def title(self) -> str:
        return self.file or self.name


_local = _Local()


def target_of(name: str, here: str | None, root: str | None, directories: Sequence[str]) -> Target:
    """What a checked name stands for. `here` is where "./" is, `root` where "~/" is; modules in `directories` are
    preferred to those that the import statement finds. Raises ImportError."""
    if _names.is_path(name):
        file: str | None = _names.file_of(name, here, root, [*directories, *sys.path])
    else:
        file = _names.clashing(name, directories)
    if file is None:
        return Target(name, None, directories)
    return Target(_names.label_of(file), file)


def obtain(target: Target, autoreload: bool, log: bool) -> tuple[ModuleType, Record | None]:
    """The module, loaded or loaded anew if need be; its record, unless it is one that is never loaded anew."""
    for _ in range(TRIES):
        try:
            return _obtain(target, autoreload, log)
        except Deadlock:
            # An import statement in the module met another thread's import in a circle, at a moment when CPython gives
            # up instead of giving what there is. That import goes on now; afterwards all is there.
            continue
    return _obtain(target, autoreload, log)


def _obtain(target: Target, autoreload: bool, log: bool) -> tuple[ModuleType, Record | None]:
    with module_lock(target.name) as held:
        if target.file is not None:
            record = _records.of(target.name, target.file, False)
        else:
            module = sys.modules.get(target.name)
            if module is None and held:
                module = _first_import(target, log)
            if module is None:
                raise _circle(target)
            found = _record_of(target.name, module)
            if found is None:
                return module, None
            record = found
        if record.loading is not None:      # a circle: what there is of it, as the import statement gives it
            return record.loading, record
        if held:
            return _current(record, autoreload and not frozen, log), record
        if record.module is None:
            raise _circle(target)
        return record.module, record


def new_module(loader: SourceLoader) -> ModuleType:
    """An empty module, to be executed by `execute`."""
    spec = importlib.util.spec_from_file_location(loader.name, loader.path, loader=loader,
                                                  submodule_search_locations=None)
    if spec is None:
        raise ImportError(f"{loader.path} can't be loaded as a module", name=loader.name, path=loader.path)
    return importlib.util.module_from_spec(spec)


def execute(module: ModuleType, loader: SourceLoader) -> ModuleType:
    """Run the module's code, while it is in sys.modules; return what is there afterwards, as it may replace itself.

    The entry in sys.modules is the caller's to keep or to take away, except after a failure.
    """
    with _clean_after_failure():
        sys.modules[loader.name] = module
        try:
            loader.exec_module(module)
        except BaseException:
            sys.modules.pop(loader.name, None)
            raise
        return sys.modules.get(loader.name, module)


def _circle(target: Target) -> ImportError:
    return ImportError(f"module {target.title!r} is being imported by another thread, which waits for one that this"
                       " thread imports: they import each other", name=target.name)


def _say(name: str, file: str | None) -> None:
    _apache._log(_NOTICE, f"mod_python: (Re)importing module '{name}'" + (f" from {file}" if file else "")
                 + f" in interpreter '{_where.interpreter}'")


# --- the first import of a name, by the import statement's own machinery ---

class _Loader(SourceLoader):
    """Loads a version of a record."""

    def __init__(self, record: Record) -> None:
        super().__init__(record.name, record.file, self._begin)
        self.record = record

    def _begin(self, source: Source) -> None:
        module = self.record.loading
        if module is not None:              # else somebody only asks for the code
            hook = _hook.wanted()
            if hook:
                _hook.install()
            module.__dict__["__mp_info__"] = _records.begin(self.record, source, hook)

    def exec_module(self, module: ModuleType) -> None:
        record = self.record
        record.loading = module
        try:
            super().exec_module(module)
        except BaseException:
            record.stale = True
            if _local.failed is not None:
                _local.failed.append(module)
            raise
        finally:
            record.loading = None
            _apache._modules_changed()


class _Finder:
    """First on sys.meta_path: finds what the others find, and sees to it that what this thread imports for the importer
    is loaded from its source, with its version noted."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        wanted = _local.wanted
        if wanted is None or name not in (wanted.name, wanted.name.partition(".")[0]):
            return None
        spec = _find_by_others(name, path, target)
        if spec is None and path is None:
            spec = PathFinder.find_spec(name, list(wanted.directories))
        if spec is not None and name == wanted.name:
            if _local.log:
                _say(name, spec.origin)
            if _reloadable(spec):
                spec.loader = _Loader(_records.of(name, str(spec.origin), True))
        return spec


def _find_by_others(name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        if finder is not _Finder and find_spec is not None:
            spec: ModuleSpec | None = find_spec(name, path, target)
            if spec is not None:
                return spec
    return None


def install() -> None:
    """Take part in the imports of this interpreter."""
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


def _reloadable(spec: ModuleSpec) -> bool:
    """Plain source modules are; packages are left to the import statement, and so is mod_python itself."""
    return (type(spec.loader) is SourceFileLoader and spec.submodule_search_locations is None
            and spec.name.partition(".")[0] != "mod_python")


def _first_import(target: Target, log: bool) -> ModuleType:
    _names.look_again()
    outer = _local.wanted, _local.log
    _local.wanted, _local.log = target, log
    try:
        with _clean_after_failure():
            module = importlib.import_module(target.name)
    finally:
        _local.wanted, _local.log = outer
    record = _records.find(target.name)
    if record is not None:
        _loaded(record, module)
    return module


def _record_of(name: str, module: ModuleType) -> Record | None:
    record = _records.find(name)
    if record is not None and (module is record.module or module is record.loading):
        return record
    spec = getattr(module, "__spec__", None)
    if isinstance(spec, ModuleSpec) and isinstance(spec.loader, _Loader):
        return spec.loader.record
    if not isinstance(spec, ModuleSpec) or not _reloadable(spec):
        return None
    record = _records.of(name, str(spec.origin), True)
    _records.adopt(record, module, _born)
    return record


# --- once it is known ---

def _current(record: Record, autoreload: bool, log: bool) -> ModuleType:
    record.atime = time.time()
    if record.module is not None:
        if not autoreload:
            return record.module
        for member in _records.closure(record):
            if member.loading is None and _records.look(member):
                _apache._log(_WARNING, f"MP0014: {member.file} can't be looked at any more; what was loaded from it"
                             " stays in use")
    if record.stale or record.module is None:
        _load(record, log)
    if record.module is None:
        raise ImportError(f"module '{record.name}' was not loaded", name=record.name, path=record.file)
    return record.module


def _load(record: Record, log: bool) -> None:
    old = record.module
    if log:
        _say(record.name if record.plain else record.file, record.file)
    loader = _Loader(record)
    module = new_module(loader)
    if old is not None:
        _call_hook(old, "__mp_clone__", module)
    if record.plain:
        module = _execute_beside(record, module, loader)
    else:
        # Code that looks itself up in sys.modules (dataclasses does) finds itself while it is executed.
        module = execute(module, loader)
        sys.modules.pop(record.name, None)
    _loaded(record, module)
    if old is not None:
        try:
            _call_hook(old, "__mp_purge__")
        except Exception as error:
            _apache._log(_ERR, f"MP0140: __mp_purge__() of {record.file} failed: {type(error).__name__}: {error}")


def _execute_beside(record: Record, module: ModuleType, loader: SourceLoader) -> ModuleType:
    """Run a new version while sys.modules still has the old one; then change them over."""
    old = sys.modules.get(record.name)
    with _clean_after_failure():
        loader.exec_module(module)
    now = sys.modules.get(record.name)
    if now is not None and now is not old:
        module = now
    sys.modules[record.name] = module
    package, _, last = record.name.rpartition(".")
    if package in sys.modules:
        setattr(sys.modules[package], last, module)
    return module


def _loaded(record: Record, module: ModuleType) -> None:
    record.module = module
    record.generation += 1
    _apache._modules_changed()


def _call_hook(module: ModuleType, name: str, *args: ModuleType) -> None:
    hook: Callable[..., object] | None = getattr(module, "__dict__", {}).get(name)
    if hook is not None:
        hook(*args)


# --- after a failure ---

@contextmanager
def _clean_after_failure() -> Iterator[None]:
    """If the import inside fails, take away what it left half-imported in sys.modules."""
    before = set(sys.modules)
    outer = _local.failed
    failed: list[ModuleType] = []
    _local.failed = failed
    try:
        yield
    except BaseException:
        _forget(before, failed)
        if outer is not None:
            outer.extend(failed)
        raise
    finally:
        _local.failed = outer


def _forget(before: set[str], failed: list[ModuleType]) -> None:
    """Forget new modules that lost their package, or that hold a failed module (they imported each other)."""
    found = True
    while found:
        found = False
        for name in set(sys.modules) - before:
            module = sys.modules.get(name)
            package = name.rpartition(".")[0]
            if module is not None and (_is_gone(package) or _holds(module, failed)):
                sys.modules.pop(name, None)
                failed.append(module)
                found = True


def _is_gone(package: str) -> bool:
    """Whether the package is no more. (For a moment it is not there while another thread completes its import.)"""
    if not package or package in sys.modules:
        return False
    with module_lock(package):
        return package not in sys.modules


def _holds(module: ModuleType, failed: list[ModuleType]) -> bool:
    values = list(getattr(module, "__dict__", {}).values())
    return any(value is one for value in values for one in failed)
