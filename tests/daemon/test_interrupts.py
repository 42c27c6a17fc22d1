"""interrupt-timeout: RequestTimeout is thrown into the request that takes too long, and into no other."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from httpd import Httpd, at_once, meanwhile, wait_for

SCRIPT = r"""
import os, threading, time
import mod_wsgi

notes = []

def application(environ, start_response):
    return globals()[environ["PATH_INFO"][1:]](environ, start_response)

def text(start_response, value):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(value).encode()]

def pid(environ, start_response):
    return text(start_response, os.getpid())

def noted(environ, start_response):
    return text(start_response, notes)

def compute(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(100))

def endless(environ, start_response):
    compute(60)

def catches(environ, start_response):
    try:
        compute(60)
    except mod_wsgi.RequestTimeout as error:
        return text(start_response, ["caught", mod_wsgi.RequestTimeout.__mro__[1].__name__])

def cleans_up(environ, start_response):
    try:
        compute(60)
    finally:
        compute(0.2)
        notes.append("cleaned up")

class Closes:
    def __iter__(self):
        return iter([b"all"])
    def close(self):
        try:
            compute(60)
        finally:
            notes.append("closed")

def in_close(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    return Closes()

def after_head(environ, start_response):
    start_response("200 OK", [])
    yield b"begin"
    compute(60)

def sleeps(environ, start_response):
    notes.append("sleeps")
    time.sleep(60)

def just_in_time(environ, start_response):
    time.sleep(2)                # nothing is executed between the exception and the end
    return text(start_response, "in time")

def stubborn(environ, start_response):
    while True:
        try:
            compute(60)
        except BaseException:
            pass
"""

CONF = """
    WSGIDaemonProcess shop threads=2 request-timeout=1 interrupt-timeout=2 deadlock-timeout=0 shutdown-timeout=1 \
        queue-timeout=1.5
    WSGIScriptAlias /shop "${root}/app.wsgi" process-group=shop application-group=%{GLOBAL}
    WSGIScriptAlias /sub "${root}/app.wsgi" process-group=shop application-group=sub
    WSGIImportScript "${root}/app.wsgi" process-group=shop application-group=sub
    <Directory "${root}">
        Require all granted
    </Directory>
"""
FILES = {"app.wsgi": SCRIPT}
INJECTED = r"Injected RequestTimeout into thread [12] of daemon process 'shop'\."


def pid(httpd: Httpd, at: str = "/shop") -> str:
    return httpd.get(f"{at}/pid").text


@pytest.mark.parametrize("at", ["/shop", "/sub"])
def test_a_request_is_interrupted_and_the_process_lives_on(httpd: Httpd, at: str) -> None:
    before = pid(httpd, at)
    assert httpd.get(f"{at}/endless").status == 504
    httpd.claim(INJECTED)
    httpd.claim(r"\[client [^]]*\] Request interrupted by RequestTimeout; thread recovered\.")
    assert pid(httpd, at) == before


def test_the_application_may_catch_it(httpd: Httpd) -> None:
    assert httpd.get("/shop/catches").text == "['caught', 'BaseException']"
    httpd.claim(INJECTED)


def test_finally_is_executed(httpd: Httpd) -> None:
    assert httpd.get("/sub/cleans_up").status == 504
    assert httpd.get("/sub/noted").text == "['cleaned up']"
    httpd.claim(INJECTED)


def test_close_is_interrupted_too(httpd: Httpd) -> None:
    before = pid(httpd)
    assert httpd.get("/shop/in_close").body == b"all"
    httpd.claim(INJECTED)
    httpd.claim_failure(f"close() of the result of WSGI script '{httpd.root}/app.wsgi'", "RequestTimeout")
    assert httpd.get("/shop/noted").text == "['closed']"
    assert pid(httpd) == before


def test_an_answer_that_has_begun_is_cut(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send_request("GET", "/shop/after_head", {"Connection": "close"})
        head, rest = client.receive_all().split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200") and b"begin" in rest and not rest.endswith(b"0\r\n\r\n")
    httpd.claim(INJECTED)
    httpd.claim("MP0438: the answer of group 'shop' is cut: the application failed")


def test_an_exception_that_came_too_late_is_not_the_next_requests(httpd: Httpd) -> None:
    before = pid(httpd)
    for _ in range(4):
        status = httpd.get("/shop/just_in_time").status
        assert status in (200, 504)
        assert [httpd.get("/shop/pid").text for _ in range(4)] == [before] * 4


def test_two_requests_at_once_are_interrupted_each(httpd: Httpd) -> None:
    before = pid(httpd)
    assert at_once(2, lambda number: httpd.get(("/shop", "/sub")[number] + "/endless").status) == [504, 504]
    for _ in range(2):
        httpd.claim(INJECTED)
    assert pid(httpd) == before


@pytest.mark.parametrize("name", ["sleeps", "stubborn"])
def test_what_cannot_be_interrupted_ends_with_the_process(httpd: Httpd, name: str) -> None:
    before = pid(httpd)
    assert httpd.get(f"/shop/{name}").status == 502
    httpd.claim(INJECTED)
    httpd.claim("MP0418: a request to process 'shop'")
    httpd.claim("MP0450")
    httpd.claim("MP0439")
    wait_for(lambda: pid(httpd) != before)


def test_a_request_is_interrupted_beside_one_that_cannot_be(tmp_path: Path) -> None:
    conf = CONF.replace("interrupt-timeout=2", "interrupt-timeout=5")
    with Httpd(tmp_path, conf, FILES) as server:
        before = pid(server)
        with meanwhile(lambda: server.get("/shop/sleeps").status) as statuses:
            wait_for(lambda: "sleeps" in server.get("/shop/noted").text)
            assert server.get("/sub/endless").status == 504
        assert statuses == [502]
        for _ in range(2):
            server.claim(INJECTED)
        server.claim("Request interrupted by RequestTimeout")
        server.claim("MP0418: a request to process 'shop'")
        server.claim("MP0439")
        wait_for(lambda: pid(server) != before)


def test_a_request_is_interrupted_in_a_process_that_gives_way(tmp_path: Path) -> None:
    conf = CONF.replace("shutdown-timeout=1", "graceful-timeout=600")
    with Httpd(tmp_path, conf, FILES) as server:
        before = pid(server)
        with meanwhile(lambda: server.get("/shop/endless").status) as statuses:
            os.kill(int(before), signal.SIGUSR1)
        assert statuses == [504]
        server.claim(INJECTED)
        wait_for(lambda: not os.path.exists(f"/proc/{before}"), what="the process to end")
        assert pid(server) != before
