"""The result of an application: how it is iterated, sent, closed; and what a client sees of one that fails."""

from __future__ import annotations

import pytest
from httpd import Httpd, wait_for
from wsgi_site import APP, value, wsgi_conf

MPMS = ("event", "prefork")
MODULES = ("env",)

CONF = wsgi_conf() + wsgi_conf('<Directory "${htdocs}/own">', group="own") + """
    PythonInterpreterOptions own gil=own
    KeepAliveTimeout 30
"""

APPLICATION = APP + r'''
TEXT = [("Content-Type", "text/plain")]
closed = []

class Result:
    "Counts what is done to it."
    def __init__(self, items, name="result", close=None):
        self.items, self.name, self.on_close = iter(items), name, close
    def __iter__(self):
        return self
    def __next__(self):
        return next(self.items)
    def close(self):
        closed.append(self.name)
        if self.on_close:
            raise self.on_close

def raw_one(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"x" * int(environ["QUERY_STRING"] or 5)]

def several(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"one", b"", b"two" * 10000, b"three"]

def raw_tuple(environ, start_response):
    start_response("200 OK", TEXT)
    return (b"one", b"two")

def nothing(environ, start_response):
    start_response("200 OK", TEXT)
    return []

def generator(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"a"
    yield b""
    yield b"b"

def raw_late_start(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"late"

steps = threading.Semaphore(0)

def streamed(environ, start_response):
    "Each item after the client asked for it."
    start_response("200 OK", TEXT)
    for n in range(3):
        yield b"item %d" % n
        steps.acquire()

def go_on(environ, start_response):
    steps.release()
    return answer(start_response, None)

def closes(environ, start_response):
    start_response("200 OK", TEXT)
    return Result([b"x", b"y"], "normal")

def raw_closes_after_failure(environ, start_response):
    start_response("200 OK", TEXT)
    def items():
        yield b"x"
        raise LookupError("in the middle")
    return Result(items(), "failed")

def raw_close_fails(environ, start_response):
    start_response("200 OK", TEXT)
    return Result([b"whole"], "bad", LookupError("in close"))

def raw_finally(environ, start_response):
    start_response("200 OK", TEXT)
    try:
        while True:
            yield b"x" * 65536
    finally:
        closed.append("finally")

def raw_short(environ, start_response):
    start_response("200 OK", [("Content-Length", "10")])
    return [b"short"] if environ["QUERY_STRING"] else iter([b"short"])

def raw_excess(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    return [b"abc", b"defg", b"HTTP/1.1 200 Evil"] if environ["QUERY_STRING"] else iter([b"abcdefg", b"evil"])

def raw_fails(environ, start_response):
    "Raises what the query names, where it says."
    where, _, what = environ["QUERY_STRING"].partition("&")
    def fail():
        raise eval(what)
    if where == "before":
        fail()
    write = start_response("200 OK", TEXT)
    if where == "started":
        fail()
    if where == "written":
        write(b"begun")
        fail()
    def items():
        if where == "first":
            fail()
        yield b"begun"
        fail()
    return items()

def raw_exits(environ, start_response):
    sys.exit(3)

def raw_no_start(environ, start_response):
    return [b"x"] if environ["QUERY_STRING"] else []

def raw_returns(environ, start_response):
    start_response("200 OK", TEXT)
    return eval(environ["QUERY_STRING"])

def raw_write_after_loss(environ, start_response):
    write = start_response("200 OK", TEXT)
    try:
        while True:
            write(b"x" * 65536)
    except BaseException as error:
        closed.append((type(error).__name__, str(error)))
        raise

def raw_pid(environ, start_response):
    return answer(start_response, os.getpid())

def raw_fds(environ, start_response):
    return answer(start_response, len(os.listdir("/proc/self/fd")))
'''

FILES = {"htdocs/app.wsgi": APPLICATION, "htdocs/own/app.wsgi": APPLICATION, "htdocs/static.txt": "after"}


def script(httpd: Httpd, name: str = "app.wsgi") -> str:
    return f"processing WSGI script '{httpd.htdocs}/{name}'"


def raw(httpd: Httpd, path: str, version: str = "1.1", method: str = "GET") -> bytes:
    with httpd.raw() as client:
        client.send(f"{method} /app.wsgi/{path} HTTP/{version}\r\nHost: a\r\n\r\n".encode())
        return client.receive_all()


@pytest.mark.parametrize("size", [0, 1, 5, 8191, 65536, 3000000])
def test_a_list_of_one_item_has_a_length(httpd: Httpd, size: int) -> None:
    r = httpd.get(f"/app.wsgi/raw_one?{size}")
    assert (r.headers["Content-Length"], r.body) == (str(size), b"x" * size)


@pytest.mark.parametrize(("path", "body"), [("several", b"one" + b"two" * 10000 + b"three"), ("raw_tuple", b"onetwo"),
                                            ("generator", b"ab"), ("raw_late_start", b"late")])
def test_other_results_are_chunked(httpd: Httpd, path: str, body: bytes) -> None:
    r = httpd.get(f"/app.wsgi/{path}")
    assert (r.headers["Transfer-Encoding"], r.headers["Content-Length"], r.body) == ("chunked", None, body)


@pytest.mark.parametrize("path", ["several", "generator"])
def test_to_http_1_0_the_end_of_the_connection_is_the_end(httpd: Httpd, path: str) -> None:
    head, _, body = raw(httpd, path, "1.0").partition(b"\r\n\r\n")
    assert b"chunked" not in head and body == (b"ab" if path == "generator" else b"one" + b"two" * 10000 + b"three")


def test_no_item_is_an_empty_answer(httpd: Httpd) -> None:
    r = httpd.get("/app.wsgi/nothing")
    assert (r.status, r.headers["Content-Length"], r.body) == (200, "0", b"")


@pytest.mark.parametrize("path", ["raw_one", "generator", "nothing", "several"])
def test_head_gets_no_body_and_the_connection_stays(httpd: Httpd, path: str) -> None:
    with httpd.session() as ask:
        r = ask("HEAD", f"/app.wsgi/{path}")
        assert (r.status, r.body) == (200, b"")
        assert path != "raw_one" or r.headers["Content-Length"] == "5"
        assert ask("GET", "/static.txt").text == "after"


def test_an_item_is_there_before_the_next_one_is_made(httpd: Httpd) -> None:
    if httpd.mpm == "prefork":
        pytest.skip("one request at a time")
    with httpd.raw() as client:
        client.send(b"GET /app.wsgi/streamed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        seen = b""
        for n in range(3):
            while b"item %d" % n not in seen:
                piece = client.socket.recv(4096)
                assert piece, seen
                seen += piece
            assert b"item %d" % (n + 1) not in seen
            value(httpd, "go_on")
        assert client.receive_all().endswith(b"0\r\n\r\n")


def test_close_is_called_once(httpd: Httpd) -> None:
    assert httpd.get("/app.wsgi/closes").text == "xy"
    assert value(httpd, "ask?closed.count('normal')") == 1


def test_close_is_called_after_a_failure(httpd: Httpd) -> None:
    assert not raw(httpd, "raw_closes_after_failure").endswith(b"0\r\n\r\n")
    httpd.claim_failure(script(httpd), "LookupError: in the middle")
    httpd.claim_cut()
    assert value(httpd, "ask?closed.count('failed')") == 1


def test_a_failing_close_is_logged_and_the_answer_is_whole(httpd: Httpd) -> None:
    assert httpd.get("/app.wsgi/raw_close_fails").text == "whole"
    httpd.claim_failure(f"close() of the result of WSGI script '{httpd.htdocs}/app.wsgi'", "LookupError: in close")
    assert value(httpd, "ask?closed.count('bad')") == 1


@pytest.mark.parametrize("query", ["", "list"])
def test_a_short_answer_closes_the_connection(httpd: Httpd, query: str) -> None:
    answer = raw(httpd, f"raw_short?{query}")       # ends, although KeepAliveTimeout is long
    assert answer.endswith(b"\r\n\r\nshort") and b"Content-Length: 10" in answer
    httpd.claim("MP0335: .* gave 5 bytes, and its Content-Length is 10")
    httpd.claim_cut()


def test_a_short_answer_to_head_is_none(httpd: Httpd) -> None:
    with httpd.session() as ask:
        assert ask("HEAD", "/app.wsgi/raw_short").headers["Content-Length"] == "10"
        assert ask("GET", "/static.txt").text == "after"


@pytest.mark.parametrize("query", ["", "list"])
def test_sec_35_what_exceeds_the_length_is_dropped(httpd: Httpd, query: str) -> None:
    with httpd.session() as ask:
        assert ask("GET", f"/app.wsgi/raw_excess?{query}").text == "abcde"
        assert ask("GET", "/static.txt").text == "after"


@pytest.mark.parametrize("where", ["before", "started", "first"])
@pytest.mark.parametrize("what", ["LookupError('secret')", "KeyboardInterrupt('secret')", "SystemExit('secret')",
                                  "GeneratorExit('secret')"])
def test_sec_34_a_failure_before_the_first_byte_is_httpds_500(httpd: Httpd, where: str, what: str) -> None:
    r = httpd.get(f"/app.wsgi/raw_fails?{where}&{what}")
    assert r.status == 500 and "Internal Server Error" in r.text
    assert "secret" not in r.text and "Traceback" not in r.text
    httpd.claim_failure(script(httpd), "secret")


@pytest.mark.parametrize("where", ["written", "second"])
def test_sec_36_a_failure_after_the_first_byte_cuts_the_answer(httpd: Httpd, where: str) -> None:
    answer = raw(httpd, f"raw_fails?{where}&LookupError('secret')")
    assert answer.endswith(b"\r\n\r\n5\r\nbegun\r\n")
    httpd.claim_failure(script(httpd), "secret")
    httpd.claim_cut()


def test_system_exit_leaves_the_process(httpd: Httpd) -> None:
    before = value(httpd, "raw_pid")
    assert httpd.get("/app.wsgi/raw_exits").status == 500
    httpd.claim_failure(script(httpd), "SystemExit: 3")
    assert value(httpd, "raw_pid") == before


@pytest.mark.parametrize("query", ["", "body"])
def test_start_response_must_be_called(httpd: Httpd, query: str) -> None:
    assert httpd.get(f"/app.wsgi/raw_no_start?{query}").status == 500
    httpd.claim_failure(script(httpd), "RuntimeError: start_response() must be called before response content is")


@pytest.mark.parametrize(("result", "text"), [
    ("None", "TypeError: 'NoneType' object is not iterable"), ("5", "TypeError: 'int' object is not iterable"),
    ("'text'", "TypeError: response iterable must yield bytes, not str"),
    ("['text']", "TypeError: response iterable must yield bytes, not str"),
    ("b'ab'", "TypeError: response iterable must yield bytes, not int"),
    ("iter([None])", "TypeError: response iterable must yield bytes, not NoneType")])
def test_a_result_is_an_iterable_of_bytes(httpd: Httpd, result: str, text: str) -> None:
    assert httpd.get(f"/app.wsgi/raw_returns?{result}").status == 500
    httpd.claim_failure(script(httpd), text)


def test_a_wrong_item_after_good_ones_cuts_the_answer(httpd: Httpd) -> None:
    assert not raw(httpd, "raw_returns?[b'good',5,b'x']").endswith(b"0\r\n\r\n")
    httpd.claim_failure(script(httpd), "must yield bytes, not int")
    httpd.claim_cut()


def test_a_client_that_goes_ends_the_iteration(httpd: Httpd) -> None:
    with httpd.raw(receive_buffer=4096) as client:
        client.send(b"GET /app.wsgi/raw_finally HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.receive(1000)
        client.hang_up()
    assert value(httpd, "ask?closed.count('finally')") == 1


def test_write_raises_when_the_client_is_gone(httpd: Httpd) -> None:
    with httpd.raw(receive_buffer=4096) as client:
        client.send(b"GET /app.wsgi/raw_write_after_loss HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.receive(1000)
        client.hang_up()
    assert value(httpd, "ask?[*filter(lambda%20x:type(x)is(tuple),closed)]") == [
        ("OSError", "mod_wsgi client connection closed")]
    httpd.claim("MP0334: ")


def test_an_interpreter_with_its_own_gil_serves_the_same(httpd: Httpd) -> None:
    if httpd.python_version() < (3, 13):
        httpd.claim("MP0221")
    with httpd.session() as ask:
        assert ask("GET", "/own/app.wsgi/raw_one?70000").body == b"x" * 70000
        assert ask("GET", "/own/app.wsgi/generator").text == "ab"
        assert ask("GET", "/own/app.wsgi/raw_fails?first&LookupError()").status == 500
    httpd.claim_failure(script(httpd, "own/app.wsgi"), "LookupError", "own")


def test_sec_88_clients_that_hang_up_leave_no_descriptor(httpd: Httpd) -> None:
    before = value(httpd, "raw_fds")
    for n in range(100):
        with httpd.raw() as client:
            client.send(b"GET /app.wsgi/raw_one?%d HTTP/1.1\r\nHost: a\r\n\r\n" % (n * 1000))
            client.hang_up()
    wait_for(lambda: value(httpd, "raw_fds") <= before + 2, what="the connections to be closed")
