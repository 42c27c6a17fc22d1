"""The modules behind mod_python.publisher's pages: known by their file, and loaded anew when it changes.

They are the importer's, but under names of their own: that of the file, with `_` for what can't be in a name. So pages
of equal names in two directories are two modules, none is in sys.modules, and a page that uses apache.import_module()
is loaded anew with what it imported.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from types import ModuleType
from typing import TYPE_CHECKING

from mod_python import _current, _loading, importer

if TYPE_CHECKING:
    from mod_python._apache import mp_request

_lock = threading.Lock()
_files: dict[str, str] = {}         # by the module's name


class PageCache:
    """The pages of this interpreter. `page_cache[req]` is the module of the page that req.filename names.

    A file name does as well as a request. The module is loaded if it is not there yet, or if its file or a module that
    it imported with apache.import_module() has changed (unless PythonAutoReload is off). Within a request it stays the
    same. OSError if there is no such file, and whatever the module raises.
    """

    def __getitem__(self, key: mp_request | str) -> ModuleType:
        file = key if isinstance(key, str) else key.filename
        if file is None:
            raise FileNotFoundError(f"no page: the request for {key.uri!r} has no file")  # type: ignore[union-attr]
        file = os.path.abspath(file)
        if not os.path.isfile(file):
            raise FileNotFoundError(f"no page: {file} is no file")
        name = _name_of(file)
        known = importer._known_to_request(None)
        module = known.get(name)
        if module is None:
            debug = _current.setting("PythonDebug", False)
            module, record = _loading.obtain(_loading.Target(name, file), _current.setting("PythonAutoReload", True),
                                             debug)
            known[name] = module
            if record is not None:
                record.direct += 1
        return module


def _name_of(file: str) -> str:
    """The name of the module for a file; two files never share one."""
    name = re.sub(r"\W", "_", file)
    with _lock:
        if _files.setdefault(name, file) != file:
            name += "_" + hashlib.md5(os.fsencode(file), usedforsecurity=False).hexdigest()
            _files[name] = file
    return name
