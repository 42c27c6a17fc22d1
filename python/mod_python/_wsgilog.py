"""mod_wsgi.LogHandler: Python's log records as lines of httpd's error log, at their own level."""

import logging
from importlib import import_module
from typing import Any

_engine: Any = import_module("mod_wsgi")

# httpd's, from the highest of Python's down.
_LEVELS = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7


class LogHandler(logging.Handler):
    """Writes to the log of the request that the thread serves, else to the server's; LogLevel says what is kept.

    A record with several lines becomes several lines there. `%F` of ErrorLogFormat is the record's file and line.
    """

    def __init__(self, level: int | str = logging.NOTSET, *_: Any, **__: Any) -> None:
        super().__init__(level)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = next((apache for python, apache in _LEVELS if record.levelno >= python), _DEBUG)
            for line in self.format(record).replace("\0", "\\x00").splitlines() or [""]:
                _engine._log(level, line, record.pathname, record.lineno)
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)
