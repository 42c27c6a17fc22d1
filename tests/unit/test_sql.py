"""_sql: one text of a statement for every paramstyle of PEP 249, and connections."""

from __future__ import annotations

import sqlite3
import threading
import types
from pathlib import Path
from typing import Any

import pytest
from mod_python import _sql
from mod_python._sessionsql import SqlStore, _bytes, _text

STATEMENT = "UPDATE t SET a = :x, b = :y WHERE a < :x"
VALUES = {"x": 1, "y": "two", "z": 3}


@pytest.mark.parametrize(("style", "text", "values"), [
    ("named", STATEMENT, {"x": 1, "y": "two"}),
    ("pyformat", "UPDATE t SET a = %(x)s, b = %(y)s WHERE a < %(x)s", {"x": 1, "y": "two"}),
    ("qmark", "UPDATE t SET a = ?, b = ? WHERE a < ?", (1, "two", 1)),
    ("format", "UPDATE t SET a = %s, b = %s WHERE a < %s", (1, "two", 1)),
    ("numeric", "UPDATE t SET a = :1, b = :2 WHERE a < :3", (1, "two", 1)),
])
def test_every_paramstyle(style: str, text: str, values: Any) -> None:
    assert _sql.adapted(STATEMENT, VALUES, style) == (text, values)


def test_another_paramstyle_is_refused() -> None:
    with pytest.raises(ValueError, match="none of PEP 249"):
        _sql.adapted(STATEMENT, VALUES, "dollar")


@pytest.mark.parametrize(("text", "expected"), [
    ("host=db user=x", (("host=db user=x",), {})), ("/srv/x.sqlite", (("/srv/x.sqlite",), {})),
    ("{'host': 'db', 'port': 3306}", ((), {"host": "db", "port": 3306})), ("{}", ((), {})),
])
def test_what_to_connect_with(text: str, expected: Any) -> None:
    assert _sql.arguments(text) == expected


@pytest.mark.parametrize("text", ["{", "{1: 2}", "{'a'}", "{'a': open('x')}", "{'a': 1} + {}"])
def test_keywords_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="must be a Python dictionary of keywords"):
        _sql.arguments(text)


@pytest.mark.parametrize("data", [b"", b"{}", b"\0", b"\xff", b"base64:", b"base64:AA==", "é".encode(), b"x" * 100])
def test_a_column_of_text_holds_any_bytes(data: bytes) -> None:
    text = _text(data)
    assert text.isascii() and "\0" not in text and _bytes(text) == data


class Style(types.ModuleType):
    """sqlite3, with another paramstyle that it takes, too."""

    def __init__(self, paramstyle: str) -> None:
        super().__init__("style")
        self.paramstyle = paramstyle
        self.connections: list[sqlite3.Connection] = []
        self.Error, self.IntegrityError = sqlite3.Error, sqlite3.IntegrityError

    def connect(self, *args: Any, **kw: Any) -> sqlite3.Connection:
        self.connections.append(sqlite3.connect(*args, **kw, check_same_thread=False))
        return self.connections[-1]


@pytest.fixture(params=["qmark", "named"])
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Style:
    made = Style(request.param)
    monkeypatch.setitem(__import__("sys").modules, "style", made)
    return made


@pytest.fixture
def store(module: Style, tmp_path: Path) -> SqlStore:
    made = SqlStore(_sql.Database("style", str(tmp_path / "x.sqlite"), "mp_sessions"))
    made.create_table()
    return made


SID, ONE, TWO = "a" * 32, "1" * 32, "2" * 32


def test_a_lease_is_exclusive_until_it_is_over(store: SqlStore) -> None:
    assert store.acquire(SID, ONE, 100) and store.acquire(SID, ONE, 100) and not store.acquire(SID, TWO, 100)
    assert store.renew(SID, ONE, 100) and not store.renew(SID, TWO, 100)
    store.release(SID, TWO)
    assert not store.acquire(SID, TWO, 100)
    store.release(SID, ONE)
    assert not store.renew(SID, ONE, 100)
    assert store.acquire(SID, TWO, -1) and store.acquire(SID, ONE, 100)     # it is over at once


def test_only_the_holder_saves_and_deletes(store: SqlStore) -> None:
    assert store.acquire(SID, ONE, 100)
    assert store.save(SID, b"one", 9e9, ONE) and not store.save(SID, b"two", 9e9, TWO)
    store.delete(SID, TWO)
    assert store.load(SID) == b"one"
    store.delete(SID, ONE)
    assert store.load(SID) is None and store.renew(SID, ONE, 100)
    assert store.save(SID, b"again", 9e9, ONE)
    store.release(SID, ONE)
    assert store.load(SID) == b"again"


def test_without_a_lease(store: SqlStore) -> None:
    assert store.load(SID) is None
    assert store.save(SID, b"1", 9e9, None) and store.save(SID, b"2", 9e9, None)
    assert store.load(SID) == b"2"
    store.delete(SID, None)
    store.delete(SID, None)
    assert store.load(SID) is None


def test_a_table_that_is_there_is_taken(store: SqlStore) -> None:
    store.create_table()
    again = SqlStore(store._database)
    again.create_table()
    assert again.save(SID, b"1", 9e9, None)


def test_each_thread_has_a_connection(store: SqlStore, module: Style) -> None:
    before = len(module.connections)
    threads = [threading.Thread(target=store.load, args=(SID,)) for _ in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    store.load(SID)
    assert len(module.connections) == before + 3


def test_a_connection_that_was_lost_is_made_anew_once(store: SqlStore, module: Style) -> None:
    store.save(SID, b"1", 9e9, None)
    before = len(module.connections)
    module.connections[-1].close()
    assert store.load(SID) == b"1" and len(module.connections) == before + 1
    with pytest.raises(sqlite3.OperationalError):
        store._run("no statement")
    assert len(module.connections) == before + 2
