"""Forms larger than the memory that they may take: what comes is written to disk as it comes."""

from __future__ import annotations

import ast
import hashlib
import os
from pathlib import Path
from typing import Any

from cases import CASES, CASES_CONF
from formdata import END, MULTIPART, URLENCODED, chunk, part
from httpd import Httpd, at_once, sanitizer

CONF = CASES_CONF + """
    <Location /case/discarding>
        PythonOption mod_python.forms.max_size 1000000
    </Location>
"""

FILES = {"cases.py": CASES + r'''
import hashlib
import os
from mod_python import util

class Counter:
    "A file that keeps nothing."
    size = 0

    def write(self, data):
        self.size += len(data)

    def seek(self, at):
        pass

    def read(self):
        return b""

def digest(req):
    form = util.FieldStorage(req)
    file = form["f"].file
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return os.getpid(), file.tell(), digest.hexdigest()

def counted(req):
    return [field.file.size for field in util.FieldStorage(req, file_callback=lambda filename: Counter()).list]

def lengths(req):
    return [len(field) for field in util.FieldStorage(req).list]

def discarding(req):
    return util.FieldStorage(req).list

def pid(req):
    return os.getpid()
'''}

MB = 1 << 20
# What a child may need besides: what malloc keeps, and the threads of the test before. The sanitizer keeps all that is
# freed, so under it the size says nothing.
SLACK = (30 if not sanitizer() else 10000) * MB


class Peak:
    """The most memory that a process has at once, from now on: `VmHWM` of the kernel, in bytes above that of now."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        self._before = self._bytes("VmRSS")

    def _bytes(self, name: str) -> int:
        (line,) = [line for line in self._status.read_text().splitlines() if line.startswith(name)]
        return int(line.split()[1]) * 1024

    def growth(self) -> int:
        return self._bytes("VmHWM") - self._before


def child(httpd: Httpd) -> int:
    return int(httpd.get("/case/pid").text)


def upload(httpd: Httpd, name: str, megabytes: int, block: bytes, chunked: bool = False) -> Any:
    """Sends a file that is so many blocks of 1 MB, without having it in memory."""
    head = part("f", b"", "large.bin")[:-2]
    tail = b"\r\n" + END
    length = {"Content-Length": str(len(head) + megabytes * len(block) + len(tail))}
    if chunked:
        length = {"Transfer-Encoding": "chunked"}
    with httpd.raw() as client:
        client.send_request("POST", f"/case/{name}", {**MULTIPART, **length})
        for piece in (head, *[block] * megabytes, tail):
            client.send(chunk(piece) if chunked else piece)
        if chunked:
            client.send(chunk(b""))
        r = client.response()
    assert r.status == 200, r.text
    return ast.literal_eval(r.text)


def test_an_upload_of_200_mb_is_not_in_memory(httpd: Httpd) -> None:
    block = os.urandom(MB)
    digest = hashlib.sha256()
    for _ in range(200):
        digest.update(block)
    pid = child(httpd)
    peak = Peak(pid)
    assert upload(httpd, "digest", 200, block) == (pid, 200 * MB, digest.hexdigest())
    assert peak.growth() < SLACK


def test_an_upload_in_chunks_is_not_in_memory(httpd: Httpd) -> None:
    peak = Peak(child(httpd))
    assert upload(httpd, "counted", 100, b"\r\n--B-x8\n" * (MB // 9), chunked=True) == [100 * (MB // 9) * 9]
    assert peak.growth() < SLACK


def test_lines_are_of_any_length(httpd: Httpd) -> None:
    """No line end at all, and nothing but line ends."""
    for block in (bytes(MB), b"\r\n" * (MB // 2), b"\n--B-x" * (MB // 6)):
        peak = Peak(child(httpd))
        assert upload(httpd, "counted", 20, block) == [20 * len(block)]
        assert peak.growth() < SLACK


def test_ten_uploads_at_once(httpd: Httpd) -> None:
    peak = Peak(child(httpd))
    assert at_once(10, lambda number: upload(httpd, "counted", 10 + number, bytes(MB))) == [
        [(10 + number) * MB] for number in range(10)]
    assert peak.growth() < SLACK


def test_values_take_a_few_times_their_size(httpd: Httpd) -> None:
    size = 2 * MB
    for value in (b"%41" * size, b"%" * size, b"x" * size, b"+" * size, b"%%4" * size):
        peak = Peak(child(httpd))
        body = b"a=" + value
        r = httpd.post("/case/lengths", body, URLENCODED)
        assert ast.literal_eval(r.text) == [size if b"%41" in value else len(value)]
        assert peak.growth() < 6 * len(body) + SLACK


def test_what_is_no_field_takes_no_memory(httpd: Httpd) -> None:
    for body in (b"&" * (16 * MB), b"a&" * (8 * MB), b";=" * (8 * MB)):
        peak = Peak(child(httpd))
        r = httpd.post("/case/lengths", body, URLENCODED)
        assert ast.literal_eval(r.text) == [] and peak.growth() < SLACK
    preamble = b"x" * (20 * MB)
    peak = Peak(child(httpd))
    assert httpd.post("/case/lengths", preamble + END + preamble, MULTIPART).text == "[]"
    assert peak.growth() < SLACK


def test_what_is_too_large_is_not_stored(httpd: Httpd) -> None:
    peak = Peak(child(httpd))
    body = part("f", bytes(20 * MB), "f") + END
    r = httpd.post("/case/discarding", body, MULTIPART)
    assert r.status == 413 and peak.growth() < SLACK
