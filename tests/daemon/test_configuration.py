"""WSGIDaemonProcess and the directives about sockets: what is taken, and what is refused, with which words."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake import Bare, Groups, fake_engine
from httpd import BUILD, Httpd


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Httpd:
    return Bare(tmp_path_factory.mktemp("httpd"))


def check(server: Httpd, text: str) -> tuple[int, str]:
    engines = fake_engine().parent
    return server.configtest(f"LoadModule python_module {BUILD / 'mod_python.so'}\nPythonEngine {engines}\n{text}")


@pytest.mark.parametrize("options", [
    "", "user=www-data group=www-data", "user=#1234 group=#1234", "supplementary-groups=adm,#7 umask=0027",
    "home=/tmp 'display-name=%{GROUP}' lang=de_DE.UTF-8 locale=C.UTF-8", "python-path=/a:/b python-eggs=/nowhere/yet",
    "script-user=root socket-user=www-data", "processes=2 threads=65533 stack-size=1048576 switch-interval=0.001",
    "cpu-priority=-5 cpu-time-limit=10 memory-limit=1000000000 virtual-memory-limit=0 server-metrics=on",
    "maximum-requests=5 restart-interval=1.5 inactivity-timeout=2 deadlock-timeout=0 request-timeout=3",
    "interrupt-timeout=1 startup-timeout=15 graceful-timeout=0 eviction-timeout=5 shutdown-timeout=0",
    "listen-backlog=0 connect-timeout=0 socket-timeout=60 response-socket-timeout=0 queue-timeout=45",
    "send-buffer-size=512 receive-buffer-size=0 header-buffer-size=8192 response-buffer-size=65536",
    "proxy-buffer-size=65536 response-flush-delay=0", "listen=127.0.0.1:9000 listen-script=/srv/app.wsgi",
    "listen=unix:/tmp/x.sock listen-script=/srv/app.wsgi threads=0",
])
def test_options_are_taken(server: Httpd, options: str) -> None:
    assert check(server, f"WSGIDaemonProcess shop {options}") == (0, "Syntax OK\n")


@pytest.mark.parametrize(("options", "complaint"), [
    ("thread=5", "the option 'thread' is unknown"),
    ("threads", "is no option"),
    ("threads=", "has no value"),
    ("threads=abc", "threads=abc: it is no whole number"),
    ("threads=5x", "it is no whole number"),
    ("threads=-1", "write a number from 0 to 65533"),
    ("processes=0", "write a number from 1"),
    ("stack-size=0", "write a number from 1"),
    ("queue-timeout=-1", "write a number of seconds"),
    ("request-timeout=soon", "write a number of seconds"),
    ("send-buffer-size=100", "or from 512"),
    ("header-buffer-size=100", "or from 8192"),
    ("response-buffer-size=100", "or from 65536"),
    ("switch-interval=0", "above 0"),
    ("cpu-priority=x", "it is no whole number"),
    ("user=nobody-has-this-name", "there is no such user"),
    ("user=root", "WSGI process blocked from running as root"),
    ("user=#0", "WSGI process blocked from running as root"),
    ("group=nobody-has-this-name", "there is no such group"),
    ("supplementary-groups=adm,nope", "there is no group 'nope'"),
    ("umask=9", "Invalid umask"),
    ("home=relative", "it is a relative path"),
    ("python-eggs=relative", "it is a relative path"),
    ("home=/no/such/directory", "Invalid home directory"),
    ("python-path=a:/b", "'a' is a relative path"),
    ("server-metrics=maybe", "must be one of: Off | On"),
    ("script-user=root script-group=root", "exclude each other"),
    ("listen=127.0.0.1:9000", "listen= and listen-script= need each other"),
    ("listen=nonsense listen-script=/x", "write unix:/path or address:port"),
    ("home=/tmp chroot=/usr", "/usr/tmp is not there"),
    ("python-home=/tmp", "no Python 3 is in /tmp"),
])
def test_options_are_refused(server: Httpd, options: str, complaint: str) -> None:
    status, text = check(server, f"WSGIDaemonProcess shop {options}")
    assert status != 0 and complaint in text and "WSGIDaemonProcess" in text


@pytest.mark.parametrize(("lines", "complaint"), [
    ("WSGIDaemonProcess", "the group has no name"),
    ("WSGIDaemonProcess threads=5", "the group has no name"),
    ("WSGIDaemonProcess %{GLOBAL}", "can't be the name of a process group"),
    ("WSGIDaemonProcess shop\nWSGIDaemonProcess shop", "Name duplicates previous WSGI daemon definition"),
    ("<VirtualHost *>\nWSGIDaemonProcess shop\n</VirtualHost>\nWSGIDaemonProcess shop", "Name duplicates"),
    ("<Location />\nWSGIDaemonProcess shop\n</Location>", "not allowed in"),
    ("<VirtualHost *>\nWSGISocketPrefix /tmp/x\n</VirtualHost>", "cannot occur within"),
    ("WSGISocketPrefix /no/such/directory/x\nWSGIDaemonProcess shop", "the directory /no/such/directory/"),
    (f"WSGISocketPrefix /tmp/{'x' * 90}\nWSGIDaemonProcess shop", "is too long for the name of a socket"),
    ("WSGIDaemonProcess a listen=127.0.0.1:9000 listen-script=/x\nWSGIDaemonProcess b listen=127.0.0.1:9000 "
     "listen-script=/x", "listen=127.0.0.1:9000 is the address of group 'a' already"),
    ("WSGISocketRotation maybe", "must be one of: Off | On"),
    ("WSGIAcceptMutex magic", "must be one of: default | flock"),
    ("WSGIImportScript /x.wsgi process-group=shop application-group=x", "no WSGIDaemonProcess line defines it"),
    ("<VirtualHost *>\nServerName other\nWSGIDaemonProcess shop\n</VirtualHost>\n"
     "WSGIImportScript /x.wsgi process-group=shop application-group=x", "defined in another virtual host"),
])
def test_mistakes_are_explained(server: Httpd, lines: str, complaint: str) -> None:
    status, text = check(server, lines)
    assert status != 0 and complaint in text


def test_a_group_may_be_defined_after_it_is_used(server: Httpd) -> None:
    assert check(server, "WSGIImportScript /x.wsgi process-group=shop application-group=x\nWSGIDaemonProcess shop\n"
                 "WSGISocketRotation Off\nWSGIAcceptMutex flock") == (0, "Syntax OK\n")


def test_each_group_has_the_engine_of_its_python(tmp_path: Path) -> None:
    home = tmp_path / "venv"
    home.mkdir()
    (home / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.2\n")
    engines = {python: fake_engine(python, "fakes") for python in ("3.11.2", "3.13.0")}
    server = Groups(tmp_path, f"old python-home={home}", "new")
    server.conf += f"\nPythonEngine {engines['3.13.0']}"
    with server:
        assert server.get("/old?head+target").text.endswith("|3.11.2")
        assert server.get("/new?head+target").text.endswith("|3.13.0")
