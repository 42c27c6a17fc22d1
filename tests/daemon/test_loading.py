"""When a script counts as loaded, and who serves a request whose script has changed."""

from __future__ import annotations

import os
import re
import signal
import threading
from pathlib import Path

from httpd import Httpd, at_once, wait_for

SCRIPT = r"""
import os, time
VERSION = 1

def application(environ, start_response):
    size = len(environ["wsgi.input"].read())
    start_response("200 OK", [("X-Pid", str(os.getpid())), ("X-Size", str(size))])
    return [str(VERSION).encode()]
"""
PERMISSION = '<Directory "${root}">\nRequire all granted\n</Directory>\n'


def conf(group: str, alias: str = "application-group=%{RESOURCE}") -> str:
    return (f"WSGIDaemonProcess shop {group}\n"
            f'WSGIScriptAlias /shop "${{root}}/app.wsgi" process-group=shop {alias}\n{PERMISSION}')


def pids(server: Httpd) -> int:
    return server.log_text().count("MP0426")


def test_reload_required_sends_the_request_to_a_fresh_process(tmp_path: Path) -> None:
    script = SCRIPT + "def reload_required(path):\n    return os.path.exists(path + '.changed')\n"
    with Httpd(tmp_path, conf("threads=2"), {"app.wsgi": script}) as server:
        first = server.post("/shop", b"x" * 100000)
        assert first.status == 200 and server.get("/shop").headers["X-Pid"] == first.headers["X-Pid"]
        # Its word is for one process only: what is fresh has loaded the script after that.
        server.write("app.wsgi.changed", "")
        (tmp_path / "app.wsgi").write_text(script.replace("VERSION = 1", "VERSION = 2").replace(".changed", ".again"))
        second = server.post("/shop", b"x" * 100000)
        assert (second.status, second.text, second.headers["X-Size"]) == (200, "2", "100000")
        assert second.headers["X-Pid"] != first.headers["X-Pid"]
        server.claim(f"Forcing restart of daemon process 'shop' due to modification of script '{tmp_path}/app.wsgi'\\.")


def test_a_preloaded_script_that_changed_before_its_first_request(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf("threads=2", "application-group=%{GLOBAL}"), {"app.wsgi": SCRIPT}) as server:
        wait_for(lambda: "is ready" in server.log_text())
        server.write("app.wsgi", SCRIPT.replace("VERSION = 1", "VERSION = 222"))
        answer = server.post("/shop", b"x" * 10)
        assert (answer.status, answer.text) == (200, "222")
        server.claim("Forcing restart of daemon process 'shop'")
        assert pids(server) == 2


def test_a_reload_required_that_is_never_content_ends_in_503(tmp_path: Path) -> None:
    script = SCRIPT + "def reload_required(path):\n    return True\n"
    with Httpd(tmp_path, conf("threads=2", "application-group=%{GLOBAL}"), {"app.wsgi": script}) as server:
        assert server.get("/shop").status == 503
        server.claim("MP0436: no process of group 'shop' took the request: .* reload_required")
        started = pids(server)
        assert 3 <= started <= 6
        assert server.post("/shop", b"x").status == 503
        server.claim("MP0436")


def test_reload_required_that_fails_changes_nothing(tmp_path: Path) -> None:
    script = SCRIPT + "def reload_required(path):\n    raise LookupError('the reloader')\n"
    with Httpd(tmp_path, conf("threads=2", "application-group=%{GLOBAL}"), {"app.wsgi": script}) as server:
        assert server.get("/shop").status == 200
        server.claim("MP0337: reload_required.. of WSGI script")
        server.claim("(?s)Traceback.*LookupError: the reloader")
        assert pids(server) == 1


def test_startup_timeout_is_about_loading_only(tmp_path: Path) -> None:
    slow = SCRIPT.replace("    size =", "    time.sleep(2.5)\n    size =")
    with Httpd(tmp_path, conf("threads=2 startup-timeout=2"), {"app.wsgi": slow}) as server:
        assert server.get("/shop").status == 200
        assert pids(server) == 1


def test_a_script_that_loads_for_too_long_costs_its_process(tmp_path: Path) -> None:
    slow = "import os, time\nif not os.path.exists(__file__ + '.quick'):\n    time.sleep(30)\n" + SCRIPT
    with Httpd(tmp_path, conf("threads=2 startup-timeout=2 shutdown-timeout=0.5"), {"app.wsgi": slow}) as server:
        assert server.get("/shop").status == 502
        server.claim("MP0420: no application could be loaded in process 'shop'")
        server.claim("MP0422")
        server.claim("MP0439")
        server.write("app.wsgi.quick", "")
        assert server.get("/shop").status == 200


def test_queue_timeout_does_not_count_the_import(tmp_path: Path) -> None:
    slow = "import time\ntime.sleep(2.5)\n" + SCRIPT
    with Httpd(tmp_path, conf("threads=1 queue-timeout=2"), {"app.wsgi": slow}) as server:
        wait_for(lambda: "is ready" in server.log_text())
        assert server.post("/shop", b"x" * 70000).status == 200
        assert sorted(at_once(2, lambda _: server.get("/shop").status)) == [200, 200]


def test_a_body_waits_for_the_script(tmp_path: Path) -> None:
    slow = "import time\ntime.sleep(0.5)\n" + SCRIPT
    with Httpd(tmp_path, conf("threads=1"), {"app.wsgi": slow}) as server:
        answer = server.post("/shop", b"x" * 3_000_000)
        assert (answer.status, answer.headers["X-Size"]) == (200, "3000000")


def test_many_requests_at_the_change_are_all_answered_by_the_new_script(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf("threads=3"), {"app.wsgi": SCRIPT}) as server:
        assert server.get("/shop").text == "1"
        server.write("app.wsgi", SCRIPT.replace("VERSION = 1", "VERSION = 222"))
        barrier = threading.Barrier(8)

        def ask(number: int) -> tuple[int, str]:
            barrier.wait()
            answer = server.post("/shop", b"x" * 1000) if number % 2 else server.get("/shop")
            return answer.status, answer.text
        assert at_once(8, ask) == [(200, "222")] * 8


IMPORTED = """
import os, time
open(__file__ + ".began", "a").write(f"{os.getpid()}\\n")
while not os.path.exists(os.path.dirname(__file__) + "/gate"):
    time.sleep(0.01)
"""


def imports(place: str) -> str:
    return "".join(f'WSGIImportScript "${{root}}/{name}.wsgi" process-group={place} application-group=%{{GLOBAL}}\n'
                   for name in ("one", "two"))


def pending_signals(pid: int) -> int:
    return sum(int(line.split()[1], 16) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
               if line.startswith(("ShdPnd", "SigPnd")))


def is_waiting(pid: int, signum: int) -> bool:
    return bool(pending_signals(pid) & 1 << signum - 1)


def importer(server: Httpd) -> int:
    """The process that imports the first script, and waits there."""
    file = server.root / "one.wsgi.began"
    return wait_for(lambda: file.exists() and int(file.read_text() or 0), what="the first import")


def test_a_process_that_is_told_to_end_imports_no_more(tmp_path: Path) -> None:
    with Httpd(tmp_path, conf("threads=2 shutdown-timeout=60") + imports("shop"),
               {"app.wsgi": SCRIPT, "one.wsgi": IMPORTED, "two.wsgi": IMPORTED}) as server:
        first = importer(server)
        os.kill(first, signal.SIGTERM)
        wait_for(lambda: re.search(rf"pid {first}[:\]].*Shutdown requested for daemon process", server.log_text()))
        server.write("gate", "")
        wait_for(lambda: not os.path.exists(f"/proc/{first}"), what="the process to end")
        assert re.search(rf"pid {first}[:\]].*MP0485: .* 1 of its preloads", server.log_text())
        assert server.get("/shop").status == 200        # another process: it has imported both
        [second] = (tmp_path / "two.wsgi.began").read_text().split()
        assert int(second) != first
        assert f"Process 'shop' (pid={first}) is ready" not in server.log_text()


def test_a_child_of_prefork_that_is_told_to_end_imports_no_more(tmp_path: Path) -> None:
    files = {"one.wsgi": IMPORTED, "two.wsgi": IMPORTED, "gate": ""}
    with Httpd(tmp_path, imports("%{GLOBAL}"), files, mpm="prefork") as server:
        for name in ("one.wsgi.began", "two.wsgi.began", "gate"):
            os.remove(tmp_path / name)
        server.signal(signal.SIGUSR1)
        first = importer(server)
        os.kill(first, signal.SIGTERM)
        wait_for(lambda: is_waiting(first, signal.SIGTERM), what="the signal to be there")
        server.write("gate", "")
        wait_for(lambda: not os.path.exists(f"/proc/{first}"), what="the child to end")
        assert re.search(rf"pid {first}[:\]].*MP0485", server.log_text())
        wait_for(lambda: (tmp_path / "two.wsgi.began").exists(), what="the child that follows")
        assert str(first) not in (tmp_path / "two.wsgi.began").read_text().split()
