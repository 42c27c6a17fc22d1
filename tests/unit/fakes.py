"""Stand-ins for what httpd gives to the Python half."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

Write = Callable[..., str]

# Long ago, and not on a full second: a time stamp that tells one version from the next.
LONG_AGO = 1_600_000_000_123_456_789


class FakeHttpd(types.ModuleType):
    """`_apache`, as far as the Python half calls it; what was logged and asked is kept."""

    def __init__(self) -> None:
        super().__init__("_apache")
        self.log: list[tuple[int, str]] = []
        self.changes = 0
        self.req: Any = None
        self.SERVER_RETURN = type("SERVER_RETURN", (Exception,), {})
        self.table = dict
        self._version = "4.0.0"
        self._library = "/usr/lib/mod_python.so"
        for name in ("AP_CONN_UNKNOWN AP_CONN_CLOSE AP_CONN_KEEPALIVE APR_NOFILE APR_REG APR_DIR APR_CHR APR_BLK"
                     " APR_PIPE APR_LNK APR_SOCK APR_UNKFILE MODULE_MAGIC_NUMBER_MAJOR MODULE_MAGIC_NUMBER_MINOR"
                     ).split():
            setattr(self, name, 0)
        for name in "config_tree exists_config_define mpm_query register_cleanup server_root stat".split():
            setattr(self, name, lambda *args: None)

    def _request(self) -> Any:
        return self.req

    def _log(self, level: int, message: str) -> None:
        self.log.append((level, message))

    def log_error(self, message: str, level: int = 3, server: Any = None) -> None:
        self.log.append((level, message))

    def _modules_changed(self) -> None:
        self.changes += 1


class FakeServer:
    def __init__(self) -> None:
        self.config: dict[str, str] = {}
        self.options: dict[str, str] = {}

    def get_config(self) -> dict[str, str]:
        return self.config

    def get_options(self) -> dict[str, str]:
        return self.options


class FakeRequest(FakeServer):
    def __init__(self, directory: str | None = None, is_location: int = 0) -> None:
        super().__init__()
        self.hlist = types.SimpleNamespace(directory=directory, is_location=is_location)
