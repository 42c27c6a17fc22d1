"""What a process of a group has from its user: environment, working directory and supplementary groups."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake import Groups, fake_engine, status_of
from httpd import give_up_root, readable_by_all
from mounts import be_private, can_mount, put_over

NAMES = ("HOME", "USER", "LOGNAME", "USERNAME")
ENVIRONMENT = dict.fromkeys(NAMES, "before")

USERS = """
shopper:x:54321:54322::{root}/shopper:/bin/false
clerk:x:54323:54322::{root}/clerk:/bin/false
homeless:x:54324:54322::{root}/nowhere:/bin/false
"""
MEMBERS = """
shoppers:x:54322:
tills:x:54331:shopper
stores:x:54332:clerk,shopper
safes:x:54333:clerk
"""


class Populated(Groups):
    """Groups of a system that has USERS and MEMBERS; the tests' own system does not change."""

    def __init__(self, directory: Path, *lines: str, root_parent: bool = True) -> None:
        super().__init__(directory, *lines, root_parent=root_parent, environment=ENVIRONMENT)
        for name in ("shopper", "clerk"):
            (directory / name).mkdir()
            (directory / name).chmod(0o755)
        self.write("passwd", Path("/etc/passwd").read_text() + USERS.format(root=directory).lstrip())
        self.write("group", Path("/etc/group").read_text() + MEMBERS.lstrip())

    def _before_exec(self) -> Callable[[], None] | None:
        def run() -> None:
            be_private()
            put_over(self.root / "passwd", "/etc/passwd")
            put_over(self.root / "group", "/etc/group")
            if not self.root_parent:
                give_up_root()
        return run


def environ(server: Groups, group: str) -> list[str]:
    query = "+say=|+".join(f"environ={name}" for name in NAMES)
    return server.get(f"/{group}?head+{query}").text.split("|")


def cwd(server: Groups, group: str) -> str:
    return os.readlink(f"/proc/{server.pid_of(group)}/cwd")


def groups(server: Groups, group: str) -> set[int]:
    return {int(number) for number in status_of(server.pid_of(group))["Groups"].split()}


@pytest.fixture(scope="module")
def populated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groups]:
    if not can_mount():
        pytest.skip("mount(2) is forbidden")
    if not readable_by_all(fake_engine()):
        pytest.skip("other users can't read the engine")
    lines = ("shop user=shopper group=shoppers", "number user=#54323", "own user=clerk group=shoppers home=/tmp",
             "said user=shopper supplementary-groups=safes", "bare user=shopper supplementary-groups=shoppers",
             "jailed user=shopper chroot=/", "plain", "named user=www-data", "unknown user=#54999 group=#54998")
    with Populated(tmp_path_factory.mktemp("httpd"), *(f"{line} threads=1" for line in lines)) as server:
        yield server.ready(len(lines))


def test_root_parent_the_environment_is_that_of_the_user(populated: Groups) -> None:
    www, root = pwd.getpwnam("www-data"), populated.root
    for group, home, user in (("shop", f"{root}/shopper", "shopper"), ("number", f"{root}/clerk", "clerk"),
                              ("own", f"{root}/clerk", "clerk"), ("plain", www.pw_dir, "www-data"),
                              ("unknown", "before", "before")):
        assert environ(populated, group) == [home, user, user, user], group


def test_root_parent_the_working_directory_is_the_home_of_another_user(populated: Groups) -> None:
    """Unless home= or chroot= says otherwise, and not if it is the user whom httpd has anyway."""
    assert cwd(populated, "shop") == f"{populated.root}/shopper"
    assert cwd(populated, "number") == f"{populated.root}/clerk"
    assert cwd(populated, "own") == "/tmp"
    assert cwd(populated, "jailed") == "/"
    inherited = os.readlink(f"/proc/{populated.pid}/cwd")
    assert cwd(populated, "plain") == cwd(populated, "named") == cwd(populated, "unknown") == inherited


def test_root_parent_the_supplementary_groups_are_all_of_the_user(populated: Groups) -> None:
    """Of user=, in the system's data base, and none of root's; supplementary-groups= takes their place."""
    www = pwd.getpwnam("www-data")
    assert groups(populated, "shop") == {54322, 54331, 54332}
    assert groups(populated, "number") == {www.pw_gid, 54332, 54333}
    assert groups(populated, "own") == {54322, 54332, 54333}
    assert groups(populated, "said") == {54333} and groups(populated, "bare") == {54322}
    assert groups(populated, "plain") == groups(populated, "named") == set(os.getgrouplist("www-data", www.pw_gid))
    assert groups(populated, "unknown") == {54998}


def test_root_parent_a_user_without_a_home_needs_one(tmp_path: Path) -> None:
    if not can_mount():
        pytest.skip("mount(2) is forbidden")
    server = Populated(tmp_path)
    base = server.conf

    def check(line: str) -> tuple[int, str]:
        return server.configtest(f"{base}\nWSGIDaemonProcess shop {line}")
    status, text = check("user=homeless")
    assert status != 0
    assert f"WSGIDaemonProcess shop: {tmp_path}/nowhere, the home of its user homeless, is not there" in text
    assert "write home=" in text
    for line in ("user=homeless home=/tmp", "user=homeless chroot=/tmp", "user=shopper"):
        assert check(line) == (0, "Syntax OK\n")


def test_without_root_the_environment_is_that_of_the_own_user(tmp_path: Path) -> None:
    """user= has no effect then, and the working directory is that of httpd."""
    try:
        own = pwd.getpwuid(1000 if os.getuid() == 0 else os.getuid())       # httpd.py, give_up_root()
        home, user = own.pw_dir, own.pw_name
    except KeyError:
        home = user = "before"
    with Groups(tmp_path, "shop threads=1 user=daemon", "plain threads=1", environment=ENVIRONMENT) as server:
        for group in ("shop", "plain"):
            assert environ(server, group) == [home, user, user, user]
            assert cwd(server, group) == os.readlink(f"/proc/{server.pid}/cwd")


def test_names_of_the_user_that_httpd_does_not_have_are_not_made_up(tmp_path: Path) -> None:
    with Groups(tmp_path, "shop threads=1", environment={"LOGNAME": "before"}) as server:
        _, user, _, username = environ(server, "shop")
        assert user == username == "(none)"
