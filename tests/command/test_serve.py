"""`mod_python serve` with a handler file: start, requests, changed code, files, end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from client import RawClient
from httpd import open_to_all, root_parent_possible, wait_for, wait_quiet
from serving import Serving, processes, run

HANDLER = """
import os
from mod_python import apache
import helper

def handler(req):
    req.content_type = "text/plain"
    if req.uri == "/fail":
        raise LookupError("no such shop")
    req.write("%s %s %s %s" % ("first", helper.NAME, req.uri, os.getcwd()))
    return apache.OK
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(HANDLER)
    (tmp_path / "helper.py").write_text("NAME = 'one'\n")
    return tmp_path


def change(file: Path, text: str) -> None:
    before = file.stat().st_mtime_ns
    file.write_text(text)
    if file.stat().st_mtime_ns <= before:
        os.utime(file, ns=(before + 1000000, before + 1000000))


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    site = tmp_path_factory.mktemp("site with blanks")
    for name, text in {
        "hello.py": HANDLER, "helper.py": "NAME = 'one'\n", "style.css": "body {}", ".secret": "secret",
        "sub/index.html": "<p>index", "sub/data.json": "{}", ".git/config": "secret",
        ".well-known/token": "token", "elsewhere/picture.png": "png", "elsewhere/deep/x.txt": "deep",
        "one.txt": "one file",
    }.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    with Serving("hello.py", "--static", "--alias", "/pics/", site / "elsewhere", "--alias", "/pics/one", "one.txt",
                 "--processes", "2", "--threads", "3", cwd=site) as serving:
        yield serving


class TestOneServer:
    """What one server with a handler, files beside it, and aliases does."""

    def test_the_handler_answers_every_url_in_the_directory_of_the_command(self, serving: Serving) -> None:
        for path in ("/", "/a/b", "/hello.py", "/one"):
            answer = serving.get(path)
            assert (answer.status, answer.text) == (200, f"first one {path} {serving.temporary.parent}")

    @pytest.mark.parametrize(("path", "body", "kind"), [
        ("/style.css", "body {}", "text/css"), ("/sub/data.json", "{}", "application/json"),
        ("/sub/", "<p>index", "text/html"), ("/.well-known/token", "token", None),
        ("/pics/picture.png", "png", "image/png"), ("/pics/deep/x.txt", "deep", "text/plain"),
        ("/pics/one", "one file", "text/plain"),
    ])
    def test_httpd_serves_files(self, serving: Serving, path: str, body: str, kind: str | None) -> None:
        answer = serving.get(path)
        assert (answer.status, answer.text, answer.headers["Content-Type"]) == (200, body, kind)

    @pytest.mark.parametrize("path", ["/helper.py", "/.secret", "/.git/config", "/__pycache__/x"])
    def test_sources_and_hidden_files_are_no_files(self, serving: Serving, path: str) -> None:
        assert serving.get(path).text.startswith("first one")

    @pytest.mark.parametrize("path", ["/pics/none", "/pics/../hello.py", "/%2e%2e/hello.py"])
    def test_what_is_no_file_below_an_alias_is_not_found_or_the_handlers(self, serving: Serving, path: str) -> None:
        answer = serving.get(path)
        assert answer.status in (400, 404) or answer.text.startswith("first one")

    def test_each_request_has_a_line(self, serving: Serving) -> None:
        serving.get("/some-line?a=b")
        wait_for(lambda: serving.said(r'^\d\d:\d\d:\d\d 127\.0\.0\.1 "GET /some-line\?a=b HTTP/1\.1" 200 \d+ \d+ms$'))

    def test_a_failing_handler_shows_its_traceback_on_the_terminal_only(self, serving: Serving) -> None:
        answer = serving.get("/fail")
        assert answer.status == 500 and "LookupError" not in answer.text
        wait_for(lambda: serving.complained("LookupError: no such shop"))
        assert serving.complained(r'/hello\.py", line \d+, in handler')

    def test_httpd_says_nothing_of_its_own(self, serving: Serving) -> None:
        assert serving.complained("resuming normal operations|AH000") is None

    def test_there_are_as_many_processes_as_asked_for(self, serving: Serving) -> None:
        wait_for(lambda: len(serving.httpd_pids()) == 3)


def test_a_changed_handler_is_loaded_anew_without_a_restart(site: Path) -> None:
    with Serving("hello.py", cwd=site) as serving:
        assert serving.get("/").text.startswith("first one")
        pids = serving.httpd_pids()
        change(site / "hello.py", HANDLER.replace('"first"', '"second"'))
        assert serving.get("/").text.startswith("second one")
        change(site / "hello.py", HANDLER.replace("import os", "import os oops"))
        assert serving.get("/").status == 500
        wait_for(lambda: serving.complained("SyntaxError"))
        change(site / "hello.py", HANDLER.replace('"first"', '"third"'))
        assert serving.get("/").text.startswith("third one")
        assert serving.httpd_pids() == pids


def test_a_changed_module_of_the_import_statement_restarts_the_server(site: Path) -> None:
    with Serving("hello.py", "--processes", "2", cwd=site) as serving:
        assert serving.get("/").text.startswith("first one")
        change(site / "helper.py", "NAME = 'two'\n")
        wait_for(lambda: serving.get("/").text.startswith("first two"))
        wait_for(lambda: serving.complained(r"^mod_python serve: .*/helper\.py changed, the server restarts$"))
        change(site / "helper.py", "NAME = 'three\n")
        wait_for(lambda: serving.get("/").status == 500)
        change(site / "helper.py", "NAME = 'four'\n")
        wait_for(lambda: serving.get("/").text.startswith("first four"))


def test_a_module_that_fails_at_first_is_shown_and_can_be_repaired(site: Path) -> None:
    (site / "helper.py").unlink()
    with Serving("hello.py", cwd=site) as serving:
        assert serving.complained("ModuleNotFoundError: No module named 'helper'")
        assert serving.get("/").status == 500
        (site / "helper.py").write_text("NAME = 'late'\n")
        assert serving.get("/").text.startswith("first late")


def test_a_document_root_goes_before_the_handler(site: Path) -> None:
    public = site / "public"
    public.mkdir()
    (public / "index.html").write_text("<p>home")
    (public / "x.py").write_text("secret")
    with Serving("hello.py", "--document-root", "public", cwd=site) as serving:
        assert serving.get("/").text == "<p>home"
        assert serving.get("/other").text.startswith("first one /other")
        assert serving.get("/x.py").text.startswith("first one /x.py")
        assert serving.get("/helper.py").text.startswith("first one /helper.py")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_status_0_and_nothing_is_left(site: Path, number: int) -> None:
    with Serving("hello.py", cwd=site) as serving:
        serving.get("/")
        wait_quiet(serving.port)
        assert serving.stop(number) == 0
        assert serving.err == []


def test_a_connection_that_httpd_closes_when_it_ends_is_no_error(site: Path) -> None:
    (site / "late.py").write_text(
        "from mod_python import apache\n\ndef say(when):\n"
        "    apache.log_error(f'(9)Bad file descriptor: AH03093: process_socket: apr_pollset_add failure {when}')\n"
        "    apache.log_error(f'AH00001: another {when}')\n\n"
        "def handler(req):\n    say('before')\n    apache.register_cleanup(say, 'at the end')\n    return apache.OK\n")
    with Serving("late.py", cwd=site) as serving:
        serving.get("/")
        assert serving.stop() == 0
        assert [line.rpartition(": ")[2] for line in serving.err] == [
            "apr_pollset_add failure before", "another before", "another at the end"]


def test_a_second_signal_does_not_wait_for_anybody(site: Path) -> None:
    (site / "slow.py").write_text("import threading\n\ndef handler(req):\n    req.write('x')\n    req.flush()\n"
                                  "    while True:\n        threading.Event().wait(1)\n")
    with Serving("slow.py", cwd=site) as serving, RawClient(serving.port) as client:
        client.send_request("GET", "/")
        assert client.receive(12) == b"HTTP/1.1 200"
        serving.process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        assert serving.stop(signal.SIGTERM) == 0
        assert time.monotonic() - begin < 5


def test_a_signal_during_the_start_ends_it_too(site: Path) -> None:
    (site / "slow.py").write_text("import pathlib, threading\npathlib.Path('begun').touch()\nthreading.Event().wait()\n"
                                  "def handler(req): ...\n")
    serving = Serving("slow.py", cwd=site)
    wait_for((site / "begun").exists)
    serving.process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    assert serving.stop(signal.SIGTERM) == 0    # the second signal: the first waits for the module, for a while
    assert time.monotonic() - begin < 5
    assert serving.out == []


def test_the_end_of_httpd_ends_it_with_status_1(site: Path) -> None:
    with Serving("hello.py", cwd=site) as serving:
        parent = next(pid for pid, parent, _, _ in processes() if parent == serving.process.pid)
        os.kill(parent, signal.SIGTERM)
        assert serving.process.wait(20) == 1
        wait_for(lambda: serving.complained(r"^mod_python serve: httpd ended by itself \(status 0\)$"))


def test_httpd_does_not_outlive_a_killed_command(site: Path) -> None:
    with Serving("hello.py", cwd=site) as serving:
        pids = serving.httpd_pids()
        serving.process.kill()
        serving.process.wait()
        wait_for(lambda: not pids & {pid for pid, _, _, state in processes() if state != "Z"})


def test_a_file_whose_name_is_no_identifier_is_a_handler_too(site: Path) -> None:
    (site / "my-site.v2.py").write_text(HANDLER)
    with Serving("./my-site.v2.py", cwd=site) as serving:
        assert serving.get("/").text.startswith("first one")


def test_the_name_of_a_standard_module_is_no_hindrance(site: Path) -> None:
    (site / "code.py").write_text(HANDLER)
    with Serving("code.py", cwd=site) as serving:
        assert serving.get("/").text.startswith("first one")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("certificate")
    files = directory / "cert.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


def test_https_and_http2(site: Path, certificate: tuple[Path, Path]) -> None:
    shutil.copy(certificate[0], site / "cert.pem")
    with Serving("hello.py", "--https", "cert.pem", certificate[1], "--http2", cwd=site) as serving:
        assert serving.url.startswith("https://")
        assert serving.get("/").text.startswith("first one")
        context = __import__("ssl").create_default_context(cafile=str(certificate[0]))
        context.set_alpn_protocols(["h2", "http/1.1"])
        with socket.create_connection(("127.0.0.1", serving.port)) as plain, \
                context.wrap_socket(plain, server_hostname="localhost") as stream:
            assert stream.selected_alpn_protocol() == "h2"


def test_ipv6_and_all_addresses(site: Path) -> None:
    with Serving("hello.py", "--host", "0.0.0.0", cwd=site) as serving:
        assert serving.url == f"http://localhost:{serving.port}/"
        assert serving.get("/").text.startswith("first one")
    if not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("no IPv6 here")
    with Serving("hello.py", "--host", "::1", cwd=site) as serving:
        assert serving.url == f"http://[::1]:{serving.port}/"
        with socket.create_connection(("::1", serving.port)) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"first one" in client.makefile("rb").read()


@pytest.mark.skipif(not root_parent_possible(),
                    reason="not root, or the engine's Python is not readable by other users")
@pytest.mark.parametrize("user", ["", "nobody"])
def test_a_root_parent_has_children_of_another_user(site: Path, user: str) -> None:
    (site / "hello.py").write_text(HANDLER.replace('"first"', "os.getuid()"))
    open_to_all(site)
    with Serving("hello.py", *(["--user", user] if user else []), cwd=site, as_root=True) as serving:
        said = serving.said(r"^Requests are answered as user (\S+) ")
        assert said and said[1] == (user or said[1])
        assert serving.get("/").text.startswith(f"{pwd.getpwnam(said[1]).pw_uid} one")
        change(site / "helper.py", "NAME = 'two'\n")
        wait_for(lambda: "two" in serving.get("/").text)


def test_print_config_starts_nothing_and_passes_on_what_was_asked(site: Path) -> None:
    done = run("serve", "hello.py", "--port", "8123", "--host", "localhost", "--processes", "3", "--threads", "7",
               "--log-level", "info", "--print-config", cwd=site, TMPDIR=str(site))
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.strip() for line in done.stdout.splitlines()]
    for line in ("Listen 127.0.0.1:8123", "ServerName localhost:8123", "StartServers 3", "ThreadsPerChild 7",
                 "MaxRequestWorkers 21", "LogLevel info", "PythonHandler hello", "PythonAutoReload On"):
        assert line in lines
    assert sorted(path.name for path in site.iterdir()) == ["hello.py", "helper.py"]
