"""Sending: write, flush, sendfile, content length, headers, clients that are gone."""

import hashlib

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd, wait_for

CONF = CASES_CONF + """
    <Location /raw>
        SetHandler mod_python
        PythonHandler cases::raw
    </Location>
"""

FILES = {
    "htdocs/file.bin": bytes(range(256)) * 4000,
    "cases.py": CASES + r'''
import os

root = os.path.dirname(__file__)
FILE = os.path.join(root, "htdocs", "file.bin")
state = {}

def raw(req):
    "Calls the function that the URL names; the answer is what it wrote."
    globals()[req.uri.split("/")[2]](req)
    return apache.OK

def remembered(req):
    return state.get(req.args)

def queued(req):
    for part in ("a", "b", "c"):
        req.write(part, 0)

def flushed(req):
    for part in ("a", "b", "c"):
        req.write(part)

def flush_by_hand(req):
    req.write("a", 0)
    req.flush()
    req.write("b", flush=0)

def counted(req):
    seen = [req.bytes_sent, req.sent_bodyct]
    req.write(b"x" * 1000)
    seen += [req.bytes_sent, bool(req.sent_bodyct)]
    req.write(b"y" * 24, 0)
    state["counted"] = seen

def with_length(req):
    req.set_content_length(5)
    req.write("hello")

def length_errors(req):
    return [raised(req.set_content_length, "5")[0], raised(req.set_content_length, None)[0]]

def late_headers(req):
    req.headers_out["X-Early"] = "1"
    req.write("sent")
    req.headers_out["X-Late"] = "1"

def content_types(req):
    req.content_type = "text/x-own; charset=utf-16"
    req.write("x")

def temporary_strings(req):
    for number in range(10000):
        req.write("%d\n" % number, number % 100 == 99)

def big(req):
    block = bytes(range(256)) * 4096
    for _ in range(8):
        req.write(block)

def small_writes(req):
    def size():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * 4096
    for _ in range(5000):
        req.write("x")
    before = size()
    for _ in range(100000):
        req.write("x")
    state["growth"] = size() - before

def send_all(req):
    state["sent"] = req.sendfile(FILE)

def send_part(req):
    state["sent"] = [req.sendfile(FILE, 1000, 24), req.sendfile(FILE, 1023990), req.sendfile(FILE, 5000000),
                     req.sendfile(FILE, 0, 10)]

def send_link(req):
    link = os.path.join(root, "run", "link")
    if not os.path.islink(link):
        os.symlink(FILE, link)
    req.sendfile(link)

def send_errors(req):
    def open_here():
        return sum(os.path.exists(fd) and os.readlink(fd).startswith(root + "/htdocs")
                   for fd in ("/proc/self/fd/" + name for name in os.listdir("/proc/self/fd")))
    before = open_here()
    seen = [raised(req.sendfile, root + "/absent"), raised(req.sendfile, root), raised(req.sendfile, 5),
            raised(req.sendfile, FILE, "x"), raised(req.sendfile, FILE + "\0")]
    for _ in range(50):
        raised(req.sendfile, FILE, 5000000), raised(req.sendfile, root + "/htdocs")
    return [error[0] for error in seen] + [open_here() - before]

def until_gone(req):
    state["gone"] = "running"
    try:
        while True:
            req.write("z" * 100000)
    except OSError as error:
        state["gone"] = str(error)

def sendfile_until_gone(req):
    state["gone"] = "running"
    try:
        while True:
            req.sendfile(FILE)
    except OSError as error:
        state["gone"] = "OSError"

def keep_alive_off(req):
    req.chunked = 0
    req.connection.keepalive = apache.AP_CONN_CLOSE
    req.write("whole")

def header_only(req):
    state["header_only"] = req.header_only
    req.write("a body")

def unicode_header(req):
    req.headers_out["X-Name"] = "value"
    req.content_type = "text/html"
    req.write("done")
'''}


def test_queued_output_gets_a_content_length(httpd: Httpd) -> None:
    r = httpd.get("/raw/queued")
    assert r.body == b"abc" and r.headers["Content-Length"] == "3"


@pytest.mark.parametrize(("name", "body"), [("flushed", b"abc"), ("flush_by_hand", b"ab")])
def test_flushed_output_is_chunked(httpd: Httpd, name: str, body: bytes) -> None:
    r = httpd.get(f"/raw/{name}")
    assert r.body == body and r.headers["Transfer-Encoding"] == "chunked" and "Content-Length" not in r.headers


def test_sent_bytes_are_counted(httpd: Httpd) -> None:
    assert len(httpd.get("/raw/counted").body) == 1024
    assert case(httpd, "remembered?counted") == [0, 0, 1000, True]


def test_the_content_length_can_be_set(httpd: Httpd) -> None:
    r = httpd.get("/raw/with_length")
    assert r.body == b"hello" and r.headers["Content-Length"] == "5"
    assert case(httpd, "length_errors") == ["TypeError", "TypeError"]


def test_headers_go_with_the_first_output(httpd: Httpd) -> None:
    r = httpd.get("/raw/late_headers")
    assert r.headers["X-Early"] == "1" and "X-Late" not in r.headers


def test_the_content_type_is_sent(httpd: Httpd) -> None:
    assert httpd.get("/raw/content_types").headers["Content-Type"] == "text/x-own; charset=utf-16"


def test_temporary_strings_arrive_intact_at_a_slow_client(httpd: Httpd) -> None:
    with httpd.raw(receive_buffer=4096) as client:
        client.send_request("GET", "/raw/temporary_strings")
        assert client.response().lines == [str(number) for number in range(10000)]


def test_a_large_answer_is_whole(httpd: Httpd) -> None:
    assert hashlib.sha1(httpd.get("/raw/big").body).digest() == hashlib.sha1(bytes(range(256)) * 4096 * 8).digest()


def test_many_small_writes_do_not_grow_the_process(httpd: Httpd) -> None:
    assert len(httpd.get("/raw/small_writes").body) == 105000
    assert case(httpd, "remembered?growth") < 3000000


def test_sendfile_sends_a_whole_file(httpd: Httpd) -> None:
    assert httpd.get("/raw/send_all").body == (httpd.htdocs / "file.bin").read_bytes()
    assert case(httpd, "remembered?sent") == 1024000


def test_sendfile_sends_parts(httpd: Httpd) -> None:
    data = (httpd.htdocs / "file.bin").read_bytes()
    assert httpd.get("/raw/send_part").body == data[1000:1024] + data[1023990:] + data[:10]
    assert case(httpd, "remembered?sent") == [24, 10, 0, 10]


def test_sendfile_follows_links(httpd: Httpd) -> None:
    assert len(httpd.get("/raw/send_link").body) == 1024000


def test_sendfile_errors_leave_nothing_open(httpd: Httpd) -> None:
    assert case(httpd, "send_errors") == ["FileNotFoundError", "IsADirectoryError", "TypeError", "TypeError",
                                          "ValueError", 0]


@pytest.mark.parametrize("name", ["until_gone", "sendfile_until_gone"])
def test_a_client_that_is_gone_is_an_oserror(httpd: Httpd, name: str) -> None:
    with httpd.raw() as client:
        client.send_request("GET", f"/raw/{name}")
        assert client.receive(300000)
        client.hang_up()
    wait_for(lambda: case(httpd, "remembered?gone") != "running")


def test_an_answer_need_not_be_chunked(httpd: Httpd) -> None:
    with httpd.raw() as client:
        answer = client.send_request("GET", "/raw/keep_alive_off").receive_all()
    assert answer.endswith(b"\r\n\r\nwhole") and b"chunked" not in answer


def test_head_has_no_body(httpd: Httpd) -> None:
    with httpd.session() as ask:
        r = ask("HEAD", "/raw/header_only")
        assert r.status == 200 and r.body == b""
        assert ask("GET", "/raw/unicode_header").body == b"done"
    assert case(httpd, "remembered?header_only") == 1


def test_http_1_0_is_answered_without_chunks(httpd: Httpd) -> None:
    with httpd.raw() as client:
        answer = client.send(b"GET /raw/flushed HTTP/1.0\r\n\r\n").receive_all()
    assert answer.endswith(b"\r\n\r\nabc") and b"chunked" not in answer
