"""sys.stdout and sys.stderr as lines of the error log."""

from __future__ import annotations

import importlib
import io
import sys
import threading
from typing import Any

import pytest
from fakes import FakeHttpd


@pytest.fixture
def streams(fake: FakeHttpd) -> Any:
    return importlib.import_module("mod_python._streams")


@pytest.fixture
def out(streams: Any) -> Any:
    return streams.LogStream("<stdout>", 5)


def test_lines(out: Any, fake: FakeHttpd) -> None:
    assert out.write("one\ntwo\nth") == 10
    assert fake.log == [(5, "one"), (5, "two")]
    print("ree", file=out)
    print("a", 1, None, sep="|", file=out)
    print(file=out)
    assert fake.log[2:] == [(5, "three"), (5, "a|1|None"), (5, "")]


def test_flush_logs_what_is_unfinished_once(out: Any, fake: FakeHttpd) -> None:
    print("half", end="", file=out)
    assert fake.log == []
    out.flush()
    out.flush()
    assert fake.log == [(5, "half")]


def test_each_thread_has_its_own_line(streams: Any, out: Any, fake: FakeHttpd) -> None:
    out.write("main ")
    written, go_on = threading.Event(), threading.Event()

    def run() -> None:
        out.write("thread ")
        written.set()
        go_on.wait(10)

    thread = threading.Thread(target=run)
    thread.start()
    written.wait(10)
    out.write("line\n")
    assert fake.log == [(5, "main line")]
    go_on.set()
    thread.join()
    out.flush_all()
    assert fake.log[1:] == [(5, "thread ")]


def test_what_can_not_be_encoded_is_shown_escaped(out: Any, fake: FakeHttpd) -> None:
    out.write("caf\xe9 \udc80 a\0b\r\n")
    assert fake.log == [(5, "caf\xe9 \\udc80 a\\x00b")]


def test_bytes(out: Any, fake: FakeHttpd) -> None:
    out.buffer.write("caf\xe9".encode()[:-1])
    out.buffer.write(memoryview("caf\xe9".encode()[-1:]))
    out.buffer.write(b" \xff\n")
    out.buffer.flush()
    assert fake.log == [(5, "caf\xe9 \\xff")]


@pytest.mark.parametrize("wrong", [b"bytes", 7, None])
def test_only_text(out: Any, wrong: Any) -> None:
    with pytest.raises(TypeError):
        out.write(wrong)
    with pytest.raises(TypeError):
        out.buffer.write("text")


def test_what_a_stream_is(out: Any, fake: FakeHttpd) -> None:
    assert out.writable() and not out.readable() and not out.isatty() and not out.closed
    assert (out.encoding, out.errors, out.name) == ("utf-8", "backslashreplace", "<stdout>")
    with pytest.raises(io.UnsupportedOperation):
        out.fileno()
    with pytest.raises(io.UnsupportedOperation):
        out.read()
    out.reconfigure(line_buffering=True)
    out.close()
    out.writelines(["still ", "there\n"])
    assert fake.log == [(5, "still there")]


def test_installed(streams: Any, fake: FakeHttpd) -> None:
    streams.install()
    print("out")
    print("err", file=sys.stderr)
    sys.stdout.write("half")
    streams.flush()
    assert fake.log == [(5, "out"), (3, "err"), (5, "half")]


@pytest.mark.parametrize("there", [True, False])
def test_standard_input_is_empty_also_where_the_process_has_one(streams: Any, there: bool) -> None:
    sys.stdin = sys.__stdin__ = terminal = io.StringIO("typed") if there else None  # type: ignore[misc, assignment]
    streams.install()
    assert (sys.stdin.read(), sys.stdin.buffer.read(), sys.stdin.isatty()) == ("", b"", False)
    assert sys.__stdin__ is (terminal if there else sys.stdin)
