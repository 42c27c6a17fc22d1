"""_sessioncodec: what JSON keeps comes back equal; what it can't keep is named."""

from __future__ import annotations

import enum
import math
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mod_python import _sessioncodec

plain = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                     lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


def kept(data: dict[Any, Any]) -> dict[str, Any]:
    return {"_data": data, "_created": 1.5, "_accessed": 2, "_timeout": 1800}


@given(st.dictionaries(st.text(), plain))
@pytest.mark.parametrize("name", ["json", "pickle"])
def test_what_is_kept_comes_back(name: str, data: dict[str, Any]) -> None:
    codec = _sessioncodec.codec(name)
    written = codec.dumps(kept(data))
    assert isinstance(written, bytes) and _sessioncodec.read(codec, written) == kept(data)
    assert name == "pickle" or written.isascii()


@given(st.binary())
@pytest.mark.parametrize("name", ["json"])
def test_anything_else_is_unreadable(name: str, data: bytes) -> None:
    with pytest.raises(_sessioncodec.Unreadable):
        _sessioncodec.read(_sessioncodec.codec(name), data)


class Level(enum.IntEnum):
    LOW = 1


def test_subclasses_come_back_as_equals() -> None:
    codec = _sessioncodec.codec("json")
    data = {"a": OrderedDict(b=Level.LOW), "c": math.inf}
    assert _sessioncodec.read(codec, codec.dumps(kept(data)))["_data"] == data


looped: list[Any] = []
looped.append(looped)


@pytest.mark.parametrize(("data", "text"), [
    ({"a": b"x"}, "session['a'] is b'x': bytes does not come back"),
    ({"a": (1,)}, "session['a'] is (1,): tuple does not come back"),
    ({"a": [0, {"b": {1}}]}, "session['a'][1]['b'] is {1}: set does not come back"),
    ({"a": {1: 2}}, "session['a'] has the key 1: int does not come back"),
    ({1: 2}, "session key 1: int does not come back"),
    ({None: 2}, "session key None: NoneType does not come back"),
    ({"a": looped}, "session['a'] is nested too deeply, or contains itself"),
])
def test_what_json_can_not_keep_is_named(data: dict[Any, Any], text: str) -> None:
    with pytest.raises(TypeError) as error:
        _sessioncodec.codec("json").dumps(kept(data))
    assert str(error.value).startswith(text)


@pytest.mark.parametrize(("name", "text"), [
    ("yaml", "must be json, pickle, or module::object"), ("::x", "must be json"), ("math::", "must be json"),
    ("math::pi", "has no dumps"), ("math::nothing.there", "has no dumps"),
])
def test_a_codec_that_is_none_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        _sessioncodec.codec(name)


def test_a_codec_of_the_applications_own() -> None:
    import pickle
    assert _sessioncodec.codec("pickle::loads.__self__") is pickle.loads.__self__  # type: ignore[attr-defined]


@pytest.mark.parametrize("what", [None, [], {}, {"_data": {}}, {**kept({}), "_data": []},
                                  {**kept({}), "_timeout": "1"}])
def test_what_is_no_session(what: Any) -> None:
    with pytest.raises(_sessioncodec.Unreadable):
        _sessioncodec.check(what)
