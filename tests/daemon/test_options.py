"""Options of WSGIDaemonProcess whose effect is seen from outside of Python: each of them does what it says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake import Groups, location
from httpd import at_once, wait_for

SHOP = ("shop threads=2 umask=0027 home={root}/home lang=de_DE.UTF-8 locale=C.UTF-8 python-eggs={root}/eggs "
        "cpu-priority=15 stack-size=1048576 display-name=%{{GROUP}}")

# Whose our files are, as httpd sees it (httpd.py, give_up_root()).
OWNER, GROUP = (1000, 1000) if os.getuid() == 0 else (os.getuid(), os.getgid())


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groups]:
    root = tmp_path_factory.mktemp("httpd")
    for name in ("home", "eggs"):
        (root / name).mkdir()
    lines = (SHOP.format(root=root),
             "plain threads=1 user=daemon group=daemon locale=xx_XX.UTF-8 display-name=plain-and-simple",
             "evicted threads=2 eviction-timeout=0.3 graceful-timeout=20 shutdown-timeout=0.3",
             "quiet threads=2 inactivity-timeout=2", f"owned threads=1 script-user=#{OWNER}",
             "others threads=1 script-user=#2", f"grouped threads=1 script-group=#{GROUP}")
    conf = """
        <Location /quiet>
            WSGIIgnoreActivity On
        </Location>
        Alias /owned ${root}/scripts/app.wsgi
        Alias /others ${root}/scripts/app.wsgi
        Alias /grouped ${root}/scripts/app.wsgi
        WSGIHandlerScript by-owned ${root}/scripts/app.wsgi process-group=owned
        WSGIHandlerScript by-others ${root}/scripts/app.wsgi process-group=others
        WSGIHandlerScript by-grouped ${root}/scripts/app.wsgi process-group=grouped
        WSGIHandlerScript warm-owned ${root}/scripts/handler.wsgi process-group=owned application-group=x
        WSGIHandlerScript warm-others ${root}/scripts/handler.wsgi process-group=others application-group=x
        <LocationMatch ^/(?<HANDLER>by-owned|by-others|by-grouped)>
            SetHandler %{env:MATCH_HANDLER}
        </LocationMatch>
        <Directory ${root}/scripts>
            Require all granted
        </Directory>
        WSGIImportScript ${root}/scripts/warm.wsgi process-group=others application-group=x
        WSGIImportScript ${root}/scripts/warm.wsgi process-group=owned application-group=x
    """ + location("busy", "quiet")
    files = {"scripts/app.wsgi": "", "scripts/warm.wsgi": "", "scripts/handler.wsgi": "", "htdocs/busy": ""}
    with Groups(root, *lines, conf=conf, files=files) as server:
        yield server.ready(7)


def environ(server: Groups, group: str, name: str) -> str:
    return server.get(f"/{group}?head+environ={name}").text


def test_umask_home_priority_and_title_are_those_of_the_line(server: Groups) -> None:
    pid = server.pid_of("shop")
    assert status_of(pid)["Umask"] == "0027"
    assert f"cwd={server.root}/home " in server.get("/shop?head+who").text
    assert os.getpriority(os.PRIO_PROCESS, pid) == 15
    assert status_of(pid)["Name"] == "(wsgi:shop)"
    assert Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"(wsgi:shop)\0")
    other = server.pid_of("plain")
    assert status_of(other)["Name"] == "plain-and-simpl" and status_of(other)["Umask"] == status_of(server.pid)["Umask"]
    assert os.getpriority(os.PRIO_PROCESS, other) == os.getpriority(os.PRIO_PROCESS, 0)


def test_without_root_a_user_changes_nothing(server: Groups) -> None:
    assert f"uid={OWNER} gid={GROUP} " in server.get("/plain?head+who").text


def test_stack_size_is_that_of_the_threads(server: Groups) -> None:
    assert int(server.get("/shop?head+stack").text) == 1048576
    assert int(server.get("/plain?head+stack").text) > 1048576


def test_environment_is_of_its_own(server: Groups) -> None:
    """SEC-43, environment: what one group's line sets is not in another's."""
    assert environ(server, "shop", "LANG") == "de_DE.UTF-8"
    assert environ(server, "shop", "LC_ALL") == "C.UTF-8"
    assert environ(server, "shop", "PYTHON_EGG_CACHE") == f"{server.root}/eggs"
    for name, value in (("LANG", os.environ.get("LANG", "(none)")), ("LC_ALL", "xx_XX.UTF-8"),
                        ("PYTHON_EGG_CACHE", "(none)")):
        assert environ(server, "plain", name) == value
        assert environ(server, "evicted", name) == (value if name == "LANG" else "(none)")


def test_an_unknown_locale_is_a_warning(server: Groups) -> None:
    server.claim("python:warn.* MP0404: WSGIDaemonProcess plain: there is no locale 'xx_XX.UTF-8'")
    assert server.get("/plain?head").status == 200


def test_eviction_timeout_is_for_sigusr1(server: Groups) -> None:
    pid = server.pid_of("evicted")

    def work(number: int) -> int:
        if number:
            server.claim("] it-began")
            os.kill(pid, 10)
            return 0
        return server.get("/evicted?log=it-began+sleep=15").status
    assert at_once(2, work)[0] == 502
    server.claim("MP0421: the time for process 'evicted'")
    server.claim("MP0422: Shutdown timeout expired; aborting daemon process 'evicted'")
    server.claim("MP0439: no answer of group 'evicted'")


def test_ignored_requests_are_no_activity(server: Groups) -> None:
    """WSGIIgnoreActivity: the inactivity timer runs on; other requests start it anew."""
    first = server.pid_of("busy")
    seen = {server.get("/busy?head").headers["X-Pid"] for _ in range(3)}
    assert seen == {str(first)}

    def replaced() -> bool:
        return server.pid_of("quiet") != first
    wait_for(replaced, what="the idle process to be replaced while it is asked")
    server.claim("Daemon process idle inactivity timer expired, stopping process 'quiet'")


def test_activity_keeps_a_process(server: Groups) -> None:
    first = server.pid_of("busy")
    assert server.get("/busy?head+" + "+".join(["sleep=0.5+say=x"] * 6)).text == "xxxxxx"
    assert server.get("/busy?head").headers["X-Pid"] == str(first)


def test_only_scripts_of_their_owner_run(server: Groups) -> None:
    """SEC-51: another owner, or somebody else who may change the script or its directory, is 403."""
    script, directory = server.root / "scripts/app.wsgi", server.root / "scripts"
    script.chmod(0o644)
    directory.chmod(0o755)
    assert server.get("/owned?head").status == server.get("/grouped?head").status == 200
    assert server.get("/others?head").status == 403
    server.claim("MP0433: .*/app.wsgi is not owned as script-user or script-group of group 'others' says")
    for path, mode, answers in ((script, 0o664, (403, 200)), (script, 0o646, (403, 403)),
                                (directory, 0o775, (403, 200)), (directory, 0o757, (403, 403))):
        before = path.stat().st_mode & 0o777
        path.chmod(mode)
        assert (server.get("/owned?head").status, server.get("/grouped?head").status) == answers
        path.chmod(before)
        for _ in range(answers.count(403)):
            server.claim("MP0433: .*/app.wsgi")


def test_only_handler_scripts_of_their_owner_run(server: Groups) -> None:
    """SEC-51: the file that counts is the script, not the one that the URL leads to."""
    script = server.root / "scripts/app.wsgi"
    assert server.get("/by-owned?head").status == server.get("/by-grouped?head").status == 200
    assert server.get("/by-others?head").status == 403
    server.claim("MP0433: .*/app.wsgi is not owned as script-user or script-group of group 'others' says")
    before = script.stat().st_mode & 0o777
    script.chmod(0o646)
    assert server.get("/by-owned?head").status == server.get("/by-grouped?head").status == 403
    script.chmod(before)
    for _ in range(2):
        server.claim("MP0433: .*/app.wsgi")


def test_preloads_are_checked_like_scripts(server: Groups) -> None:
    """SEC-51"""
    for name in ("warm", "handler"):
        server.claim(f"MP0433: .*/{name}.wsgi is not owned as script-user or script-group of group 'others' says")
        assert re.search(f"preload .*/{name}.wsgi in 'owned'", server.log_text())
        assert not re.search(f"preload .*/{name}.wsgi in 'others'", server.log_text())


def test_a_chroot_needs_root(tmp_path: Path) -> None:
    """SEC-03: without root there is none, and the process must not run outside of it."""
    with Groups(tmp_path, f"shop threads=1 chroot={tmp_path} socket-timeout=0.3") as server:
        server.claim("MP0401: a process of group 'shop' can't change its root, because httpd was not started as root")
        server.claim("MP0417: Process 'shop' .* exit status 71")
        assert server.log_text().count("MP0426") == 0
        assert server.get("/shop?head").status == 504
        server.claim("MP0439: no answer of group 'shop': nothing came from it")
