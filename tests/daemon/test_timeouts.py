"""Time-outs of groups: each does its work alone."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from fake import Groups
from httpd import at_once, processes, wait_for


def give_way(server: Groups, signum: int = signal.SIGUSR1) -> None:
    """The process is told so, and the next one is there."""
    count = len(server.started("shop"))
    os.kill(server.started("shop")[-1], signum)
    server.ready(count + 1)


def test_request_timeout_replaces_the_process(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=1 request-timeout=1.5 shutdown-timeout=0.3 deadlock-timeout=0") as server:
        server.ready()
        assert server.get("/shop?sleep=20").status == 502
        server.claim("MP0418: a request to process 'shop' .* request-timeout")
        server.claim("MP0422")
        server.claim("MP0439: no answer of group 'shop': its process has ended")
        assert server.get("/shop?head").status == 200


def test_a_request_within_the_allowance_of_many_threads_is_answered(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=20 request-timeout=0.4") as server:
        assert server.get("/shop?sleep=0.8+head").status == 200


def test_deadlock_timeout_ends_a_stuck_process(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=2 deadlock-timeout=2 request-timeout=0") as server:
        server.ready()
        assert server.get("/shop?stick").status == 502
        server.claim("MP0419: Python's lock could not be had in process 'shop'")
        server.claim("MP0439")
        server.claim("MP0416: Process 'shop' .* has died at its end: exit status 70")
        assert server.get("/shop?head").status == 200


def test_inactivity_timeout_replaces_an_idle_process(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=2 inactivity-timeout=0.4") as server:
        first = server.pid_of("shop")
        server.claim("Daemon process idle inactivity timer expired")
        wait_for(lambda: server.pid_of("shop") != first)    # the line is before the end


def test_inactivity_timeout_replaces_a_process_whose_request_is_stuck(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=2 inactivity-timeout=1 shutdown-timeout=60") as server:
        server.ready()
        answer = server.get("/shop?sleep=3+head")
        assert answer.status == 200                 # within shutdown-timeout
        assert int(answer.headers["X-Pid"]) == server.started("shop")[0]
        assert "Daemon process idle inactivity timer expired" in server.log_text()
        wait_for(lambda: server.pid_of("shop") != server.started("shop")[0])


def test_startup_timeout_ends_a_process_whose_application_does_not_load(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=2 startup-timeout=2") as server:
        server.ready()
        assert server.get("/shop?status=500").status == 500
        server.claim("MP0420: no application could be loaded in process 'shop'")
        server.ready(2)
        assert server.get("/shop?head").status == 200


def test_startup_timeout_runs_from_the_first_attempt(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=2 startup-timeout=2") as server:
        server.ready()

        def ask() -> bool:
            assert server.get("/shop?status=500").status == 500
            return "MP0420" in server.log_text()
        wait_for(ask, what="the time to be over although there are new attempts")
        server.claim("MP0420")


def test_startup_timeout_is_over_with_the_first_answer(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=2 startup-timeout=2") as server:
        pid = server.pid_of("shop")
        assert server.get("/shop?sleep=2.5+head").headers["X-Pid"] == str(pid)


def test_queue_timeout_is_looked_at_while_waiting(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=1 queue-timeout=1.5") as server:
        server.ready()
        answers = at_once(3, lambda _: server.get("/shop?sleep=3+head").status)
        assert sorted(answers) == [200, 504, 504]
        for _ in range(2):
            server.claim("MP0440: Queue timeout expired for WSGI daemon process 'shop'")


def test_connect_timeout_is_an_answer_of_503(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=1 connect-timeout=0.5 listen-backlog=1 socket-timeout=2",
                conf="WSGIImportScript /slow.wsgi process-group=shop application-group=x") as server:
        pid = server.ready().started("shop")[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            answers = at_once(6, lambda _: server.get("/shop?head").status)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert set(answers) == {503, 504}
        for status in answers:
            server.claim("MP0430: no process of group 'shop' could be reached" if status == 503 else "MP0439")


def test_a_request_that_waited_long_is_still_handed_to_another_process(tmp_path: Path) -> None:
    """connect-timeout is about one connection: the first one was taken back when the process gave way."""
    with Groups(tmp_path, "shop threads=1 connect-timeout=1 restart-interval=3") as server:
        def ask(number: int) -> int:
            if number:
                server.claim("] it-began")
            return server.get("/shop?head" if number else "/shop?log=it-began+sleep=7+head").status
        assert at_once(2, ask) == [200, 200]


def test_queue_timeout_is_looked_at_while_there_is_no_room_in_the_queue(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=1 queue-timeout=2 listen-backlog=1") as server:
        pid = server.ready().started("shop")[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            assert at_once(6, lambda _: server.get("/shop?head").status) == [504] * 6
        finally:
            os.kill(pid, signal.SIGCONT)
        for _ in range(6):
            server.claim("MP0440: Queue timeout expired for WSGI daemon process 'shop'")


def test_without_a_connect_timeout_the_new_process_is_found(tmp_path: Path) -> None:
    """Though the connection that was kept leads to the old one."""
    with Groups(tmp_path, "shop threads=2 connect-timeout=0") as server:
        old = server.pid_of("shop")
        os.kill(old, signal.SIGUSR1)
        server.claim(f"MP0415: Process 'shop' .pid={old}. has ended")
        assert server.pid_of("shop") != old


def test_time_in_which_all_stood_still_does_not_count(tmp_path: Path) -> None:
    """A container that was paused, a machine that slept."""
    with Groups(tmp_path, "shop processes=2 threads=2 deadlock-timeout=2 request-timeout=2") as server:
        pids = server.ready(2).started("shop")
        [supervisor] = [parent for pid, parent, _, _ in processes() if pid == pids[0]]
        with server.asking("sleep=1+head") as answers:
            for pid in (supervisor, *pids):
                os.kill(pid, signal.SIGSTOP)
            end = time.monotonic() + 5
            wait_for(lambda: time.monotonic() > end)
            for pid in (supervisor, *pids):     # the supervisor looks first
                os.kill(pid, signal.SIGCONT)
        assert [answer.status for answer in answers] == [200]
        assert {server.pid_of("shop") for _ in range(10)} <= set(pids)
        assert server.started("shop") == pids


def test_response_socket_timeout_frees_the_process_of_a_client_that_does_not_read(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=1 response-socket-timeout=0.5") as server:
        with server.raw(receive_buffer=4096) as client:
            client.send_request("GET", "/shop?head+many=50000000")
            server.claim("FAKE: the client is gone")
        wait_for(lambda: server.get("/shop?head").status == 200)


def test_a_starting_process_keeps_requests_waiting(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=2",
                conf="WSGIImportScript /slow.wsgi process-group=shop application-group=x") as server:
        assert server.get("/shop?head").status == 200


def test_without_graceful_timeout_only_shutdown_timeout_is_left(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=2 graceful-timeout=0 shutdown-timeout=1") as server:
        with server.ready().asking("sleep=120") as answers:
            give_way(server)
        assert [answer.status for answer in answers] == [502]
        server.claim("MP0422")
        server.claim("MP0439")
        assert "MP0421" not in server.log_text()


def test_without_shutdown_timeout_a_request_has_all_its_time(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=2 shutdown-timeout=0") as server:
        old = server.ready().started("shop")[0]
        with server.asking("sleep=6.5+head") as answers:       # longer than by default
            os.kill(old, signal.SIGTERM)
            server.ready(2)
            assert server.pid_of("shop") != old
        assert [answer.headers["X-Pid"] for answer in answers] == [str(old)]


def test_request_timeout_is_on_while_a_process_gives_way(tmp_path: Path) -> None:
    options = "graceful-timeout=600 request-timeout=4 shutdown-timeout=0.3"
    with Groups(tmp_path, f"shop threads=1 {options}") as server:
        with server.ready().asking("sleep=120") as answers:
            give_way(server)
        assert [answer.status for answer in answers] == [502]
        server.claim("MP0418: a request to process 'shop' .* request-timeout")
        server.claim("MP0422")
        server.claim("MP0439")


@pytest.mark.parametrize("signum", [signal.SIGUSR1, signal.SIGTERM])
def test_deadlock_timeout_is_on_while_a_process_gives_way_or_stops(tmp_path: Path, signum: int) -> None:
    options = "graceful-timeout=600 shutdown-timeout=0 deadlock-timeout=3"
    with Groups(tmp_path, f"shop threads=2 {options}") as server:
        with server.ready().asking("sleep=3+stick") as answers:
            give_way(server, signum)
            assert "MP0419" not in server.log_text()
        assert [answer.status for answer in answers] == [502]
        server.claim("MP0419: Python's lock could not be had in process 'shop'")
        server.claim("MP0439")
        server.claim("MP0416: Process 'shop' .* has died at its end: exit status 70")


def test_a_stuck_process_does_not_keep_httpd_from_its_end(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=2 shutdown-timeout=0 deadlock-timeout=2") as server:
        with suppress(ConnectionError), server.ready().asking("stick"):
            server.process.send_signal(signal.SIGTERM)      # type: ignore[union-attr]
            server.process.wait(30)                         # type: ignore[union-attr]
        server.claim("MP0419")
        server.claim("MP0416")
        while "AH00045" in server.unclaimed():      # httpd asks again after three seconds, and five
            server.claim("AH00045: child process .* still did not exit, sending a SIGTERM")
