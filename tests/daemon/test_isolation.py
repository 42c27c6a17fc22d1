"""What a process of a group can reach of httpd and of other groups: nothing that it does not need."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake import Groups, location
from httpd import processes, wait_for

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root may look into other processes' memory")

LOGS = """
    WSGIRestrictEmbedded On
    Listen 127.0.0.1:${tls}
    <VirtualHost *:${port}>
        ServerName localhost
    </VirtualHost>
    <VirtualHost *:${port}>
        ServerName own
        ErrorLog logs/own_log
        WSGIDaemonProcess inner threads=1
        DocumentRoot ${root}/htdocs
""" + location("inner") + """
    </VirtualHost>
    <VirtualHost *:${port}>
        ServerName third
        ErrorLog logs/third_log
    </VirtualHost>
    <VirtualHost *:${tls}>
        SSLEngine On
        SSLCertificateFile ${root}/conf/cert.pem
        SSLCertificateKeyFile ${root}/conf/key.pem
    </VirtualHost>
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groups]:
    root = tmp_path_factory.mktemp("httpd")
    (root / "conf").mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", root / "conf/key.pem", "-out", root / "conf/cert.pem"], check=True, capture_output=True)
    lines = (f"shop threads=3 listen=unix:{root}/fcgi.sock listen-script=/x.wsgi", "other threads=2 server-metrics=On")
    with Groups(root, *lines, conf=LOGS, modules=["ssl"], ports=("tls",), files={"htdocs/inner": ""}) as server:
        server.ready(2)
        wait_for(lambda: "is ready" in (root / "logs/own_log").read_text())
        yield server
    assert not (root / "fcgi.sock").exists()


def inner(server: Groups, query: str) -> str:
    r = server.get(f"/inner?{query}", {"Host": "own"})
    assert r.status == 200
    return r.text


def pids(server: Groups) -> dict[str, int]:
    return {"shop": server.pid_of("shop"), "other": server.pid_of("other"),
            "inner": int(inner(server, "head+who").split()[0].removeprefix("pid="))}


def family(server: Groups) -> tuple[set[int], int]:
    """httpd's children, and the supervisor."""
    parents = {pid: parent for pid, parent, _, _ in processes()}
    supervisor = parents[server.pid_of("shop")]
    return server.child_pids() - {supervisor}, supervisor


def maps(pid: int) -> list[tuple[int, int, str, str]]:
    """Start, end, rights and name of each mapping."""
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, rights, _, _, _, *name = line.split(None, 5)
        start, end = (int(part, 16) for part in span.split("-"))
        found.append((start, end, rights, name[0] if name else ""))
    return found


def has_in_memory(pid: int, what: bytes) -> bool:
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for start, end, rights, name in maps(pid):
            if "w" not in rights or name.startswith("[v") or end - start > 1 << 32:     # the sanitizer's shadow
                continue
            memory.seek(start)
            try:
                if what in memory.read(end - start):
                    return True
            except OSError:
                continue
    return False


def descriptors(pid: int) -> list[str]:
    return [os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir()]


def inode_of(path: Path) -> str:
    """The name of a unix socket's end that listens at the path."""
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[-1] == str(path) and fields[3] == "00010000":
            return f"socket:[{fields[6]}]"
    raise LookupError(path)


def test_processes_have_no_sockets_logs_or_locks_of_others(server: Groups) -> None:
    """SEC-44"""
    tcp = {f"socket:[{line.split()[9]}]" for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
    sockets = {file.suffixes[0] if file.name != "fcgi.sock" else "public": inode_of(file)
               for file in [*(server.root / "run").rglob("*.sock"), server.root / "fcgi.sock"]}
    assert sorted(sockets) == [".0", ".1", ".2", "public"]
    own = {"shop": [".0", "public"], "other": [".1"], "inner": [".2"]}
    logs = {"shop": "error_log", "other": "error_log", "inner": "own_log"}
    for group, pid in pids(server).items():
        has = descriptors(pid)
        assert not tcp & set(has)
        assert {name for name, inode in sockets.items() if inode in has} == set(own[group])
        files = {Path(name).name for name in has if name.startswith("/") and not name.startswith("/dev/")}
        assert files == {logs[group]}


def test_a_groups_log_is_that_of_its_virtual_host(server: Groups) -> None:
    """SEC-58"""
    own, main = (server.root / "logs/own_log").read_text(), server.log_text()
    assert "Starting daemon process 'inner'" in own and "Process 'inner' (pid=" in own
    assert "'inner'" not in main and "'shop'" not in own and "'other'" not in own
    assert not (server.root / "logs/third_log").read_text()
    inner(server, "log=said-there+head")
    wait_for(lambda: "said-there" in (server.root / "logs/own_log").read_text())
    assert "said-there" not in server.log_text()


def secrets(server: Groups) -> dict[str, str]:
    texts = {"shop": server.get("/shop?head+secrets").text, "other": server.get("/other?head+secrets").text,
             "inner": inner(server, "head+secrets")}
    for group, text in texts.items():
        seen = dict(line.split("=") for line in text.splitlines())
        assert {name for name, secret in seen.items() if secret} == {group}
        texts[group] = seen[group]
        assert re.fullmatch("[0-9a-f]{64}", seen[group])
    return texts


def test_a_group_has_its_own_secret_only(server: Groups) -> None:
    """SEC-43: one for each group and start, and the others' are nowhere in a process's memory."""
    before = secrets(server)
    assert len(set(before.values())) == 3
    for group, pid in pids(server).items():
        for of, secret in before.items():
            assert has_in_memory(pid, secret.encode()) == (of == group), (group, of)
    server.signal(signal.SIGUSR1)
    server.ready(4)
    wait_for(lambda: (server.root / "logs/own_log").read_text().count("is ready") == 2)
    wait_for(lambda: len(list((server.root / "run").rglob("*.sock"))) == 3, what="old sockets to go")
    after = secrets(server)
    assert not set(after.values()) & set(before.values())
    for pid in pids(server).values():
        assert not any(has_in_memory(pid, secret.encode()) for secret in before.values())


def test_httpds_private_keys_are_in_no_process_of_a_group(server: Groups) -> None:
    """Operating advice on secrets: OpenSSL keeps the prime, lowest byte first."""
    text = subprocess.run(["openssl", "rsa", "-in", server.root / "conf/key.pem", "-noout", "-text"], check=True,
                          capture_output=True, text=True).stdout
    prime = bytes.fromhex(re.sub(r"[\s:]", "", re.search(r"prime1:([\s0-9a-f:]+)", text)[1]))    # type: ignore[index]
    part = prime[::-1][:64]
    children, supervisor = family(server)
    assert has_in_memory(next(iter(children)), part)
    for pid in [*pids(server).values(), supervisor]:
        assert not has_in_memory(pid, part)


def test_the_scoreboard_is_for_those_with_server_metrics_and_only_to_read(server: Groups) -> None:
    """SEC-44, SEC-69: httpd's parent believes what is in it."""
    [board] = [span for span in maps(server.pid)
               if span[2].endswith("s") and span[3].startswith("/dev/zero") and span[1] - span[0] > 4096][:1]
    rights = {group: [now[2] for now in maps(pid) if now[0] == board[0] and now[2].endswith("s")]
              for group, pid in pids(server).items()}        # what is private there is something else, mapped since
    assert rights == {"shop": [], "other": ["r--s"], "inner": []}


def test_no_python_is_in_httpds_own_processes(server: Groups) -> None:
    """SEC-41, SEC-66: neither in the parent and the supervisor, nor, with WSGIRestrictEmbedded On, in children."""
    children, supervisor = family(server)
    assert children
    for pid in [server.pid, supervisor, *children]:
        assert not [span for span in maps(pid) if re.search("mod_python_engine|libpython", span[3])]
    assert [span for span in maps(server.pid_of("shop")) if "mod_python_engine" in span[3]]


def test_a_directory_that_everybody_may_write_to_is_warned_of(tmp_path: Path) -> None:
    """SEC-55"""
    place = tmp_path / "open"
    place.mkdir()
    for mode, warns in ((0o777, True), (0o1777, False)):
        place.chmod(mode)
        with Groups(tmp_path, "shop threads=1", conf=f"WSGISocketPrefix {place}/wsgi") as server:
            assert server.get("/shop?head").status == 200
            assert ("MP0405: everybody may write to" in server.unclaimed()) == warns
        (tmp_path / "logs/error_log").unlink()
