"""The Python stacks of all threads are in the log when a request runs too long, or a GIL sticks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from httpd import Httpd, wait_for

SCRIPT = r"""
import ctypes, threading, time

def wait_in_a_thread():
    time.sleep(60)

def application(environ, start_response):
    return globals()[environ["QUERY_STRING"]](environ, start_response)

def pid(environ, start_response):
    import os
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]

def slow(environ, start_response):
    threading.Thread(target=wait_in_a_thread, name="the-helper", daemon=True).start()
    time.sleep(60)

def stick(environ, start_response):
    ctypes.PyDLL(None).sleep(60)            # holds the GIL
"""


def conf(*groups: str) -> str:
    lines = []
    for group in groups:
        name = group.split()[0]
        lines.append(f"""
            WSGIDaemonProcess {group}
            WSGIScriptAlias /{name} "${{root}}/app.wsgi" process-group={name} application-group=%{{GLOBAL}}
            WSGIScriptAlias /other-{name} "${{root}}/app.wsgi" process-group={name} application-group=other
            WSGIImportScript "${{root}}/app.wsgi" process-group={name} application-group=%{{GLOBAL}}
            WSGIImportScript "${{root}}/app.wsgi" process-group={name} application-group=other
        """)
    return "\n".join(lines) + '<Directory "${root}">\nRequire all granted\n</Directory>\n'


def pid(server: Httpd, url: str) -> int:
    answer = server.get(f"{url}?pid")
    assert answer.status == 200, answer.text
    return int(answer.text)


def test_a_request_that_takes_too_long_is_seen_with_all_other_threads(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf("shop threads=3 request-timeout=0.5 shutdown-timeout=1"), {"app.wsgi": SCRIPT}) as server:
        old = pid(server, "/shop")
        assert server.get("/shop?slow").status == 502
        server.claim("MP0418: a request to process 'shop'")
        server.claim("MP0450: the Python stacks of interpreter 'main_interpreter'")
        server.claim(r"Thread 0x\w+ \(thread \d of the process, with a request for '.*/app.wsgi'\):")
        server.claim(r'app.wsgi", line \d+, in slow')
        server.claim(r"Thread 0x\w+ \(the-helper\)")
        server.claim(r'app.wsgi", line \d+, in wait_in_a_thread')
        server.claim("MP0450: the Python stacks of interpreter 'other'")
        server.claim("MP0422")
        server.claim("MP0439")
        assert pid(server, "/shop") != old


def test_a_stuck_gil_is_seen_by_faulthandler(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf("shop threads=3 deadlock-timeout=2"), {"app.wsgi": SCRIPT}) as server:
        old = pid(server, "/shop")
        assert server.get("/shop?stick").status == 502
        server.claim("MP0419: Python's lock could not be had in process 'shop'")
        server.claim("MP0451: the GIL of interpreter 'main_interpreter' can't be had")
        wait_for(lambda: 'app.wsgi", line 20 in stick' in server.log_text())
        server.claim("MP0416: Process 'shop' .* has died at its end: exit status 70")
        server.claim("MP0439")
        assert pid(server, "/shop") != old


OWN = """
<WSGIInterpreterOptions process-group=shop application-group=other>
    WSGIPerInterpreterGIL On
</WSGIInterpreterOptions>
"""


@pytest.mark.parametrize("stuck", ["/shop", "/other-shop"])
def test_one_stuck_interpreter_does_not_hide_the_others(tmp_path: Path, stuck: str) -> None:
    other = "/other-shop" if stuck == "/shop" else "/shop"
    with Httpd(tmp_path, OWN + conf("shop threads=3 request-timeout=1 deadlock-timeout=0 shutdown-timeout=3"),
               {"app.wsgi": SCRIPT}) as server:
        if server.python_version() < (3, 13):
            pytest.skip("has one GIL for all interpreters")
        old = pid(server, other)
        assert server.get(f"{stuck}?stick").status == 502
        server.claim("MP0418: a request to process 'shop'")
        names = {"/shop": "main_interpreter", "/other-shop": "other"}
        server.claim(f"MP0451: the GIL of interpreter '{names[stuck]}' can't be had")
        server.claim(f"MP0450: the Python stacks of interpreter '{names[other]}'")
        wait_for(lambda: 'app.wsgi", line 20 in stick' in server.log_text())
        server.claim("MP0422")
        server.claim("MP0439")
        assert pid(server, other) != old


def test_a_stuck_gil_of_an_interpreters_own_is_seen(tmp_path: Path) -> None:
    options = "shop threads=3 deadlock-timeout=2 request-timeout=0"
    with Httpd(tmp_path, OWN + conf(options), {"app.wsgi": SCRIPT}) as server:
        if server.python_version() < (3, 13):
            pytest.skip("has one GIL for all interpreters")
        old = pid(server, "/shop")
        assert server.get("/other-shop?stick").status == 502
        server.claim("MP0419: Python's lock could not be had in process 'shop'")
        server.claim("MP0451: the GIL of interpreter 'other' can't be had")
        server.claim("MP0416: Process 'shop' .* has died at its end: exit status 70")
        server.claim("MP0439")
        assert pid(server, "/shop") != old


def test_a_process_that_was_told_to_dump_goes_on_hearing_its_supervisor(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf("shop threads=3 request-timeout=0.5 shutdown-timeout=1 deadlock-timeout=0"),
               {"app.wsgi": SCRIPT}) as server:
        old = pid(server, "/shop")
        assert server.get("/shop?stick").status == 502
        server.claim("MP0418")
        server.claim("Shutdown requested for daemon process 'shop'.")
        server.claim("MP0422")
        server.claim("MP0439")
        wait_for(lambda: not os.path.exists(f"/proc/{old}"))
