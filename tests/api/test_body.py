"""Reading request bodies: read, readline, readlines, iteration, chunked, discarding (spec: API, section 3.1)."""

import hashlib
import threading

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd, wait_for

CONF = CASES_CONF

FILES = {"cases.py": CASES + r'''
import hashlib

def all_of(req):
    before = [req.read_body, req.remaining, req.read_length]
    data = req.read()
    return [before, len(data), hashlib.sha1(data).hexdigest(), req.read_body, req.remaining, req.read_length,
            req.read(), req.read(5), req.readline(), req.readlines()]

def pieces(req):
    sizes = []
    while True:
        data = req.read(1000)
        if not data:
            return sizes
        sizes.append(len(data))

def one_by_one(req):
    return b"".join(iter(lambda: req.read(1), b""))

def negative_first(req):
    return [req.read(-1), req.read(-1)]

def zero(req):
    return [req.read(0), req.read(3), req.read(0), req.readline(0), req.read()]

def lines(req):
    found = []
    while line := req.readline():
        found.append(line)
    return found

def short_lines(req):
    return [req.readline(2), req.readline(100), req.readline(-1), req.readline(1), req.read()]

def mixed(req):
    return [req.read(2), req.readline(), req.read(3), req.readlines(), req.read()]

def hints(req):
    return [len(req.readlines(1000)), len(req.readlines(1002)), [len(line) for line in req.readlines(1500)],
            len(req.readlines())]

def iterated(req):
    return [line for line in req]

def wrong(req):
    return [raised(req.read, "x")[0], raised(req.readline, None)[0] if raised(req.readline, None) else "read",
            raised(req.readlines, "x")[0], raised(req.read, 1, 2)[0]]

def discarded(req):
    return [req.discard_request_body(), req.read()]

def half_then_discarded(req):
    return [req.read(5), req.discard_request_body()]

def unread(req):
    return "unread"

def keyword(req):
    return [req.read(len=3), req.readline(len=2)]

def expecting(req):
    return [req.expecting_100, req.read()]

def slowly(req):
    first = req.read(3)
    with open(__file__.replace("cases.py", "run/first"), "wb") as file:
        file.write(first)
    return [first, req.read()]
'''}

BIG = bytes(range(256)) * 8000      # about 2 MB
BIG_HASH = hashlib.sha1(BIG).hexdigest()


def chunked(data: bytes, size: int) -> bytes:
    parts = [data[start:start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def ask_chunked(httpd: Httpd, name: str, data: bytes, size: int = 7) -> object:
    with httpd.raw() as client:
        client.send_request("POST", f"/case/{name}", {"Transfer-Encoding": "chunked"}, chunked(data, size))
        r = client.response()
    assert r.status == 200, r.text
    return eval(r.text)


def test_the_whole_body(httpd: Httpd) -> None:
    before, size, digest, read_body, remaining, length, *rest = case(httpd, "all_of", body=BIG)
    assert (size, digest) == (len(BIG), BIG_HASH)
    assert before[0] == 0 and (read_body, remaining, length) == (1, 0, len(BIG)) and rest == [b"", b"", b"", []]


def test_a_chunked_body_is_dechunked(httpd: Httpd) -> None:
    for size in (1, 8191, 8192, 100000):
        data = BIG[:2000] if size == 1 else BIG
        found = ask_chunked(httpd, "all_of", data, size)
        assert isinstance(found, list) and found[1] == len(data) and found[6:] == [b"", b"", b"", []]
    assert ask_chunked(httpd, "lines", b"a\nbc\n\nd", 1) == [b"a\n", b"bc\n", b"\n", b"d"]


def test_no_body_is_empty(httpd: Httpd) -> None:
    assert case(httpd, "all_of")[1] == 0
    assert case(httpd, "lines") == []


def test_a_get_may_have_a_body(httpd: Httpd) -> None:
    assert eval(httpd.request("GET", "/case/lines", b"x\ny").text) == [b"x\n", b"y"]


@pytest.mark.parametrize(("name", "body", "result"), [
    ("pieces", b"x" * 2500, [1000, 1000, 500]),
    ("one_by_one", b"hello\nworld", b"hello\nworld"),
    ("negative_first", b"abc", [b"abc", b""]),
    ("zero", b"abcdef", [b"", b"abc", b"", b"", b"def"]),
    ("lines", b"one\ntwo\r\n\nlast", [b"one\n", b"two\r\n", b"\n", b"last"]),
    ("lines", b"x" * 100000 + b"\ny", [b"x" * 100000 + b"\n", b"y"]),
    ("short_lines", b"abc\ndef\ngh\n", [b"ab", b"c\n", b"def\n", b"g", b"h\n"]),
    ("mixed", b"abcd\nefghi\njkl", [b"ab", b"cd\n", b"efg", [b"hi\n", b"jkl"], b""]),
    ("hints", (b"x" * 1000 + b"\n") * 10, [1, 2, [1001, 1001], 5]),
    ("iterated", b"a\nb\nc", [b"a\n", b"b\n", b"c"]),
    ("discarded", b"x" * 100000, [0, b""]),
    ("half_then_discarded", b"x" * 100000, [b"xxxxx", 0]),
    ("keyword", b"abcdef", [b"abc", b"de"]),
])
def test_reading(httpd: Httpd, name: str, body: bytes, result: object) -> None:
    assert case(httpd, name, body=body) == result
    assert ask_chunked(httpd, name, body, 4096) == result


def test_wrong_arguments(httpd: Httpd) -> None:
    seen = case(httpd, "wrong", body=b"x")
    assert seen[0] == seen[2] == seen[3] == "TypeError" and seen[1] in ("TypeError", "read")


@pytest.mark.parametrize("name", ["unread", "half_then_discarded", "zero"])
def test_what_was_not_read_does_not_disturb_the_next_request(httpd: Httpd, name: str) -> None:
    with httpd.session() as ask:
        for _ in range(3):
            assert ask("POST", f"/case/{name}", b"GET /case/unread HTTP/1.1\r\nHost: x\r\n\r\n" * 100).status == 200
            assert ask("GET", "/case/unread").text == "'unread'"


def test_the_client_is_told_to_continue_at_the_first_read(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send_request("POST", "/case/expecting", {"Content-Length": "5", "Expect": "100-continue"})
        assert client.receive(len("HTTP/1.1 100 Continue\r\n\r\n")) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert eval(client.send(b"hello").response().text) == [1, b"hello"]


def test_other_requests_are_served_while_one_waits_for_its_body(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send_request("POST", "/case/slowly", {"Content-Length": "10"}, b"abc")
        wait_for((httpd.root / "run" / "first").exists)
        assert case(httpd, "unread") == "unread"
        threading.Thread(target=client.send, args=(b"defghij",)).start()
        assert eval(client.response().text) == [b"abc", b"defghij"]
