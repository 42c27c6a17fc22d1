"""CGI scripts in Python, run inside httpd: `PythonHandler mod_python.cgihandler`.

The file of the request is run, whatever its extension, with os.environ, sys.stdin and sys.stdout as a CGI program has
them (RFC 3875), and in its own directory. Environment and working directory belong to the whole process. So one script
at a time runs in a process, in all its threads and interpreters together; while it runs, handlers in other threads see
its directory and its environment. What they print is theirs, and goes to the error log.

The script is a module named after its file: __name__ is not "__main__". sys.exit() ends it, as its last line does. What
it imports of the application's own is forgotten when it has ended. It is for scripts that exist; new code is better off
with a handler.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mod_python import _apache, _cgi, _source
from mod_python._page_rules import is_library

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from mod_python._apache import mp_request

OK, HTTP_NOT_FOUND = 0, 404
_WARNING, _INFO = 4, 6


def handler(req: mp_request) -> int:
    """Runs the script that SCRIPT_FILENAME of req.subprocess_env names, or else req.filename."""
    script = _script_of(req)
    if script is None:
        return HTTP_NOT_FOUND
    _apache._process_lock()
    try:
        answer = _run(req, script)
    finally:
        _apache._process_unlock()
    answer.finish()         # it may be a redirect to another script
    return OK


def _script_of(req: mp_request) -> str | None:
    script = req.subprocess_env.get("SCRIPT_FILENAME") or req.filename
    if not script:
        req.log_error(f"MP0115: cgihandler: no file belongs to {req.uri!r}: put the directives into a <Directory>"
                      " section instead of a <Location>", _WARNING)
        return None
    if not os.path.isabs(script) or os.path.normpath(script) != script:
        req.log_error(f"MP0116: cgihandler: SCRIPT_FILENAME is {script!r}: it must be a whole path, without '..'",
                      _WARNING)
        return None
    if not os.path.isfile(script):
        req.log_error(f"cgihandler: there is no script {script!r}", _INFO)
        return None
    return script


def _run(req: mp_request, script: str) -> _cgi._Answer:
    """Run the script as the one that has the process; return its answer, which lacks its end."""
    environ, stdin, stdout = _cgi.setup_cgi(req)
    printed: Any = sys.stdout
    answer: _cgi._Answer = printed._answer
    sys.stdin, sys.stdout = _OfThread(sys.stdin, stdin), _OfThread(printed, stdout)
    os.environ["SCRIPT_FILENAME"] = script
    try:
        with _in_directory_of(script), _forgetting_imports():
            try:
                _execute(script)
            except SystemExit as end:
                if end.code is not None and not isinstance(end.code, int):
                    print(end.code, file=sys.stderr)
            sys.stdout.flush()      # it may be one that the script has put there
    finally:
        sys.stdin, sys.stdout = stdin, stdout
        _cgi.restore_nocgi(environ, stdin, stdout)
    return answer


def _execute(script: str) -> None:
    code = compile(_source.read(script).data, script, "exec", dont_inherit=True)
    module = ModuleType(os.path.splitext(os.path.basename(script))[0])
    module.__file__ = script
    # Code that looks itself up finds itself, unless other code has that name.
    known = sys.modules.setdefault(module.__name__, module)
    try:
        exec(code, module.__dict__)
    finally:
        if known is module:
            sys.modules.pop(module.__name__, None)


class _OfThread:
    """A standard stream: the script's for the thread that made it, for others what it was before."""

    def __init__(self, mine: Any, others: Any) -> None:
        self._mine = mine
        self._others = others
        self._thread = threading.get_ident()

    def _stream(self) -> Any:
        return self._mine if threading.get_ident() == self._thread else self._others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream(), name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stream())


@contextmanager
def _in_directory_of(script: str) -> Iterator[None]:
    """Work in the script's directory, and import from there first."""
    directory = os.path.dirname(script)
    before = os.getcwd()
    os.chdir(directory)
    added = directory not in sys.path
    if added:
        sys.path.insert(0, directory)
    try:
        yield
    finally:
        if added and directory in sys.path:
            sys.path.remove(directory)
        try:
            os.chdir(before)
        except OSError:             # where httpd was started, its children may have no business
            os.chdir("/")


class _Imports:
    """First on sys.meta_path, for a while: notes what this thread imports, and leaves finding it to the others."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        if threading.get_ident() == self._thread:
            self.names.append(name)
        return None


@contextmanager
def _forgetting_imports() -> Iterator[None]:
    """Take the application's modules that are imported meanwhile out of sys.modules afterwards.

    The standard library and installed packages stay: some of them can't be imported twice in a process.
    """
    imports = _Imports()
    sys.meta_path.insert(0, imports)
    try:
        yield
    finally:
        sys.meta_path.remove(imports)
        for name in imports.names:
            if _is_of_application(sys.modules.get(name)):
                sys.modules.pop(name, None)


def _is_of_application(module: ModuleType | None) -> bool:
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return file.endswith(".py") and not is_library(file) and not _is_installed(file)
    return not any(map(_is_installed, getattr(module, "__path__", [os.sep])))   # a namespace


def _is_installed(file: str) -> bool:
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages(), os.sep + "\0"}
    return file == os.sep or any(file.startswith(place + os.sep) for place in places)
