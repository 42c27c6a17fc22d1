"""A database by any DB-API module (PEP 249): a connection for each thread, any paramstyle, one statement at a time."""

from __future__ import annotations

import ast
import hashlib
import importlib
import os
import re
import threading
from contextlib import suppress
from typing import Any

_PLACE = re.compile(r":(\w+)")
_TABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)?", re.ASCII)
_CONNECT = "mod_python.sql_session.connect"

Parameters = dict[str, Any]


def arguments(text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What to call connect() with: a dictionary in Python's notation gives keywords, anything else is one text."""
    if not text.startswith("{"):
        return ((text,), {})
    try:
        keywords = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        keywords = None
    if not isinstance(keywords, dict) or not all(isinstance(key, str) for key in keywords):
        raise ValueError(f"PythonOption {_CONNECT}: what begins with a brace must be a Python dictionary of keywords,"
                         " as \"{'host': 'db', 'port': 3306}\"")
    return ((), keywords)


def adapted(statement: str, parameters: Parameters, paramstyle: str) -> tuple[str, Any]:
    """The statement and its parameters as the module takes them; `:name` stands for a parameter. Raises ValueError."""
    names: list[str] = _PLACE.findall(statement)
    if paramstyle == "named":
        return statement, {name: parameters[name] for name in names}
    if paramstyle == "pyformat":
        return _PLACE.sub(r"%(\1)s", statement), {name: parameters[name] for name in names}
    numbers = iter(range(1, len(names) + 1))
    if paramstyle == "numeric":
        return _PLACE.sub(lambda _: f":{next(numbers)}", statement), tuple(parameters[name] for name in names)
    if paramstyle in ("qmark", "format"):
        place = "?" if paramstyle == "qmark" else "%s"
        return _PLACE.sub(lambda _: place, statement), tuple(parameters[name] for name in names)
    raise ValueError(f"paramstyle {paramstyle!r} is none of PEP 249")


class Database:
    """Raises ImportError without the module, ValueError for options that are wrong; else what the module does."""

    def __init__(self, module: str, connect: str, table: str) -> None:
        if not _TABLE.fullmatch(table):
            raise ValueError(f"PythonOption mod_python.sql_session.table must be a plain name, not {table!r}")
        self.table = table
        self.name = f"sql-{hashlib.sha256(f'{module} {connect} {table}'.encode()).hexdigest()[:12]}"
        self._arguments = arguments(connect)
        self._module = _module(module)
        self._mine = threading.local()

    @property
    def Error(self) -> type[Exception]:
        error: type[Exception] = self._module.Error
        return error

    @property
    def IntegrityError(self) -> type[Exception]:
        error: type[Exception] = self._module.IntegrityError
        return error

    def connect(self) -> None:
        """Have a connection for this thread."""
        self._connection()

    def run(self, statement: str, **parameters: Any) -> tuple[int, list[Any]]:
        """Run a statement in a transaction of its own: the number of rows, and the rows of a query.

        On a connection that was there before it is tried twice, since the database may have been restarted.
        """
        text, values = adapted(statement, parameters, self._module.paramstyle)
        connection, is_new = self._connection()
        try:
            return self._run(connection, text, values)
        except self.IntegrityError:
            raise
        except self.Error:
            self._drop()
            if is_new:
                raise
        connection, _ = self._connection()
        try:
            return self._run(connection, text, values)
        except self.IntegrityError:
            raise
        except self.Error:
            self._drop()
            raise

    def _run(self, connection: Any, text: str, values: Any) -> tuple[int, list[Any]]:
        try:
            cursor = connection.cursor()
            try:
                cursor.execute(text, values)
                rows = list(cursor.fetchall()) if cursor.description else []
                count = cursor.rowcount
            finally:
                cursor.close()
            connection.commit()
        except BaseException:
            with suppress(Exception):
                connection.rollback()
            raise
        return count, rows

    def _connection(self) -> tuple[Any, bool]:
        """This thread's connection, and whether it is new. It is closed when the thread ends."""
        mine = self._mine
        if getattr(mine, "process", None) == os.getpid():
            return mine.connection, False
        # What a forked process has is its parent's; if it were closed here, the parent would lose it.
        mine.inherited = getattr(mine, "connection", None)
        positional, keywords = self._arguments
        mine.connection, mine.process = self._module.connect(*positional, **keywords), os.getpid()
        return mine.connection, True

    def _drop(self) -> None:
        connection, self._mine.connection, self._mine.process = self._mine.connection, None, None
        with suppress(Exception):
            connection.close()


def _module(name: str) -> Any:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"PythonOption mod_python.sql_session.module {name}: this module can't be imported ({error});"
                          " install it where httpd's Python finds it", name=name) from error
    missing = [word for word in ("connect", "paramstyle", "Error", "IntegrityError") if not hasattr(module, word)]
    if missing:
        raise ValueError(f"PythonOption mod_python.sql_session.module {name}: that is no database module as of PEP 249:"
                         f" it has no {', '.join(missing)}")
    return module
