"""A parent that is root: processes give its rights up, completely, before they do anything else."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest
from fake import Groups, fake_engine, location, status_of
from httpd import (
    TREE,
    Httpd,
    engine_file,
    engine_files,
    linked_libraries,
    open_to_all,
    processes,
    readable_by_all,
    sanitizer,
    wait_for,
)

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="not root")


@pytest.fixture(autouse=True)
def readable() -> None:
    if not readable_by_all(fake_engine()):
        pytest.skip("other users can't read the engine")


def test_root_parent_processes_have_nothing_of_root(tmp_path: Path) -> None:
    """SEC-01, SEC-42, SEC-52, SEC-53, SEC-54"""
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
        directory = file.parent.stat()
        assert (directory.st_uid, directory.st_gid, directory.st_mode & 0o777) == (0, www.pw_gid, 0o710)
        assert {server.get(f"/{group}?head+become-root").text for group in ("shop", "plain", "own")} == {"refused"}
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


# Calls fail, or do nothing and say that they were right, in processes whose title says so.
BROKEN = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int is_told(const char *what, const char *call)
{
    char name[17] = "", wanted[64];

    prctl(PR_GET_NAME, name, 0, 0, 0);
    snprintf(wanted, sizeof(wanted), "%s-%s", what, call);
    return !strncmp(name, wanted, 15);
}

#define CALL(call, parameters, arguments) \
    int call parameters \
    { \
        int (*real) parameters = (int (*) parameters)dlsym(RTLD_NEXT, #call); \
        if (is_told("fail", #call)) { \
            errno = EAGAIN; \
            return -1; \
        } \
        return is_told("lie", #call) ? 0 : real arguments; \
    }

CALL(setuid, (uid_t id), (id))
CALL(setgid, (gid_t id), (id))
CALL(setgroups, (size_t n, const gid_t *ids), (n, ids))
CALL(getgrouplist, (const char *user, gid_t id, gid_t *ids, int *n), (user, id, ids, n))
CALL(chroot, (const char *path), (path))
CALL(chdir, (const char *path), (path))
"""


@pytest.mark.skipif(sanitizer() is not None, reason="the sanitizer is preloaded itself")
def test_root_parent_processes_end_if_a_step_fails(tmp_path: Path) -> None:
    """SEC-01, SEC-03, SEC-56: Python is never started, nothing goes on as root, and there is no fork storm."""
    steps = {"fail-setuid": "become its user", "fail-setgid": "become its group",
             "fail-getgrouplist": "find the groups of its user", "fail-setgroups": "take its supplementary groups",
             "fail-chroot": "change its root to", "fail-chdir": "enter its home /tmp",
             "lie-setuid": "give up all rights of root", "lie-setgid": "give up all rights of root",
             "lie-setgroups": "give up all rights of root"}
    more = {"fail-setgroups": "home=/tmp supplementary-groups=#4321", "fail-chroot": f"chroot={tmp_path}"}
    lines = [f"{title} threads=1 user=nobody display-name={title} {more.get(title, 'home=/tmp')}" for title in steps]
    (tmp_path / "broken.c").write_text(BROKEN)
    library = tmp_path / "broken.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-Werror", str(tmp_path / "broken.c"), "-o", str(library)],
                   check=True)
    environment = {"LD_PRELOAD": str(library)}
    with Groups(tmp_path, "good threads=1", *lines, root_parent=True, environment=environment) as server:
        for title, step in steps.items():
            server.claim(f"MP0401: a process of group '{title}' can't {step}")
            server.claim(f"MP0417: Process '{title}' .* exit status 71")
        assert server.get("/good?head+say=well").text == "well"
        for title in steps:
            assert server.log_text().count(f"MP0401: a process of group '{title}'") == 1
            assert f"Starting daemon process '{title}'" not in server.log_text()
        parents = {pid: parent for pid, parent, _, state in processes() if state != "Z"}
        supervisor = parents[server.pid_of("good")]
        assert [pid for pid, parent in parents.items() if parent == supervisor] == [server.pid_of("good")]


def test_root_parent_groups_are_apart(tmp_path: Path) -> None:
    """SEC-42 and operating advice: another user's files, memory and sockets are closed, and root's, too."""
    lines = ("one threads=1 user=nobody home=/tmp", "two threads=1 user=daemon home=/tmp", "three threads=1",
             "four threads=1", "special threads=1 socket-user=daemon")
    with Groups(tmp_path, *lines, root_parent=True) as server:
        server.ready(5)
        for name, user in (("of-nobody", "nobody"), ("of-daemon", "daemon"), ("key.pem", "root")):
            file = server.write(name, "private")
            file.chmod(0o600)
            os.chown(file, pwd.getpwnam(user).pw_uid, -1)

        def opens(group: str, path: object) -> str:
            return server.get(f"/{group}?head+open={path}").text
        assert opens("one", tmp_path / "of-nobody") == opens("two", tmp_path / "of-daemon") == "opened"
        denied = [(group, tmp_path / name) for group in ("one", "two", "three")
                  for name in ("of-nobody", "of-daemon", "key.pem") if (group, name) not in (
                      ("one", "of-nobody"), ("two", "of-daemon"))]
        pids = {group: server.pid_of(group) for group in ("one", "two", "three", "four")}
        denied += [(group, f"/proc/{pid}/mem") for group in pids for other, pid in pids.items() if other != group]
        denied += [("three", f"/proc/{pid}/mem") for pid in server.child_pids()]
        for group, path in denied:
            assert opens(group, path) == "Permission denied", (group, path)

        files = {file.suffixes[0]: file for file in (tmp_path / "run").rglob("*.sock")}
        directory = files[".0"].parent.stat()
        assert (directory.st_uid, directory.st_mode & 0o777) == (0, 0o711)      # for socket-user=
        program = "import socket, sys; print(socket.socket(socket.AF_UNIX).connect_ex(sys.argv[1]))"

        def connects(user: str, file: Path) -> str:
            done = subprocess.run(["/usr/bin/python3", "-c", program, str(file)], user=user, extra_groups=[],
                                  group=pwd.getpwnam(user).pw_gid, capture_output=True, text=True, cwd="/", check=True)
            return os.strerror(int(done.stdout))
        assert connects("www-data", files[".0"]) == connects("daemon", files[".4"]) == "Success"
        assert {connects("nobody", files[".0"]), connects("daemon", files[".0"]), connects("nobody", files[".4"])} == {
            "Permission denied"}


# Whoever can write to a socket's directory puts a link there, as soon as the socket is made.
LINK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
    int result = real(fd, address, length);
    const char *path = ((const struct sockaddr_un *)address)->sun_path;

    if (address->sa_family == AF_UNIX && result == 0) {
        pid_t pid = fork();

        if (pid == 0) {
            if (setgid(atoi(getenv("ATTACKER_GROUP"))) != 0 || setuid(atoi(getenv("ATTACKER"))) != 0)
                _exit(1);
            _exit(unlink(path) != 0 || symlink(getenv("VICTIM"), path) != 0);
        }
        waitpid(pid, NULL, 0);
    }
    return result;
}
"""


def linker(directory: Path, attacker: str, victim: Path) -> dict[str, str]:
    """Environment with that library."""
    (directory / "link.c").write_text(LINK)
    library = directory / "link.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-Werror", str(directory / "link.c"), "-o", str(library)],
                   check=True)
    victim.write_text("root's")
    victim.chmod(0o600)
    user = pwd.getpwnam(attacker)
    return {"LD_PRELOAD": str(library), "ATTACKER": str(user.pw_uid), "ATTACKER_GROUP": str(user.pw_gid),
            "VICTIM": str(victim)}


@pytest.mark.skipif(sanitizer() is not None, reason="the sanitizer is preloaded itself")
def test_root_parent_gives_the_user_nothing_but_its_sockets(tmp_path: Path) -> None:
    """SEC-42: httpd's User can't put anything into the sockets' directory, nor does root follow it."""
    victim = tmp_path / "shadow"
    with Groups(tmp_path, "shop threads=1", "other threads=1", root_parent=True,
                environment=linker(tmp_path, "www-data", victim)) as server:
        for _ in range(2):
            assert server.get("/shop?head").status == server.get("/other?head").status == 200
            assert (victim.stat().st_uid, victim.stat().st_mode & 0o777) == (0, 0o600)
            server.graceful()


@pytest.mark.skipif(sanitizer() is not None, reason="the sanitizer is preloaded itself")
def test_root_parent_does_not_follow_a_link_where_listen_was(tmp_path: Path) -> None:
    victim, place = tmp_path / "shadow", tmp_path / "place"
    place.mkdir()
    os.chown(place, pwd.getpwnam("nobody").pw_uid, -1)
    server = Groups(tmp_path, f"shop threads=1 user=nobody home=/tmp listen=unix:{place}/fcgi.sock "
                    "listen-script=/x.wsgi socket-user=nobody", root_parent=True,
                    environment=linker(tmp_path, "nobody", victim))
    with pytest.raises(ChildProcessError, match=r"MP0495: [^ ]*/place/fcgi[.]sock is not the socket"):
        server.start()
    assert (place / "fcgi.sock").is_symlink()
    assert (victim.stat().st_uid, victim.stat().st_mode & 0o777) == (0, 0o600)


def test_root_parent_looks_at_a_listening_socket_before_it_gives_it_to_another_user(tmp_path: Path) -> None:
    """At a graceful restart, when the socket is taken over."""
    place = tmp_path / "fcgi.sock"
    line = f"shop threads=1 listen=unix:{place} listen-script=/x.wsgi socket-user="
    with Groups(tmp_path, line + "nobody", root_parent=True) as server:
        for user in ("nobody", "daemon", "daemon"):
            file = tmp_path / "conf" / "httpd.conf"
            file.write_text(file.read_text().replace("socket-user=nobody", f"socket-user={user}"))
            server.graceful()
            assert place.owner() == user and place.stat().st_mode & 0o777 == 0o600


def test_root_parent_changes_the_root(tmp_path: Path) -> None:
    """chroot=: paths are those inside; a script outside is 500."""
    jail = tmp_path / "jail"
    conf = f"""
        Alias /shop {jail}/app.wsgi
        WSGIImportScript {jail}/warm.wsgi process-group=shop application-group=x
        WSGIImportScript {tmp_path}/outside.wsgi process-group=shop application-group=x
        <Directory {jail}>
            Require all granted
        </Directory>
    """ + location("outside", "shop")
    files = {"jail/app.wsgi": "", "jail/warm.wsgi": "", "jail/var/x": "", "htdocs/outside": "", "outside.wsgi": ""}
    with Groups(tmp_path, f"shop threads=1 user=nobody chroot={jail} home=/var", conf=conf, files=files,
                root_parent=True) as server:
        r = server.get("/shop?head+target+say=|+open=/app.wsgi+say=|+open=/etc/passwd+say=|+who")
        target, opened, closed, who = r.text.rsplit("|", 3)
        assert target.startswith("shop|/app.wsgi|") and (opened, closed) == ("opened", "No such file or directory")
        assert " cwd=/var " in who
        pid = server.pid_of("shop")
        assert os.readlink(f"/proc/{pid}/root") == str(jail)
        assert status_of(pid)["Uid"].split() == [str(pwd.getpwnam("nobody").pw_uid)] * 4
        assert server.get("/shop?head+variable=SCRIPT_FILENAME").text == "/app.wsgi"
        assert server.get("/outside?head").status == 500
        server.claim("MP0434: .*/htdocs/outside is outside of the chroot .*/jail of group 'shop'")
        server.claim("MP0434: .*/outside.wsgi is outside of the chroot")
        assert "preload /warm.wsgi in 'shop'" in server.log_text()
        server.graceful()
        assert server.get("/shop?head").status == 200
        server.claim("MP0434: .*/outside.wsgi is outside of the chroot")


def test_root_parent_takes_no_groups_from_inside_another_root(tmp_path: Path) -> None:
    """SEC-52: files in there may be the application's."""
    user = pwd.getpwnam(next((name for entry in grp.getgrall() for name in entry.gr_mem if name != "root"), "nobody"))
    own = os.getgrouplist(user.pw_name, user.pw_gid)
    jail = tmp_path / "jail"
    files = {"jail/app.wsgi": "", "jail/etc/nsswitch.conf": "group: files\n",
             "jail/etc/group": f"root:x:0:{user.pw_name}\nshadow:x:42:{user.pw_name}\n"}
    conf = f"""
        Alias /shop {jail}/app.wsgi
        <Directory {jail}>
            Require all granted
        </Directory>
    """
    line = f"shop threads=1 user={user.pw_name} group=#{user.pw_gid} chroot={jail}"
    with Groups(tmp_path, line, conf=conf, files=files, root_parent=True) as server:
        assert sorted(map(int, status_of(server.pid_of("shop"))["Groups"].split())) == sorted(own)


def test_root_parent_runs_python_in_another_root(tmp_path: Path) -> None:
    """chroot= with what Python needs in it."""
    engine = engine_file() or engine_files()[0]
    [libpython] = [name for name in linked_libraries(engine) if name.startswith("libpython")]
    library = Path("/usr/lib", libpython.removeprefix("lib").partition(".so")[0])
    if not linked_libraries(engine)[libpython].startswith(("/lib/", "/usr/lib/")):
        pytest.skip("for Debian's Python")
    jail = tmp_path / "jail"
    for directory in (library, TREE / "python"):
        shutil.copytree(directory, jail / directory.relative_to("/"), ignore=shutil.ignore_patterns(
            "test", "idlelib", "dist-packages", "config-*", "__pycache__", "ensurepip"))
    conf = f"""
        WSGIDaemonProcess shop threads=2 user=nobody chroot={jail}
        WSGIScriptAlias /shop {jail}/app.wsgi process-group=shop application-group=%{{GLOBAL}}
        <Directory {jail}>
            Require all granted
        </Directory>
    """
    script = """
import json, os

def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps([os.getcwd(), os.listdir("/"), environ["SCRIPT_FILENAME"], os.getuid(), __file__]).encode()]
"""
    open_to_all(tmp_path)
    with Httpd(tmp_path, conf, {"jail/app.wsgi": script}, root_parent=True) as server:
        r = server.get("/shop")
        assert r.status == 200
        cwd, names, script_file, uid, file = json.loads(r.text)
        assert (cwd, script_file, file) == ("/", "/app.wsgi", "/app.wsgi")
        assert "app.wsgi" in names and uid == pwd.getpwnam("nobody").pw_uid


def test_root_parent_refuses_root_by_inheritance(tmp_path: Path) -> None:
    """SEC-40"""
    server = Groups(tmp_path, "shop", root_parent=True)
    status, text = server.configtest(server.conf + "\nGroup root")
    assert status != 0 and "would run as root" in text
