"""wsgi.file_wrapper: files sent by httpd, and all else that has read()."""

from __future__ import annotations

import pytest
from httpd import Httpd, wait_for
from wsgi_site import APP, value, wsgi_conf

MPMS = ("event", "prefork")
MODULES = ("env",)

CONF = wsgi_conf() + wsgi_conf('<Directory "${htdocs}/sendfile">', more="WSGIEnableSendfile On") + "EnableSendfile On\n"

APPLICATION = APP + r'''
import gzip, tempfile
FILE = os.path.join(os.path.dirname(__file__), "data.bin")
closed = []

class Counted(io.FileIO):
    reads = 0
    def read(self, *args):
        Counted.reads += 1
        return super().read(*args)
    def close(self):
        closed.append("file")
        super().close()

def raw_file(environ, start_response):
    "The file from an offset on, with the Content-Length, if any, of the query."
    offset, _, length = environ["QUERY_STRING"].partition("&")
    f = Counted(FILE)
    f.seek(int(offset or 0))
    start_response("200 OK", [("Content-Length", length)] if length else [])
    return environ["wsgi.file_wrapper"](f, 1000)

def raw_reads(environ, start_response):
    "What was read and closed; close() comes after the answer, so the next request may be earlier."
    deadline = time.monotonic() + 10
    while environ["QUERY_STRING"] == "closed" and not closed and time.monotonic() < deadline:
        time.sleep(0.005)
    result = answer(start_response, (Counted.reads, [*closed]))
    Counted.reads = 0
    closed.clear()
    return result

def raw_other(environ, start_response):
    what = environ["QUERY_STRING"]
    wrapper = environ["wsgi.file_wrapper"]
    start_response("200 OK", [])
    if what == "bytesio":
        return wrapper(io.BytesIO(b"x" * 20000))
    if what == "gzip":
        name = os.path.join(tempfile.gettempdir(), "mp%d.gz" % os.getpid())
        with gzip.open(name, "wb") as f:
            f.write(b"x" * 20000)
        f = gzip.open(name)
        os.unlink(name)
        return wrapper(f)
    if what == "pipe":
        r, w = os.pipe()
        os.write(w, b"x" * 20000)
        os.close(w)
        return wrapper(os.fdopen(r, "rb"))
    if what == "list":
        return list(wrapper(open(FILE, "rb")))[:2]
    if what == "subclass":
        class Own(wrapper):
            def __iter__(self):
                return iter([b"own ", b"way"])
        return Own(open(FILE, "rb"))
    if what == "plain":
        class Plain(wrapper):
            pass
        return Plain(Counted(FILE))
    if what == "reader":
        class Reader:
            left = [b"one ", b"two", b""]
            def read(self, n):
                return self.left.pop(0)
        Reader.left = list(Reader.left)
        return wrapper(Reader())
    if what == "text":
        return wrapper(io.StringIO("text"))

def raw_written(environ, start_response):
    write = start_response("200 OK", [])
    write(b"before ")
    return environ["wsgi.file_wrapper"](Counted(FILE))

def raw_closed(environ, start_response):
    wrapper = environ["wsgi.file_wrapper"]
    w = wrapper(filelike=io.BytesIO(b"x"), blksize=5)
    before = type(w.filelike).__name__, w.blksize, isinstance(w, wrapper), [*w]
    w.close()
    w.close()
    return answer(start_response, (before, raised(lambda: w.filelike), raised(iter, w), raised(wrapper, w, -1),
                                   raised(wrapper)[0], f"{wrapper.__module__}.{wrapper.__name__}"))

def raw_fds(environ, start_response):
    return answer(start_response, sum(os.path.realpath(f"/proc/self/fd/{fd}") == FILE
                                      for fd in os.listdir("/proc/self/fd")))
'''

DATA = bytes(range(256)) * 4096
FILES = {"htdocs/app.wsgi": APPLICATION, "htdocs/data.bin": DATA, "htdocs/sendfile/app.wsgi": APPLICATION,
         "htdocs/sendfile/data.bin": DATA}


@pytest.mark.parametrize("directory", ["", "/sendfile"])
@pytest.mark.parametrize(("query", "body"), [("", DATA), ("5", DATA[5:]), ("5&100", DATA[5:105]), ("&0", b""),
                                             (f"{len(DATA)}", b""), ("99999999", b"")])
def test_httpd_sends_a_file(httpd: Httpd, directory: str, query: str, body: bytes) -> None:
    httpd.get(f"{directory}/app.wsgi/raw_reads")
    r = httpd.get(f"{directory}/app.wsgi/raw_file?{query}")
    assert (r.status, r.headers["Content-Length"]) == (200, str(len(body))) and r.body == body
    assert httpd.get(f"{directory}/app.wsgi/raw_reads?closed").text == "(0, ['file'])"


def test_a_length_beyond_the_file_is_a_short_answer(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send(f"GET /app.wsgi/raw_file?&{len(DATA) + 1} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head, _, body = client.receive_all().partition(b"\r\n\r\n")
    assert f"Content-Length: {len(DATA) + 1}".encode() in head and body == DATA
    httpd.claim("MP0335: ")
    httpd.claim_cut()


@pytest.mark.parametrize(("what", "body"), [
    ("bytesio", b"x" * 20000), ("gzip", b"x" * 20000), ("pipe", b"x" * 20000), ("list", DATA[:16384]),
    ("subclass", b"own way"), ("plain", DATA)])
def test_all_else_is_iterated(httpd: Httpd, what: str, body: bytes) -> None:
    r = httpd.get(f"/app.wsgi/raw_other?{what}")
    assert r.status == 200 and r.body == body


def test_a_file_without_close_is_sent_and_logged(httpd: Httpd) -> None:
    assert httpd.get("/app.wsgi/raw_other?reader").text == "one two"
    httpd.claim_failure(f"close() of the result of WSGI script '{httpd.htdocs}/app.wsgi'", "AttributeError")


def test_read_must_give_bytes(httpd: Httpd) -> None:
    assert httpd.get("/app.wsgi/raw_other?text").status == 500
    httpd.claim_failure(f"processing WSGI script '{httpd.htdocs}/app.wsgi'",
                        "TypeError: file wrapper read() must return bytes, not str")


def test_after_write_it_is_iterated(httpd: Httpd) -> None:
    assert httpd.get("/app.wsgi/raw_written").body == b"before " + DATA


def test_the_object(httpd: Httpd) -> None:
    closed = ("ValueError", "I/O operation on closed file")
    assert value(httpd, "raw_closed") == (
        ("BytesIO", 5, True, [b"x"]), closed, closed, ("ValueError", "blksize must not be negative"), "TypeError",
        "mod_wsgi.FileWrapper")


def test_no_descriptor_is_left(httpd: Httpd) -> None:
    for _ in range(20):
        with httpd.raw(receive_buffer=4096) as client:
            client.send(b"GET /app.wsgi/raw_file HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.receive(100)
            client.hang_up()
    wait_for(lambda: value(httpd, "raw_fds") == 0, what="the files to be closed")
