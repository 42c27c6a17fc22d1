"""How a session becomes bytes, and back: JSON, pickle, or an object of the application's.

What is kept of a session is a dictionary: its values as `_data`, and the times `_created`, `_accessed`, `_timeout`.
"""

from __future__ import annotations

import importlib
import json
import pickle
from typing import TYPE_CHECKING, Any, Protocol

from mod_python import _sessionoptions

if TYPE_CHECKING:
    from mod_python._apache import mp_request

OPTION = "mod_python.session.codec"

Kept = dict[str, Any]


class Codec(Protocol):
    def dumps(self, kept: Kept, /) -> bytes: ...

    def loads(self, data: bytes, /) -> Kept: ...


class Unreadable(Exception):
    """What a store holds is no session."""


class PickleCodec:
    """Any value that pickle takes. Who can write to the store can run code: keep it to yourself."""

    def dumps(self, kept: Kept, /) -> bytes:
        return pickle.dumps(kept, 2)        # the protocol of mod_python 3

    def loads(self, data: bytes, /) -> Kept:
        kept: Kept = pickle.loads(data)
        return kept


class JSONCodec:
    """Values that come back from JSON as equals: text, numbers, True, False, None, lists, and dictionaries of text."""

    def dumps(self, kept: Kept, /) -> bytes:
        for key, value in kept["_data"].items():
            if not isinstance(key, str):
                raise TypeError(f"session key {key!r}: {_advice(key)}")
            try:
                _check(value, f"session[{key!r}]")
            except RecursionError:
                raise TypeError(f"session[{key!r}] is nested too deeply, or contains itself") from None
        return json.dumps(kept, separators=(",", ":")).encode()

    def loads(self, data: bytes, /) -> Kept:
        kept: Kept = json.loads(data)
        return kept


def _check(value: Any, where: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {key!r}: {_advice(key)}")
            _check(item, f"{where}[{key!r}]")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, f"{where}[{index}]")
    elif value is not None and not isinstance(value, (str, int, float)):
        raise TypeError(f"{where} is {value!r:.80}: {_advice(value)}")


def _advice(value: Any) -> str:
    return (f"{type(value).__name__} does not come back from JSON as it was; keep something else, or write"
            f" 'PythonOption {OPTION} pickle'")


def codec(name: str) -> Codec:
    """`json`, `pickle`, or the object of that name, as module::object. Raises ValueError, ImportError."""
    if name == "json":
        return JSONCodec()
    if name == "pickle":
        return PickleCodec()
    module, colons, path = name.partition("::")
    if not colons or not module or not path:
        raise ValueError(f"PythonOption {OPTION} must be json, pickle, or module::object, not {name!r}")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(getattr(found, "dumps", None)) or not callable(getattr(found, "loads", None)):
        raise ValueError(f"PythonOption {OPTION} {name}: that has no dumps(dictionary) and loads(bytes)")
    made: Codec = found() if isinstance(found, type) else found
    return made


def chosen(req: mp_request, default: str) -> Codec:
    """What the option says, or the default."""
    return codec(_sessionoptions.text(req, OPTION) or default)


def read(codec: Codec, data: bytes) -> Kept:
    """What `data` holds. Raises Unreadable."""
    try:
        kept = codec.loads(data)
    except Exception as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    check(kept)
    return kept


def check(kept: Any) -> None:
    """Raises Unreadable if that is not what a session saves."""
    if not (isinstance(kept, dict) and isinstance(kept.get("_data"), dict)
            and all(isinstance(kept.get(name), (int, float)) for name in ("_created", "_accessed", "_timeout"))):
        raise Unreadable("that is no session")
