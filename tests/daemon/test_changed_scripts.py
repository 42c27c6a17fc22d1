"""A changed script gives the group new processes, and requests do not wait for them where there is more than one."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from httpd import Httpd, meanwhile, wait_for

SCRIPT = r"""
import os, time
VERSION = 1

while os.path.exists(__file__ + ".gate"):
    time.sleep(0.01)

def application(environ, start_response):
    start_response("200 OK", [("X-Pid", str(os.getpid()))])
    return [str(VERSION).encode()]
"""
NEW = SCRIPT.replace("VERSION = 1", "VERSION = 2")
PERMISSION = '<Directory "${root}">\nRequire all granted\n</Directory>\n'


def conf(options: str) -> str:
    return (f"WSGIDaemonProcess shop {options}\nWSGIProcessGroup shop\n"
            f'WSGIScriptAlias /one "${{root}}/one.wsgi"\nWSGIScriptAlias /two "${{root}}/two.wsgi"\n{PERMISSION}')


def serve(directory: Path, options: str) -> Httpd:
    return Httpd(directory, conf(options), {"one.wsgi": SCRIPT, "two.wsgi": SCRIPT})


def change(server: Httpd) -> None:
    """The new script's import takes until the gate is opened."""
    server.write("one.wsgi.gate", "")
    server.write("new.wsgi", NEW)
    os.replace(server.root / "new.wsgi", server.root / "one.wsgi")


def starts(server: Httpd) -> int:
    return server.log_text().count("MP0426")


def test_no_request_waits_for_an_import_where_others_serve(tmp_path: Path) -> None:
    with serve(tmp_path, "processes=2 threads=1") as server:
        wait_for(lambda: server.log_text().count("is ready") == 2)
        # One thread each: while one process waits for its request's body, the other one answers.
        with server.raw() as client:
            client.send(b"POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
            old = {server.get("/one").headers["X-Pid"]}
            old.add(client.send(b"x").response().headers["X-Pid"])
        change(server)
        for _ in range(20):
            assert server.get("/one").text == "1"
        wait_for(lambda: starts(server) == 4)
        for _ in range(20):
            answer = server.get("/one")
            assert answer.text == "1" and answer.headers["X-Pid"] in old
        os.remove(tmp_path / "one.wsgi.gate")
        wait_for(lambda: server.get("/one").text == "2")
        assert {server.get("/one").text for _ in range(20)} == {"2"}
        wait_for(lambda: server.log_text().count("MP0415") == 2)
        assert starts(server) == 4
        server.claim("MP0413: Forcing restart of daemon process 'shop'")


def test_a_single_process_never_answers_with_old_code(tmp_path: Path) -> None:
    with serve(tmp_path, "threads=3") as server:
        assert server.get("/one").text == "1"
        change(server)
        with meanwhile(lambda: server.get("/one").text) as answers:
            wait_for(lambda: starts(server) == 2)
            assert server.get("/two").text == "1"       # the old process serves what has not changed
            assert not answers
            os.remove(tmp_path / "one.wsgi.gate")
        assert answers == ["2"]
        server.claim("MP0413: Forcing restart of daemon process 'shop'")


def test_what_was_loaded_is_loaded_before_the_next_process_is_ready(tmp_path: Path) -> None:
    with serve(tmp_path, "threads=2") as server:
        for url in ("/one", "/two", "/one"):
            first = server.get(url).headers["X-Pid"]
        os.kill(int(first), signal.SIGUSR1)
        wait_for(lambda: server.log_text().count("is ready") == 2)
        second = re.findall(r"MP0412: Process 'shop' \(pid=(\d+)\)", server.log_text())[1]
        before, after = re.split(rf"MP0412: Process 'shop' \(pid={second}\)", server.log_text())
        for script in ("one", "two"):
            assert re.search(rf"pid {second}:.*Loading WSGI script '{tmp_path}/{script}.wsgi' into sub-interpreter "
                             rf"'localhost:{server.port}\|/{script}'", before)
        assert "Loading" not in after
        wait_for(lambda: server.get("/two").headers["X-Pid"] == second)
        assert "Loading" not in re.split(rf"MP0412: Process 'shop' \(pid={second}\)", server.log_text())[1]
