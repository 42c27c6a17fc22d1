"""wsgi.errors: a text stream whose lines are records of the request's error log."""

from __future__ import annotations

import re

from httpd import Httpd, at_once
from wsgi_site import APP, value, wsgi_conf

MPMS = ("event", "prefork")
MODULES = ("env",)

CONF = wsgi_conf()

FILES = {"htdocs/app.wsgi": APP + r'''
import logging, warnings

def facts(environ, start_response):
    pass

def raw_facts(environ, start_response):
    e = environ["wsgi.errors"]
    b = e.buffer
    return answer(start_response, [
        f"{type(x).__module__}.{type(x).__name__}" for x in (e, b)] + [
        e.name, e.encoding, e.errors, e.line_buffering, e.isatty(), e.readable(), e.seekable(), e.writable(), e.closed,
        raised(e.fileno)[0], b.closed])

def says(environ, start_response):
    e = environ["wsgi.errors"]
    e.write("line one\nline ")
    e.write("two\n\nunfinished \xe9 \u20ac")
    e.flush()
    e.writelines(["from ", "writelines\n"])
    print("printed", "here", file=e)
    e.write("at the end")
    return answer(start_response, None)

def raw_bytes(environ, start_response):
    b = environ["wsgi.errors"].buffer
    b.write(b"bytes ")
    b.write(bytearray(b"bytearray "))
    b.write(memoryview(b"view\n"))
    b.writelines([b"with \0 in it\n", b"invalid \xff\r\n"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        b.write("text ")
        b.write("again\n")
    return answer(start_response, ([str(w.category.__name__) for w in caught], raised(b.write, 5)[0]))

def raw_close(environ, start_response):
    environ["wsgi.errors"].close()
    environ["wsgi.errors"].buffer.close()
    environ["wsgi.errors"].write("after close\n")
    return answer(start_response, environ["wsgi.errors"].closed)

def raw_long(environ, start_response):
    environ["wsgi.errors"].write("L" * 100000 + "\nnext\n")
    environ["wsgi.errors"].write("x" * 100000)
    return answer(start_response, None)

def raw_spoils(environ, start_response):
    "Things that a later request must not notice."
    e = environ["wsgi.errors"]
    what = environ["QUERY_STRING"]
    if what == "detach":
        e.detach()
    elif what == "reconfigure":
        e.reconfigure(encoding="ascii", errors="strict")
    elif what == "attribute":
        e.extra = 1
    elif what == "keep":
        kept["e"] = e
    elif what == "keep buffer":
        kept["b"] = e.buffer
    return answer(start_response, None)

def raw_sees(environ, start_response):
    e = environ["wsgi.errors"]
    return answer(start_response, (e.encoding, e.errors, hasattr(e, "extra"), e is kept.get("e"),
                                   e.buffer is kept.get("b")))

def raw_print(environ, start_response):
    print("to stdout " + environ["QUERY_STRING"])
    print("to stderr " + environ["QUERY_STRING"], file=sys.stderr)
    logging.getLogger("shop").warning("logged %s", environ["QUERY_STRING"])
    return answer(start_response, None)

def raw_many(environ, start_response):
    n = environ["QUERY_STRING"]
    for i in range(50):
        environ["wsgi.errors"].write(f"<{n}")
        environ["wsgi.errors"].write(f"-{i}>\n")
    return answer(start_response, None)
'''}


def line(text: str) -> str:
    return r"\[python:error\] \[pid \d+:tid \d+\] \[client 127.0.0.1:\d+\] " + re.escape(text) + "\n"


def test_what_kind_of_stream_it_is(httpd: Httpd) -> None:
    assert value(httpd, "raw_facts") == [
        "_io.TextIOWrapper", "mod_wsgi.Log", "<wsgi.errors>", "utf-8", "replace", False, False, False, False, True,
        False, "OSError", False]


def test_lines_are_records_of_the_request(httpd: Httpd) -> None:
    value(httpd, "says")
    for text in ("line one", "line two", "", r"unfinished \xc3\xa9 \xe2\x82\xac", "from writelines", "printed here",
                 "at the end"):
        httpd.claim(line(text))


def test_the_binary_stream_takes_bytes(httpd: Httpd) -> None:
    assert value(httpd, "raw_bytes") == (["DeprecationWarning"], "TypeError")
    for text in ("bytes bytearray view", r"with \\x00 in it", r"invalid \xff", "text again"):
        httpd.claim(line(text))


def test_closing_does_not_close(httpd: Httpd) -> None:
    assert value(httpd, "raw_close") is False
    httpd.claim(line("after close"))


def test_long_lines_are_cut_and_lose_nothing_else(httpd: Httpd) -> None:
    value(httpd, "raw_long")
    httpd.claim("L{1000,}")
    httpd.claim(line("next"))
    for _ in range(100000 // 8192 + 1):
        httpd.claim("x{1000,}")


def test_what_one_request_does_to_its_stream_the_next_does_not_see(httpd: Httpd) -> None:
    for what in ("nothing", "detach", "reconfigure", "attribute", "keep", "keep%20buffer"):
        value(httpd, "raw_spoils?" + what)
        assert value(httpd, "raw_sees") == ("utf-8", "replace", False, False, False)


def test_print_and_logging_reach_the_requests_log(httpd: Httpd) -> None:
    value(httpd, "raw_print?5")
    httpd.claim(r"\[python:notice\].*\[client 127.0.0.1:\d+\] to stdout 5\n")
    httpd.claim(line("to stderr 5"))
    httpd.claim(line("logged 5"))


def test_lines_of_many_threads_do_not_mix(httpd: Httpd) -> None:
    at_once(8, lambda n: value(httpd, f"raw_many?{n}"))
    for n in range(8):
        for i in range(50):
            httpd.claim(line(f"<{n}-{i}>"))
