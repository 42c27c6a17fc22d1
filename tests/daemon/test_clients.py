"""Other FastCGI clients, and those who only want to do harm: listen= is theirs, the group's own socket is not."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from client import receive_until
from fake import Groups
from httpd import at_once, free_ports, processes, wait_for

PORT = free_ports(1)[0]

CONF = f"""
    KeepAliveTimeout 200ms
    <Location /proxied>
        SetHandler "proxy:fcgi://127.0.0.1:{PORT}"
    </Location>
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groups]:
    directory = tmp_path_factory.mktemp("httpd")
    lines = (f"shop processes=2 threads=3 listen=127.0.0.1:{PORT} listen-script=/srv/app.wsgi",
             f"local threads=2 listen=unix:{directory}/run/fcgi.sock listen-script=/srv/local.wsgi")
    with Groups(directory, *lines, conf=CONF, modules=["proxy", "proxy_fcgi"]) as server:
        yield server.ready(3)
    assert not (directory / "run/fcgi.sock").exists()


def ask(address: str, environ: dict[str, str], body: bytes = b"") -> str:
    done = subprocess.run(["cgi-fcgi", "-bind", "-connect", address], input=body, capture_output=True, timeout=20,
                          env={"PATH": os.environ["PATH"], "REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(len(body)),
                               **environ})
    return done.stdout.decode()


@pytest.mark.skipif(not shutil.which("cgi-fcgi"), reason="cgi-fcgi is not installed")
def test_cgi_fcgi_drives_a_group(server: Groups) -> None:
    head, _, body = ask(f"127.0.0.1:{PORT}", {"QUERY_STRING": "head+target+say=|+echo", "PATH_INFO": "/there",
                                              "SCRIPT_FILENAME": "/etc/passwd"}, b"x" * 100000).partition("\r\n\r\n")
    assert head.startswith("Status: 200 OK\r\nContent-Type: text/plain")
    assert body == "shop|/srv/app.wsgi|application|/there|3.13.0|" + "x" * 100000
    text = ask(str(server.root / "run/fcgi.sock"), {"QUERY_STRING": "head+target"})
    assert "local|/srv/local.wsgi|application" in text


@pytest.mark.skipif(not shutil.which("cgi-fcgi"), reason="cgi-fcgi is not installed")
def test_errors_are_plain_answers(server: Groups) -> None:
    assert "Status: 404 Not Found\r\n" in ask(f"127.0.0.1:{PORT}", {"QUERY_STRING": "status=404"})


def test_httpds_own_proxy_drives_a_group(server: Groups) -> None:
    r = server.post("/proxied/x?head+target+say=|+echo", b"y" * 200000)
    assert r.status == 200 and r.text.startswith("shop|/srv/app.wsgi|application|")
    assert r.text.endswith("|" + "y" * 200000)
    assert len(server.get("/proxied/x?head+many=3000000").body) == 3000000


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_nginx_drives_a_group(server: Groups, tmp_path: Path) -> None:
    port = free_ports(1)[0]
    (tmp_path / "nginx.conf").write_text(f"""
        daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;
        events {{}}
        http {{
            access_log off; client_body_temp_path {tmp_path}/body; fastcgi_temp_path {tmp_path}/fastcgi;
            proxy_temp_path {tmp_path}/proxy; uwsgi_temp_path {tmp_path}/uwsgi; scgi_temp_path {tmp_path}/scgi;
            server {{
                listen 127.0.0.1:{port};
                location / {{
                    fastcgi_pass 127.0.0.1:{PORT};
                    fastcgi_param REQUEST_METHOD $request_method;
                    fastcgi_param QUERY_STRING $query_string;
                    fastcgi_param CONTENT_LENGTH $content_length;
                    fastcgi_param PATH_INFO $uri;
                }}
            }}
        }}""")
    nginx = subprocess.Popen(["nginx", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)])
    try:
        def get() -> bytes | None:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                    client.sendall(b"POST /path?head+target+say=|+echo HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")
                    return b"".join(iter(lambda: client.recv(65536), b""))
            except ConnectionRefusedError:
                return None
        answer = wait_for(get)
        assert b" 200 OK\r\n" in answer and answer.endswith(b"shop|/srv/app.wsgi|application|/path|3.13.0|hello")
    finally:
        nginx.terminate()
        nginx.wait()


def connect(server: Groups) -> socket.socket:
    """To the socket of group shop that is for httpd's children only."""
    [file] = [file for file in (server.root / "run").rglob("*.0.sock") if file.is_socket()]
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(str(file))
    return client


def record(kind: int, content: bytes = b"", number: int = 1) -> bytes:
    return bytes([1, kind]) + number.to_bytes(2, "big") + len(content).to_bytes(2, "big") + b"\0\0" + content


BEGIN = record(1, b"\0\1\1\0\0\0\0\0")


def pair(name: bytes, value: bytes) -> bytes:
    return bytes([len(name), len(value)]) + name + value


@pytest.mark.parametrize("params", [
    pair(b"QUERY_STRING", b"kill"),
    pair(b"QUERY_STRING", b"kill") + pair(b"MOD_PYTHON_FACTS", b"\0" * 21),
    pair(b"QUERY_STRING", b"kill") + pair(b"MOD_PYTHON_FACTS", b"0" * 64 + b"\0" * 21),
    pair(b"MOD_PYTHON_FACTS", b"\1\0" * 21), b"\5", b"\xff" * 50, b""])
def test_who_has_no_secret_is_shown_out(server: Groups, params: bytes) -> None:
    with connect(server) as client:
        client.sendall(BEGIN + (record(4, params) if params else b"") + record(4) + record(5))
        assert client.recv(100) == b""
    server.claim("MP0424: somebody who does not know its secret has connected to group 'shop'")


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.0\r\n\r\n", b"\1", b"\1" * 1000, BEGIN[:10], BEGIN + record(5, b"x"), record(1, b"\0"),
    BEGIN + record(2), BEGIN + record(4, b"x" * 60000) * 300, os.urandom(5000)])
def test_what_is_no_request_ends_the_connection(server: Groups, data: bytes) -> None:
    with connect(server) as client:
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100) == b""
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert server.get("/shop?head").status == 200


def test_management_records_are_answered(server: Groups) -> None:
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as client:
        client.sendall(record(9, pair(b"FCGI_MPXS_CONNS", b""), 0) + record(77, b"", 0))
        data = client.makefile("rb").read(8 + 18 + 16)
        assert data == record(10, pair(b"FCGI_MPXS_CONNS", b"0"), 0) + record(11, b"\x4d" + b"\0" * 7, 0)


def test_a_second_request_on_a_connection_waits_for_another_one(server: Groups) -> None:
    params = record(4, pair(b"QUERY_STRING", b"echo=1+head+say=hello")) + record(4)
    second = record(1, b"\0\1\1\0\0\0\0\0", 2)
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as client:
        client.sendall(BEGIN + params + second + record(5, b"x") + record(5))
        assert record(3, b"\0\0\0\0\1\0\0\0", 2) in receive_until(client, b"hello")
    for role in (b"\0\2", b"\0\3"):
        with socket.create_connection(("127.0.0.1", PORT), timeout=10) as client:
            client.sendall(record(1, role + b"\1\0\0\0\0\0"))
            assert client.recv(100) == record(3, b"\0\0\0\0\3\0\0\0")


def test_a_cut_answer_ends_without_an_end(server: Groups) -> None:
    params = record(4, pair(b"QUERY_STRING", b"head+say=part+cut")) + record(4)
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as client:
        client.sendall(BEGIN + params + record(5))
        data = b"".join(iter(lambda: client.recv(1000), b""))
    assert b"part" in data and b"\1\3\0\1" not in data


def test_large_bodies_of_other_clients_arrive(server: Groups) -> None:
    body = os.urandom(5_000_000)
    answer = server.post("/proxied/x?head+echo", body).body
    assert hashlib.sha256(answer).digest() == hashlib.sha256(body).digest()


@pytest.mark.skipif(not shutil.which("cgi-fcgi"), reason="cgi-fcgi is not installed")
def test_a_large_body_of_cgi_fcgi_arrives(server: Groups) -> None:
    """Not the way back: a header of a record that comes in two reads, as one of many may, is lost by cgi-fcgi 2.4.2,
    which adds its length to a pointer to the whole struct (AppServerReadHandler())."""
    assert ask(f"127.0.0.1:{PORT}", {"QUERY_STRING": "head+count"}, b"x" * 5_000_000).endswith("5000000")


def test_other_clients_see_that_an_answer_is_cut(server: Groups) -> None:
    """A process that dies, or an application that fails: the stream ends without an END."""
    for words in ("head+say=part+cut", "head+say=part+kill"):
        with pytest.raises(http.client.IncompleteRead):
            server.get(f"/proxied/x?{words}")
        server.claim("AH01067: Failed to read FastCGI header|AH01068: Got bogus version|AH01075: Error dispatching")
        while "proxy_fcgi:error" in server.unclaimed():
            server.claim("proxy_fcgi:error")
        assert "part" in ask(f"127.0.0.1:{PORT}", {"QUERY_STRING": words})
    for _ in range(2):
        server.claim("MP0417: Process 'shop' .* signal 9")
    wait_for(lambda: server.get("/shop?head").status == 200)


def state_of(thread: Path) -> str:
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_graceful_restart_serves_who_is_in_the_queue(tmp_path: Path, kind: str) -> None:
    """The next generation has the same socket: connections that no old process took are its own."""
    port, path = free_ports(1)[0], tmp_path / "fcgi.sock"
    address: tuple[str, int] | str = ("127.0.0.1", port) if kind == "tcp" else str(path)
    listen = f"127.0.0.1:{port}" if kind == "tcp" else f"unix:{path}"
    request = BEGIN + record(4, pair(b"QUERY_STRING", b"head+say=hello")) + record(4) + record(5)
    with Groups(tmp_path, f"shop threads=2 listen={listen} listen-script=/x.wsgi") as server:
        [old] = server.ready().started("shop")
        os.kill(old, signal.SIGSTOP)
        wait_for(lambda: {state_of(thread) for thread in Path(f"/proc/{old}/task").iterdir()} == {"T"})
        with ExitStack() as stack:
            clients = [stack.enter_context(socket.socket(socket.AF_INET if kind == "tcp" else socket.AF_UNIX))
                       for _ in range(20)]
            for client in clients:
                client.settimeout(10)
                client.connect(address)
                client.sendall(request)
            server.signal(signal.SIGUSR1)
            for client in clients:
                assert b"hello" in receive_until(client, record(3, b"\0" * 8))
        os.kill(old, signal.SIGCONT)
        server.ready(2)
        wait_for(lambda: not any(pid == old for pid, _, _, _ in processes()), what="the old process to end")
        before = len(os.listdir(f"/proc/{server.pid}/fd"))
        there = listen.removeprefix("unix:")
        for restart in range(4):
            for _ in range(10):
                assert "hello" in ask(there, {"QUERY_STRING": "head+say=hello"})
            server.signal(signal.SIGUSR1)
            wait_for(lambda restart=restart: server._starts() > restart + 2)     # type: ignore[misc]
        server.ready(6)
        assert len(os.listdir(f"/proc/{server.pid}/fd")) == before
        server.conf = server.conf.replace(f"listen={listen} listen-script=/x.wsgi", "")
        (tmp_path / "conf/httpd.conf").write_text(server.configuration(server.conf))
        server.graceful()
        wait_for(lambda: not accepts(address), what="the socket to go")
        assert not path.exists()


def accepts(address: tuple[str, int] | str) -> bool:
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as probe:
        return probe.connect_ex(address) == 0


def test_a_process_that_gives_way_answers_who_has_connected(tmp_path: Path) -> None:
    """Other clients than httpd's children do not ask again."""
    request = BEGIN + record(4, pair(b"QUERY_STRING", b"head+say=hello")) + record(4) + record(5)
    listen = str(tmp_path / "shop.sock")
    with Groups(tmp_path, f"shop threads=2 listen=unix:{listen} listen-script=/x.wsgi",
                f"few threads=2 maximum-requests=3 listen=unix:{tmp_path}/few.sock listen-script=/x.wsgi") as server:
        [old] = server.ready(2).started("shop")
        before = len(os.listdir(f"/proc/{old}/fd"))
        with ExitStack() as stack:
            clients = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2)]
            for client in clients:
                client.settimeout(10)
                client.connect(listen)
            wait_for(lambda: len(os.listdir(f"/proc/{old}/fd")) == before + 2)
            os.kill(old, signal.SIGUSR1)
            server.ready(3)
            wait_for(lambda: server.pid_of("shop") != old)
            for client in clients:
                client.sendall(request)
                data = b"".join(iter(lambda client=client: client.recv(1000), b""))     # type: ignore[misc]
                assert b"hello" in data and b"X-Pid: %d\r\n" % old in data and data.endswith(record(3, b"\0" * 8))
        texts = at_once(8, lambda _: [ask(f"{tmp_path}/few.sock", {"QUERY_STRING": "head+say=hello"})
                                      for _ in range(5)])
        assert all(text.endswith("hello") for several in texts for text in several)


def test_a_process_that_ends_does_not_wait_for_who_says_nothing(tmp_path: Path) -> None:
    listen = str(tmp_path / "shop.sock")
    with Groups(tmp_path, f"shop threads=1 shutdown-timeout=600 listen=unix:{listen} listen-script=/x.wsgi") as server:
        [old] = server.ready().started("shop")
        before = len(os.listdir(f"/proc/{old}/fd"))
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(listen)
            wait_for(lambda: len(os.listdir(f"/proc/{old}/fd")) == before + 1)
            os.kill(old, signal.SIGTERM)
            assert client.recv(1) == b""
            wait_for(lambda: not any(pid == old and state != "Z" for pid, _, _, state in processes()))


def test_aborted_clients_leave_nothing(server: Groups) -> None:
    pids = {server.pid_of("shop") for _ in range(8)}
    pid = pids.pop()
    before = len(os.listdir(f"/proc/{pid}/fd"))
    for _ in range(200):
        with connect(server) as client:
            client.sendall(BEGIN)
        with server.raw() as raw:
            raw.send_request("POST", "/shop?head+count", {"Content-Length": "10"}, b"half")
            raw.hang_up()
    wait_for(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= before + 3)
