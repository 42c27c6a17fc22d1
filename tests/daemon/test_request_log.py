"""What a request in a group logs carries its client, and obeys its LogLevel, as in a child of httpd."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from fake import Groups
from httpd import Httpd, wait_for

MPMS = ("event", "prefork")
SCRIPT = r"""
import logging, sys, threading
import mod_wsgi

def application(environ, start_response):
    return globals()[environ["PATH_INFO"][1:]](environ, start_response)

def says(environ, start_response):
    print("by print")
    print("by stderr", file=sys.stderr)
    print("unfinished", end="")
    print("by wsgi.errors", file=environ["wsgi.errors"])
    logging.getLogger("x").warning("by logging")
    record = logging.LogRecord("x", logging.WARNING, "file.py", 7, "by the handler", None, None)
    mod_wsgi.LogHandler().emit(record)
    thread = threading.Thread(target=lambda: print("by another thread"))
    thread.start()
    thread.join()
    start_response("200 OK", [])
    return [b"said"]

def fails(environ, start_response):
    raise LookupError("the application's")

def reads_and_prints(environ, start_response):
    "Another thread logs while this one sends."
    going = threading.Event()
    def chatter():
        for _ in range(50):
            if not going.wait(0.001):
                print("chatter", file=environ["wsgi.errors"])
    thread = threading.Thread(target=chatter)
    thread.start()
    start_response("200 OK", [])
    try:
        for _ in range(100):
            yield b"x" * 50000
    finally:
        going.set()
        thread.join()

def metrics(environ, start_response):
    found = mod_wsgi.server_metrics()
    start_response("200 OK", [])
    return [repr(found and [process["pid"] for process in found["processes"]]).encode()]
"""
FILES = {"app.wsgi": SCRIPT, "broken.wsgi": "raise LookupError('at its load')\n"}
CONF = """
    WSGIDaemonProcess shop threads=3
    WSGIDaemonProcess watcher threads=1 server-metrics=On
    WSGIScriptAlias /shop "${root}/app.wsgi" process-group=shop application-group=%{GLOBAL}
    WSGIScriptAlias /watcher "${root}/app.wsgi" process-group=watcher application-group=%{GLOBAL}
    WSGIScriptAlias /embedded "${root}/app.wsgi" process-group=%{GLOBAL} application-group=%{GLOBAL}
    WSGIScriptAlias /broken "${root}/broken.wsgi" process-group=shop application-group=%{RESOURCE}
    <Directory "${root}">
        Require all granted
    </Directory>
"""
CLIENT = r"\[pid {pid}:tid \d+\] \[client 127\.0\.0\.1:\d+\] "


def in_child(httpd: Httpd) -> str:
    return CLIENT.format(pid="(?:" + "|".join(map(str, httpd.child_pids())) + ")")


def test_all_that_a_request_prints_is_the_requests(httpd: Httpd) -> None:
    assert httpd.get("/shop/says").text == "said"
    for text in ("by print", "by stderr", "unfinished", "by wsgi.errors", "by logging", "by the handler"):
        httpd.claim(in_child(httpd) + text)
    httpd.claim(r"\[pid \d+:tid \d+\] by another thread")


def test_a_traceback_is_the_requests(httpd: Httpd) -> None:
    assert httpd.get("/shop/fails").status == 500
    text = httpd.log_text().split("MP0332")[-1]
    assert "[client 127.0.0.1:" in text.split("LookupError: the application's")[0].splitlines()[-1]
    httpd.claim_failure(f"processing WSGI script '{httpd.root}/app.wsgi'", "LookupError: the application's")
    assert httpd.get("/broken").status == 500
    httpd.claim(in_child(httpd) + "MP0331: loading WSGI script")
    httpd.claim("(?s)Traceback.*LookupError: at its load")


def test_lines_of_another_thread_do_not_disturb_the_answer(httpd: Httpd) -> None:
    answer = httpd.get("/shop/reads_and_prints")
    assert answer.status == 200 and answer.body == b"x" * 5_000_000
    while "chatter" in httpd.unclaimed():
        httpd.claim("chatter")


def test_no_line_is_lost_though_the_client_hangs_up(tmp_path: Path) -> None:
    """What the child had no room for goes to the process's own log."""
    with Groups(tmp_path, "one threads=1 response-buffer-size=65536", conf="SendBufferSize 65536") as server:
        with server.raw(receive_buffer=4096) as client:
            client.send_request("GET", "/one?head+many=200000+lines=2000")
            client.receive(15)
            server.claim("line number 001999")      # where the last ones go at once: as many wait as may
            client.hang_up()

        def numbers() -> list[str]:
            return re.findall(r"line number (\d{6}) x", server.log_text())
        wait_for(lambda: len(numbers()) >= 2000, what="all lines")
        assert sorted(numbers()) == [f"{number:06}" for number in range(2000)]
        assert not re.search(r"\[pid \d+:tid \d+\] $", server.log_text(), re.MULTILINE)


def test_the_last_words_of_a_process_are_logged(tmp_path: Path) -> None:
    with Groups(tmp_path, "one threads=1") as server:
        for words in ("head+log=last-words", "head+say=a+log=last-words"):
            pid = server.pid_of("one")
            with server.raw() as client:
                client.send_request("GET", f"/one?{words}+sleep=60")
                server.claim("] last-words")
                os.kill(pid, signal.SIGKILL)
                client.receive_all()
            server.claim("MP043[89]")
            server.claim("MP0417: Process 'one' .* signal 9")
            wait_for(lambda: server.get("/one?head").status == 200)


def test_the_scoreboard_is_for_groups_that_may_see_it(httpd: Httpd) -> None:
    assert httpd.get("/shop/metrics").text == httpd.get("/embedded/metrics").text == "None"
    assert any(str(pid) in httpd.get("/watcher/metrics").text for pid in httpd.child_pids())
    httpd.restart()
    assert any(str(pid) in httpd.get("/watcher/metrics").text for pid in httpd.child_pids())
