"""The records of FastCGI (src/daemon/wire.c), by themselves: built as a library of their own and called by ctypes."""

from __future__ import annotations

import ctypes
import random
import subprocess

import pytest
from httpd import TREE

OK, MORE, BAD = range(3)


class Record(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("id", ctypes.c_uint), ("content", ctypes.c_void_p),
                ("length", ctypes.c_size_t)]


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    file = tmp_path_factory.mktemp("wire") / "wire.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined",
                    "-fno-sanitize-recover", f"-I{TREE / 'src'}", str(TREE / "src/daemon/wire.c"), "-o", str(file)],
                   check=True)
    library = ctypes.CDLL(str(file))
    library.mp_wire_pair_size.restype = ctypes.c_size_t
    library.mp_wire_pair_size.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
    library.mp_wire_pair_put.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                                         ctypes.c_size_t]
    library.mp_wire_decode.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(Record),
                                       ctypes.POINTER(ctypes.c_size_t)]
    return library


def decode(wire: ctypes.CDLL, data: bytes) -> tuple[int, int, tuple[int, int, bytes] | None]:
    """Status, bytes used, and type, id and content. The bytes end where the memory does, for sanitizers and luck."""
    memory = ctypes.create_string_buffer(data, len(data)) if data else ctypes.create_string_buffer(1)
    record, used = Record(), ctypes.c_size_t()
    status = wire.mp_wire_decode(ctypes.addressof(memory), len(data), ctypes.byref(record), ctypes.byref(used))
    if status != OK:
        return status, used.value, None
    start = record.content - ctypes.addressof(memory)
    assert start >= 0 and start + record.length <= used.value <= len(data)
    return status, used.value, (record.type, record.id, data[start:start + record.length])


def pairs(wire: ctypes.CDLL, data: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
    memory = ctypes.create_string_buffer(data, len(data)) if data else ctypes.create_string_buffer(1)
    at, left = ctypes.c_void_p(ctypes.addressof(memory)), ctypes.c_size_t(len(data))
    name, value, name_length, value_length = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t()
    found = []
    while left.value:
        status = wire.mp_wire_pair(ctypes.byref(at), ctypes.byref(left), ctypes.byref(name), ctypes.byref(name_length),
                                   ctypes.byref(value), ctypes.byref(value_length))
        if status != OK:
            return status, found
        assert name.value is not None and value.value is not None
        starts = [name.value - ctypes.addressof(memory), value.value - ctypes.addressof(memory)]
        assert starts[0] + name_length.value == starts[1] and starts[1] + value_length.value <= len(data)
        found.append((data[starts[0]:starts[1]], data[starts[1]:starts[1] + value_length.value]))
    return OK, found


def put(wire: ctypes.CDLL, name: bytes, value: bytes) -> bytes:
    memory = ctypes.create_string_buffer(wire.mp_wire_pair_size(len(name), len(value)))
    wire.mp_wire_pair_put(ctypes.addressof(memory), name, len(name), value, len(value))
    return memory.raw


@pytest.mark.parametrize("length", [0, 1, 127, 128, 65535])
def test_records_come_back(wire: ctypes.CDLL, length: int) -> None:
    header = ctypes.create_string_buffer(8)
    wire.mp_wire_header(header, 6, 300, length)
    data = header.raw + b"x" * length
    assert decode(wire, data + b"more") == (OK, 8 + length, (6, 300, b"x" * length))
    for cut in {0, 1, 7, 8, len(data) - 1} - {len(data)}:
        status, used, _ = decode(wire, data[:cut])
        assert status == (MORE if cut < len(data) else OK) and used >= 8


def test_padding_is_skipped(wire: ctypes.CDLL) -> None:
    assert decode(wire, b"\1\5\0\1\0\2\6\0ab......") == (OK, 16, (5, 1, b"ab"))


def test_another_version_is_refused_at_once(wire: ctypes.CDLL) -> None:
    assert decode(wire, b"\2")[0] == decode(wire, b"GET / HTTP/1.1\r\n")[0] == BAD


@pytest.mark.parametrize(("name", "value"), [(b"", b""), (b"A", b""), (b"n" * 127, b"v" * 128),
                                           (b"n" * 200, b"v" * 70000)])
def test_pairs_come_back(wire: ctypes.CDLL, name: bytes, value: bytes) -> None:
    assert pairs(wire, put(wire, name, value) + put(wire, b"x", b"y")) == (OK, [(name, value), (b"x", b"y")])


def test_pairs_that_are_cut_or_too_long_are_seen(wire: ctypes.CDLL) -> None:
    data = put(wire, b"name", b"v" * 300)
    assert {pairs(wire, data[:cut])[0] for cut in range(1, len(data))} == {MORE}
    assert pairs(wire, b"\xff\xff\xff\xff\1x")[0] == BAD
    assert pairs(wire, b"\1\xff\xff\xff\xffx")[0] == BAD
    assert wire.mp_wire_pair_size(1, 1 << 30) == 0


def test_any_bytes_are_survived(wire: ctypes.CDLL) -> None:
    dice = random.Random(6)
    for _ in range(20000):
        data = dice.randbytes(dice.randrange(40))
        if dice.random() < 0.7:
            data = b"\1" + data
        decode(wire, data)
        pairs(wire, data)
