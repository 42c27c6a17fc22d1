"""Requests through a group: heads, bodies, errors, cut answers."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake import Groups, location
from httpd import at_once, wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groups]:
    lines = ("one threads=2 header-buffer-size=8192 socket-timeout=2 graceful-timeout=2",
             "two processes=2 threads=3",
             "tiny threads=1 send-buffer-size=512 receive-buffer-size=512", "service threads=0")
    with Groups(tmp_path_factory.mktemp("httpd"), *lines, mpm="event", conf="LimitRequestFieldSize 200000\n"
                "LimitRequestLine 100000\n" + location("variable", "%{ENV:GROUP}") +
                "SetEnvIf X-Group (.+) GROUP=$1", modules=("setenvif",), files={"htdocs/variable": ""}) as server:
        yield server.ready(4)


def test_a_request_is_answered_by_another_process(server: Groups) -> None:
    r = server.get("/one?head+who")
    facts = dict(word.split("=") for word in r.text.split())
    assert r.status == 200 and int(facts["pid"]) not in server.child_pids()
    assert int(facts["ppid"]) in server.child_pids()
    assert (facts["multithread"], facts["multiprocess"]) == ("1", "0")
    assert "multithread=1 multiprocess=1" in server.get("/two?head+who").text


def test_the_application_sees_variables_but_not_how_they_came(server: Groups) -> None:
    text = server.get("/one?head+variables", {"X-Thing": "5", "Proxy": "evil"}).text
    assert "\nHTTP_X_THING=5\n" in text and "REQUEST_METHOD=GET\n" in text
    assert "MOD_PYTHON" not in text and "HTTP_PROXY" not in text and not re.search("[0-9a-f]{64}", text)


def test_many_and_long_variables_arrive(server: Groups) -> None:
    long = "x" * 150000
    assert server.get("/tiny?head+variable=HTTP_X_LONG", {"X-Long": long}).text == long


@pytest.mark.parametrize("size", [0, 1, 32767, 32768, 65535, 65536, 1000003])
@pytest.mark.parametrize("group", ["one", "tiny"])
def test_bodies_of_any_size_come_back(server: Groups, group: str, size: int) -> None:
    body = os.urandom(size)
    r = server.post(f"/{group}?head+echo", body)
    assert (r.status, hashlib.sha256(r.body).digest()) == (200, hashlib.sha256(body).digest())


def test_a_body_arrives_before_there_is_an_answer(server: Groups) -> None:
    assert server.post("/one?head+count", b"x" * 3000000).text == "3000000"


def test_a_chunked_body_arrives(server: Groups) -> None:
    with server.raw() as client:
        client.send_request("POST", "/one?head+echo", {"Transfer-Encoding": "chunked"})
        client.send(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
        assert client.response().body == b"hello world"


def test_a_body_that_nobody_reads_does_not_hold_up_the_answer(server: Groups) -> None:
    r = server.post("/one?head+say=early", b"x" * 30_000_000)
    assert (r.status, r.text) == (200, "early")


def test_an_early_answer_is_whole_though_the_process_has_closed(server: Groups) -> None:
    """The rest of the body, which can't be passed on any more, is not waited for with the end of the answer."""
    for _ in range(20):
        with server.raw() as client:
            client.send_request("POST", "/one?head+many=150000", {"Content-Length": "1000000"}, b"begin")
            assert len(client.response().body) == 150000


def test_an_answer_comes_while_the_client_still_sends(server: Groups) -> None:
    with server.raw() as client:
        client.send_request("POST", "/one?head+echo", {"Content-Length": "10"}, b"first")
        assert b"200 OK" in client.receive(15)
        client.receive_until(b"first")
        client.send(b"later").receive_until(b"later")


def test_the_client_is_told_to_continue_when_the_application_reads(server: Groups) -> None:
    with server.raw() as client:
        client.send_request("POST", "/one?sleep=0.1+head+echo", {"Content-Length": "5", "Expect": "100-continue"})
        assert client.receive(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"hello")
        assert client.response().body == b"hello"
    with server.raw() as client:
        client.send_request("POST", "/one?head+say=no", {"Content-Length": "5", "Expect": "100-continue"})
        assert client.receive(15) == b"HTTP/1.1 200 OK"


def test_bytes_are_on_their_way_when_they_are_flushed(server: Groups) -> None:
    with server.raw() as client:
        client.send_request("POST", "/one?head+say=first+count", {"Content-Length": "4"})
        client.receive_until(b"first")      # the application waits for us
        client.send(b"more").receive_until(b"4")


def test_large_answers_arrive_whole_over_small_buffers(server: Groups) -> None:
    assert len(server.get("/tiny?head+many=20000000").body) == 20000000
    assert len(server.get("/one?head+many=100000000").body) == 100000000


def test_a_process_without_descriptors_rests_and_says_so(tmp_path: Path) -> None:
    """It does not burn the CPU for a connection that it can't take, and takes it when it can."""
    with Groups(tmp_path, "shop threads=3") as server:
        [pid] = server.ready().started("shop")
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        most = max(int(number) for number in os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most + 1, limits[1]))
        with server.raw() as client:
            client.send_request("GET", "/shop?head+say=well")
            server.claim("MP0486: process 'shop' can't take a request")
            before = cpu_time(pid)
            end = time.monotonic() + 1
            wait_for(lambda: time.monotonic() > end)
            assert cpu_time(pid) - before < 0.5
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
            assert client.response().text == "well"


def cpu_time(pid: int) -> float:
    """In seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_connections_are_used_again(server: Groups) -> None:
    with server.session() as ask:
        sockets = [ask("GET", "/one?head+descriptors").text.splitlines() for _ in range(4)]
    assert sockets[0] == sockets[1] == sockets[2] == sockets[3]


def test_both_processes_of_a_group_serve(server: Groups) -> None:
    pids = at_once(6, lambda _: server.get("/two?sleep=0.3+head").headers["X-Pid"])
    assert len(set(pids)) == 2


def test_a_status_without_an_answer_is_httpds_page(server: Groups) -> None:
    r = server.get("/one?status=404")
    assert r.status == 404 and b"not found" in r.body


def test_no_head_is_an_error(server: Groups) -> None:
    assert server.get("/one?").status == 500
    server.claim("MP0439: no answer of group 'one': it has no head")


def test_an_answer_that_the_application_cuts_is_cut_for_the_client(server: Groups) -> None:
    with pytest.raises(http.client.IncompleteRead):
        server.get("/one?head+say=part+cut")
    server.claim("MP0438: the answer of group 'one' is cut: the application failed")


def test_a_killed_process_is_seen_by_client_and_log_and_replaced(server: Groups) -> None:
    before = server.pid_of("two")
    assert server.get("/two?kill").status == 502
    server.claim("MP0439: no answer of group 'two': its process has ended")
    server.claim("MP0417: Process 'two' .pid=\\d+. has died; deregistering and restarting it. Cause: signal 9")
    with pytest.raises(http.client.IncompleteRead):
        server.get("/two?head+say=part+sleep=0.1+kill")
    server.claim("MP0438: the answer of group 'two' is cut: its process has ended")
    server.claim("MP0417: Process 'two' .* signal 9")
    wait_for(lambda: len(server.started("two")) >= 4)
    assert before
    assert {server.get("/two?head").status for _ in range(5)} == {200}


def test_log_lines_come_with_the_request(server: Groups) -> None:
    server.get("/one?log=a-warning+head")
    server.claim(r"python:warn.*\[client 127.0.0.1:\d+\] a-warning")


def test_long_header_lines_are_refused(server: Groups) -> None:
    assert server.get("/one?long=8000").status == 200
    assert server.get("/one?long=9000").status == 500
    server.claim("MP0439: .* a line of its head is longer than header-buffer-size")


def test_a_process_that_says_nothing_times_out(server: Groups) -> None:
    assert server.get("/one?sleep=5").status == 504
    server.claim("MP0439: .* nothing came from it within socket-timeout")
    with pytest.raises(http.client.IncompleteRead):
        server.get("/one?head+say=part+sleep=5")
    server.claim("MP0438: .* nothing came from it within socket-timeout")


def test_a_service_group_serves_no_requests(server: Groups) -> None:
    assert server.get("/service?head").status == 500
    server.claim("MP0432: the group 'service' has threads=0")


def test_a_broken_chunk_is_the_clients_fault(server: Groups) -> None:
    with server.raw() as client:
        client.send_request("POST", "/one?echo+head", {"Transfer-Encoding": "chunked"})
        client.send(b"5\r\nhello\r\nnonsense\r\n")
        assert client.response().status == 400


def test_a_client_that_hangs_up_is_seen_by_the_application(server: Groups) -> None:
    with server.raw() as client:
        client.send_request("GET", "/one?head+say=begin+sleep=0.3+many=50000000")
        client.receive(100)
        client.hang_up()
    server.claim("FAKE: the client is gone")
    with server.raw() as client:
        client.send_request("POST", "/one?head+say=begin+count", {"Content-Length": "10"}, b"half")
        client.receive(100)
        client.hang_up()
    server.claim("MP0441: the body of the request could not be read to its end")
    wait_for(lambda: server.get("/one?head").status == 200)
    assert at_once(2, lambda _: server.get("/one?head+sleep=0.2").status) == [200, 200]


def test_an_unknown_group_is_an_error_for_its_requests(server: Groups) -> None:
    assert server.get("/variable", {"X-Group": "nobody"}).status == 500
    server.claim("MP0311: the process group 'nobody' can't be used here: ")
    assert server.get("/variable?head+say=here", {"X-Group": "one"}).text == "here"
