"""A parent that is root: processes give its rights up, completely, before they do anything else."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from fake import Groups, fake_engine
from httpd import processes, readable_by_all, wait_for

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="not root")


@pytest.fixture(autouse=True)
def readable() -> None:
    if not readable_by_all(fake_engine()):
        pytest.skip("other users can't read the engine")


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_root_parent_processes_have_nothing_of_root(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    lines = ("shop user=nobody supplementary-groups=#4321 umask=0027 home=/tmp", "plain",
             "own user=#54321 group=#54322")
    with Groups(tmp_path, *lines, root_parent=True) as server:
        server.ready(3)
        www = pwd.getpwnam("www-data")
        status = status_of(server.pid_of("shop"))
        assert status["Uid"].split() == [str(nobody.pw_uid)] * 4
        assert status["Gid"].split() == [str(www.pw_gid)] * 4 and status["Groups"] == "4321"
        assert status["Umask"] == "0027" and "cwd=/tmp " in server.get("/shop?head+who").text
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
        status = status_of(server.pid_of("plain"))
        assert status["Uid"].split() == [str(www.pw_uid)] * 4
        status = status_of(server.pid_of("own"))
        assert status["Uid"].split() == ["54321"] * 4 and status["Groups"] == "54322"
        [file] = [file for file in (tmp_path / "run").rglob("*.0.sock") if file.is_socket()]
        assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (www.pw_uid, 0o600)
        assert file.parent.stat().st_mode & 0o777 == 0o700
        server.graceful()
        assert server.get("/shop?head").status == 200


def test_root_parent_processes_that_can_not_enter_their_home_end(tmp_path: Path) -> None:
    home = tmp_path / "secret"
    home.mkdir(mode=0o700)
    with Groups(tmp_path, f"shop user=nobody home={home}", root_parent=True) as server:
        server.claim("MP0401: a process of group 'shop' can't enter its home")
        server.claim("MP0417: Process 'shop' .* exit status 71")
        assert server.log_text().count("MP0426") == 0
        assert wait_for(lambda: not [pid for pid, parent, _, _ in processes() if parent in server.child_pids()])


def test_root_parent_refuses_root_by_inheritance(tmp_path: Path) -> None:
    server = Groups(tmp_path, "shop", root_parent=True)
    status, text = server.configtest(server.conf + "\nGroup root")
    assert status != 0 and "would run as root" in text
