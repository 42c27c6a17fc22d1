"""`mod_python serve` that can not start: one line that says why, and the exit status."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from httpd import BUILD, TREE
from serving import run

HANDLER = "def handler(req):\n    return 0\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(HANDLER)
    (tmp_path / "shop.py").write_text("application = app = None\n")
    (tmp_path / "bad.py").write_text("def handler(req:\n")
    (tmp_path / "both.py").write_text("handler = application = print\n")
    (tmp_path / "neither.py").write_text("x = 1\n")
    (tmp_path / "text.txt").write_text("text\n")
    (tmp_path / "empty").mkdir()
    return tmp_path


def refusal(site: Path, *arguments: str | Path, as_root: bool = False, **more: str) -> str:
    """The one line, without the command's name; nothing is left behind."""
    temporary = site / "tmp"
    temporary.mkdir(exist_ok=True)
    done = run("serve", *arguments, cwd=site, as_root=as_root, **{"TMPDIR": str(temporary), **more})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("mod_python serve: ") and done.stderr.count("\n") == 1, done.stderr
    assert list(temporary.iterdir()) == []
    return done.stderr.removeprefix("mod_python serve: ").rstrip("\n")


@pytest.mark.parametrize(("target", "says"), [
    ("none.py", "there is no file or directory none.py (an importable module is written none:NAME)"),
    ("none/", "there is no file or directory none/"),
    ("none:app", "there is no module none in {site} or on Python's path, and no file none:app"),
    ("shop.none:app", "there is no module shop.none in {site}"),
    ("shop:none", "module shop ({site}/shop.py) has no name 'none' at its top level"),
    ("bad.py", "{site}/bad.py, line 1: "),
    ("both.py", "has both a name `application` (WSGI) and `handler` (a handler): pass --as handler|wsgi"),
    ("neither.py", "has neither a name `application` (WSGI) nor `handler` (a handler): pass --as handler|wsgi,"
                   " or neither:NAME"),
    ("text.txt", "is none of .py, .psp and .wsgi: pass --as handler|psp|wsgi"),
    ("empty", "has neither .psp nor .py files"),
])
def test_a_target_that_is_not_clear(site: Path, target: str, says: str) -> None:
    assert says.format(site=site) in refusal(site, target)


def test_a_port_in_use(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refusal(site, "hello.py", "--port", str(port)) == f"port {port} is in use: choose another with --port"


def test_an_address_that_is_not_here(site: Path) -> None:
    assert refusal(site, "hello.py", "--host", "192.0.2.1").startswith("can't listen on 192.0.2.1, port 8000: ")


def test_no_httpd(site: Path, tmp_path: Path) -> None:
    says = refusal(site, "hello.py", PATH="/none", APXS="/none/apxs")
    assert says.startswith(("no httpd found: ", "it is not known where httpd's modules are: "))


def installed(tmp_path: Path, httpd: str, modules: Path, *libraries: Path) -> Path:
    """A copy of the package as pip installs it, for an httpd of ours."""
    package = tmp_path / "site-packages" / "mod_python"
    shutil.copytree(TREE / "python" / "mod_python", package)
    for library in libraries:
        shutil.copy(library, package)
    facts = {"HTTPD": httpd, "LIBEXECDIR": str(modules), "SYSCONFDIR": "/none"}
    (package / "_build.json").write_text(json.dumps(facts))
    return package.parent


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_no_mod_python(site: Path, tmp_path: Path) -> None:
    where = installed(tmp_path, "/bin/true", tmp_path)
    assert refusal(site, "hello.py", PYTHONPATH=str(where)).startswith("no mod_python.so (")


def test_no_engine_for_this_python(site: Path, tmp_path: Path) -> None:
    where = installed(tmp_path, "/bin/true", tmp_path, BUILD / "mod_python.so")
    assert " has no engine for Python 3." in refusal(site, "hello.py", PYTHONPATH=str(where))


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A program in httpd's place: it lists what it has built in, and then fails in its own way."""
    return script(tmp_path / "httpd", 'test "$1" = -l && { cat "$0.l"; exit; }; . "$0.fails"')


def with_modules(tmp_path: Path, stand_in: Path, fails: str) -> Path:
    """The package installed for a stand-in that has the modules and then runs the script `fails`."""
    built_in = "event mod_unixd mod_log_config mod_authn_core mod_authz_core mod_alias mod_dir mod_mime"
    Path(f"{stand_in}.l").write_text("".join(f"  {name}.c\n" for name in built_in.split()))
    Path(f"{stand_in}.fails").write_text(fails)
    engines = BUILD.glob("mod_python_engine.*.so")
    return installed(tmp_path, str(stand_in), tmp_path, BUILD / "mod_python.so", *engines)


PORT_TAKEN = ("echo '(98)Address already in use: AH00072: make_sock: could not bind to address 127.0.0.1:8000' >&2;"
              " echo no listening sockets available, shutting down >&2; exit 1")


@pytest.mark.parametrize(("fails", "says"), [
    ("echo 'AH00526: Syntax error on line 5 of /x/httpd.conf:' >&2; echo 'PythonHome: /x is no Python' >&2; exit 1",
     "PythonHome: /x is no Python"),
    (PORT_TAKEN, "port 8000 is in use: choose another with --port"),
    ("exit 3", "httpd ended with status 3 and does not say why"),
], ids=["directive", "port taken meanwhile", "silent"])
def test_what_httpd_says_is_cut_to_the_line_that_matters(
        site: Path, tmp_path: Path, stand_in: Path, fails: str, says: str) -> None:
    where = with_modules(tmp_path, stand_in, fails)
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 8000)) == 0:
            pytest.skip("port 8000 is taken here")
    assert refusal(site, "hello.py", PYTHONPATH=str(where)) == says


def test_another_free_port_is_taken_if_somebody_has_taken_the_first(
        site: Path, tmp_path: Path, stand_in: Path) -> None:
    where = with_modules(tmp_path, stand_in, 'test -e "$0.tried" && exit 3; touch "$0.tried"\n' + PORT_TAKEN)
    assert refusal(site, "hello.py", "--port", "0", PYTHONPATH=str(where)) == (
        "httpd ended with status 3 and does not say why")


def test_a_module_of_httpd_that_is_not_there(site: Path, tmp_path: Path, stand_in: Path) -> None:
    Path(f"{stand_in}.l").write_text("  event.c\n")
    engines = BUILD.glob("mod_python_engine.*.so")
    where = installed(tmp_path, str(stand_in), tmp_path, BUILD / "mod_python.so", *engines)
    assert refusal(site, "hello.py", PYTHONPATH=str(where)).startswith("httpd has no mod_unixd: ")


def test_a_target_that_crashes_the_process_when_it_is_loaded(site: Path) -> None:
    (site / "crash.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGABRT)\ndef handler(req): ...\n")
    says = refusal(site, "crash.py", "--port", "0")
    assert says.startswith("httpd's processes crash when they start: AH00052: child pid ")
    assert "exit signal Abort" in says


def test_files_that_are_not_there(site: Path) -> None:
    assert refusal(site, "hello.py", "--document-root", "none") == "--document-root: there is no directory none"
    assert refusal(site, "hello.py", "--alias", "/x", "none") == "--alias: there is no file or directory none"
    assert refusal(site, "hello.py", "--https", "none", "none") == "--https: there is no file none"


def test_a_certificate_that_is_none(site: Path) -> None:
    says = refusal(site, "hello.py", "--https", "text.txt", "text.txt")
    assert says.startswith("--https: text.txt and text.txt are no certificate and its key in PEM form: ")


def test_a_key_of_another_certificate_or_with_a_passphrase(site: Path) -> None:
    for name in ("one", "two"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-out",
                        f"{name}.crt", "-keyout", f"{name}.key"], check=True, capture_output=True, cwd=site)
    subprocess.run(["openssl", "rsa", "-aes128", "-passout", "pass:secret", "-in", "one.key", "-out", "locked.key"],
                   check=True, capture_output=True, cwd=site)
    assert refusal(site, "hello.py", "--https", "one.crt", "two.key").endswith("the key is not that of the certificate")
    assert "has a passphrase" in refusal(site, "hello.py", "--https", "one.crt", "locked.key")


def test_a_path_that_httpd_takes_for_a_pattern(site: Path) -> None:
    (site / "a[b]").mkdir()
    (site / "a[b]" / "hello.py").write_text(HANDLER)
    assert refusal(site, "a[b]/hello.py").startswith("httpd takes no '[' in a path: rename ")


@pytest.mark.skipif(os.getuid() != 0, reason="not root")
class TestStartedByRoot:
    def test_the_user_must_be_able_to_read_the_target(self, site: Path) -> None:
        site.chmod(0o700)
        assert "who answers requests, can't read" in refusal(site, "hello.py", as_root=True)

    @pytest.mark.parametrize(("option", "name", "says"), [
        ("--user", "root", "httpd does not answer requests as root: name another user with --user"),
        ("--user", "no-such-user", "there is no user no-such-user"),
        ("--group", "no-such-group", "there is no group no-such-group"),
    ])
    def test_the_user_must_be_there_and_not_root(self, site: Path, option: str, name: str, says: str) -> None:
        assert says in refusal(site, "hello.py", option, name, as_root=True)


@pytest.mark.parametrize(("arguments", "says"), [
    ([], "the following arguments are required: TARGET"),
    (["hello.py", "--port", "70000"], "a port is a number up to 65535"),
    (["hello.py", "--port", "x"], "invalid"),
    (["hello.py", "--threads", "0"], "must be at least 1"),
    (["hello.py", "--as", "cgi"], "invalid choice"),
    (["hello.py", "--static", "--document-root", "."], "give one of them"),
    (["hello.py", "--alias", "static", "."], "the URL begins with /"),
    (["hello.py", "--alias", "/", "."], "that is --document-root"),
    (["hello.py", "--print-config", "--setup-only", "x"], "not allowed with"),
    (["hello.py", "--print-config", "--port", "0"], "give a number"),
])
def test_wrong_usage_ends_with_status_2(site: Path, arguments: list[str], says: str) -> None:
    done = run("serve", *arguments, cwd=site)
    assert done.returncode == 2 and "usage: mod_python serve" in done.stderr and says in done.stderr
