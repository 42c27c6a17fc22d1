"""The life of groups: deaths, recycling, reloads, restarts, the end."""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from fake import Groups
from httpd import Httpd, processes, wait_for


def sockets(server: Httpd) -> list[Path]:
    return [file for file in (server.root / "run").rglob("*") if file.is_socket()]


def supervisors(server: Groups) -> set[int]:
    parents = {pid: parent for pid, parent, _, state in processes() if state != "Z"}
    return {parents[pid] for pid in server.started("shop") if pid in parents}


def is_alive(pid: int) -> bool:
    return any(pid == one and state != "Z" for one, _, _, state in processes())


def zombies(server: Httpd) -> list[int]:
    return [pid for pid, _, session, state in processes() if session == server.pid and state == "Z"]


@pytest.mark.parametrize("mpm", ["event", "prefork", "worker"])
def test_graceful_restart_lets_a_request_finish(tmp_path: Path, mpm: str) -> None:
    with Groups(tmp_path, "shop threads=3", mpm=mpm, children=4) as server:
        old = server.ready().started("shop")[0]
        with server.asking("head+say=begin+sleep=2+say=end") as answers:
            server.signal(signal.SIGUSR1)
            server.ready(2)
            wait_for(lambda: server.pid_of("shop") != old)      # a child of before may still take a connection
        assert [answer.text for answer in answers] == ["beginend"]
        wait_for(lambda: not is_alive(old), what="the old process to end")
        wait_for(lambda: len(sockets(server)) == 1, what="the old socket to go")
        wait_for(lambda: not zombies(server), what="httpd to see what has ended")


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_restart_and_stop_leave_nothing(tmp_path: Path, mpm: str) -> None:
    with Groups(tmp_path, "shop processes=2 threads=3", mpm=mpm) as server:
        server.ready(2)
        old = server.started("shop")
        server.restart()
        server.ready(4)
        wait_for(lambda: not any(map(is_alive, old)), what="old processes to end")
        assert server.get("/shop?head").status == 200
        wait_for(lambda: len(sockets(server)) == 1)
        server.end()
        assert not sockets(server) and not list((tmp_path / "run").glob("wsgi*"))


def test_stop_waits_for_requests_no_longer_than_shutdown_timeout(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=3 shutdown-timeout=1") as server:
        with suppress(ConnectionError), server.ready().asking("sleep=30"):
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)     # type: ignore[union-attr]
            server.process.wait(20)                        # type: ignore[union-attr]
            assert time.monotonic() - began < 15
        server.claim("MP0422: Shutdown timeout expired; aborting daemon process 'shop'")


def test_a_dead_supervisor_is_replaced(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=3") as server:
        server.ready()
        [supervisor] = supervisors(server)
        [old] = server.started("shop")
        os.kill(supervisor, signal.SIGKILL)
        server.claim("MP0408: the supervisor of the process groups .* has died")
        server.ready(2)
        wait_for(lambda: not is_alive(old), what="the orphan to end")
        assert server.get("/shop?head").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_supervisor_that_is_told_to_end_is_replaced(tmp_path: Path, number: int) -> None:
    """By somebody else than its parent: children find the next one at the same place."""
    with Groups(tmp_path, "shop threads=3") as server:
        server.ready()
        names = sockets(server)
        [supervisor] = supervisors(server)
        os.kill(supervisor, number)
        server.claim("MP0408: the supervisor of the process groups .* has died, status 0")
        server.ready(2)
        assert sockets(server) == names
        assert server.get("/shop?head").status == 200
        server.graceful()
        wait_for(lambda: sockets(server) and not set(sockets(server)) & set(names), what="the old sockets to go")
        assert server.get("/shop?head").status == 200
        server.end()
        assert not list((tmp_path / "run").glob("wsgi*"))


def test_the_parent_removes_the_sockets_of_a_killed_supervisor(tmp_path: Path) -> None:
    """One that has not heard of the end of its generation."""
    with Groups(tmp_path, "shop threads=3") as server:
        server.ready()
        names = sockets(server)
        [supervisor] = supervisors(server)
        children = server.child_pids() - {supervisor}
        os.kill(supervisor, signal.SIGSTOP)
        server.signal(signal.SIGUSR1)
        server.ready(2)
        wait_for(lambda: not server.child_pids() & children, what="the old children to end")
        assert set(sockets(server)) > set(names)
        os.kill(supervisor, signal.SIGKILL)
        wait_for(lambda: not set(sockets(server)) & set(names), what="the old sockets to go")
        assert server.get("/shop?head").status == 200


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP])
def test_a_configuration_without_groups_leaves_no_sockets(tmp_path: Path, number: int) -> None:
    with Groups(tmp_path, "shop threads=3") as server:
        server.ready()
        file = tmp_path / "conf" / "httpd.conf"
        file.write_text(re.sub("WSGI(DaemonProcess|ProcessGroup) ", "#", file.read_text()))
        server._restart(number)
        wait_for(lambda: not list((tmp_path / "run").glob("wsgi*")), what="the sockets to go")


def test_everything_ends_with_a_killed_parent(tmp_path: Path) -> None:
    server = Groups(tmp_path, "shop threads=3").start()
    server.ready()
    own = supervisors(server) | set(server.started("shop"))
    server.process.kill()       # type: ignore[union-attr]
    server.process.wait()       # type: ignore[union-attr]
    for pid, _, session, state in processes():      # httpd's own children do not notice
        if session == server.pid and state != "Z" and pid not in own:
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not server._session(), what="the groups to end")
    assert not list((tmp_path / "run").glob("wsgi*"))


def test_restart_interval_replaces_the_process_first(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=3 restart-interval=0.5") as server:
        pids = set()

        def ask() -> bool:
            pids.add(server.pid_of("shop"))
            return len(pids) > 2
        wait_for(ask, what="new processes")


def test_a_changed_script_is_served_by_a_fresh_process(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop processes=2 threads=2", conf="Alias /shop ${root}/shop.wsgi") as server:
        server.write("shop.wsgi", "")
        server.conf = ""
        server.ready(2)
        old = {server.pid_of("shop") for _ in range(10)}
        server.write("shop.wsgi", "new")
        wait_for(lambda: server.pid_of("shop") not in old)
        wait_for(lambda: len(server.started("shop")) == 4, what="both to be replaced")
        wait_for(lambda: not any(map(is_alive, old)), what="old processes to end")
        assert server.pid_of("shop") not in old


def test_sigusr1_replaces_and_sigterm_ends_a_process(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=3") as server:
        server.ready()
        for number, signum in enumerate((signal.SIGUSR1, signal.SIGTERM, signal.SIGHUP)):
            pid = server.started("shop")[-1]
            os.kill(pid, signum)
            if signum != signal.SIGHUP:
                server.ready(number + 2)
                wait_for(lambda pid=pid: not is_alive(pid), what="the process to end")   # type: ignore[misc]
            assert server.get("/shop?head").status == 200


def test_processes_that_keep_dying_are_started_more_and_more_seldom(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=3",
                conf="WSGIImportScript /dies.wsgi process-group=shop application-group=x") as server:
        server.claim("MP0414: processes of group 'shop' keep dying")
        for _ in range(3):
            server.claim("MP0417: Process 'shop' .pid=\\d+. has died; deregistering and restarting it. "
                         "Cause: exit status 3")
        assert server.log_text().count("MP0426") < 8


def test_preloads_of_a_group_run_in_its_processes_only(tmp_path: Path) -> None:
    conf = ("WSGIImportScript /one.wsgi process-group=shop application-group=x\n"
            "WSGIImportScript /all.wsgi process-group=%{GLOBAL} application-group=x")
    with Groups(tmp_path, "shop threads=3", conf=conf) as server:
        server.ready()
        wait_for(lambda: "preload /all.wsgi in ''" in server.log_text())
        assert server.log_text().count("preload /one.wsgi in 'shop'") == 1
        assert server.log_text().count("preload /all.wsgi") == 1


def test_a_service_group_starts_again_when_its_scripts_have_ended(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=0") as server:
        wait_for(lambda: server.log_text().count("MP0426") > 1)


def test_a_process_has_only_descriptors_of_its_own(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=3", "other threads=2") as server:
        server.ready(2)
        pid = server.pid_of("shop")
        inodes = {os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir()}
        tcp = {line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
        assert not {name[8:-1] for name in inodes if name.startswith("socket:[")} & tcp
        assert len(inodes) <= 10


def test_sockets_are_the_users_own(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=3") as server:
        [file] = sockets(server)
        assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700


def test_a_graceful_stop_and_one_process_leave_nothing(tmp_path: Path) -> None:
    for name, arguments in (("s", ["-DFOREGROUND"]), ("x", ["-X"])):
        (tmp_path / name).mkdir()
        with Groups(tmp_path / name, "shop threads=3", arguments=arguments) as server:
            assert server.get("/shop?head+say=x").text == "x"
            if name == "s":
                server.end(signal.SIGWINCH)
