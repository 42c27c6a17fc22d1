"""A server that stays: `serve --setup-only` with its control script; create, genconfig, start, restart and stop."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from client import TIMEOUT
from httpd import free_ports, give_up_root, httpd_program, processes, wait_for
from serving import environment, run

HANDLER = """
import os
from mod_python import apache

VERSION = "one"

def handler(req):
    req.content_type = "text/plain"
    req.write(f"{VERSION} {os.getcwd()} {req.get_options().get('shop')} {apache.main_server.server_hostname}")
    return apache.OK
"""


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "hello.py").write_text(HANDLER)
    yield tmp_path
    for file in tmp_path.rglob("httpd.pid"):        # what a failed test left
        with suppress(ProcessLookupError):
            os.kill(int(file.read_text()), signal.SIGKILL)


def get(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/", timeout=TIMEOUT) as answer:
        text: str = answer.read().decode()
        return text


def answers(port: int) -> str | None:
    with suppress(URLError, ConnectionError):
        return get(port)
    return None


def call(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, preexec_fn=give_up_root if os.getuid() == 0 else None)


def is_running(pid: int) -> bool:
    return any(one == pid and state != "Z" for one, _, _, state in processes())


def set_up(site: Path, port: int, *more: str) -> Path:
    done = run("serve", "hello.py", "--port", str(port), "--setup-only", "server", *more, cwd=site)
    control = site / "server" / "control"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{control} run|start|stop|restart|configtest\n"
    return control


def test_a_server_in_the_foreground_logs_to_the_standard_output(site: Path, port: int) -> None:
    control = set_up(site, port, "--log-level", "error")
    assert "Syntax OK" in call(control, "configtest").stderr
    output = site / "output"
    with open(output, "wb") as stream:
        process = subprocess.Popen([control, "run"], env=environment(), stdin=subprocess.DEVNULL, stdout=stream,
                                   stderr=stream, start_new_session=True,
                                   preexec_fn=give_up_root if os.getuid() == 0 else None)
    try:
        assert wait_for(lambda: answers(port), what="an answer").startswith(f"one {site} None ")
        children = [pid for pid, parent, _, _ in processes() if parent == process.pid]
        assert children                         # the script has become httpd: docker's and systemd's signals reach it
        wait_for(lambda: '"GET / HTTP/1.1" 200' in output.read_text())
        process.send_signal(signal.SIGTERM)
        process.wait(TIMEOUT)
        wait_for(lambda: "caught SIGTERM" in output.read_text())
        wait_for(lambda: not [pid for pid, _, session, _ in processes() if session == process.pid], what="the end")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0


def test_a_server_in_the_background(site: Path, port: int) -> None:
    control = set_up(site, port)
    (site / "server" / "local.conf").write_text("PythonOption shop open\n")
    done = call(control, "start")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert wait_for(lambda: answers(port)).startswith(f"one {site} open ")
    pid = int((site / "server" / "run" / "httpd.pid").read_text())

    (site / "hello.py").write_text(HANDLER.replace("one", "two"))
    assert get(port).startswith("one ")         # what is deployed does not look for changes
    assert call(control, "restart").returncode == 0
    wait_for(lambda: (answers(port) or "").startswith("two "))

    assert call(control, "stop").returncode == 0
    wait_for(lambda: not is_running(pid))
    assert '"GET / HTTP/1.1" 200' in (site / "server" / "logs" / "access_log").read_text()
    assert "resuming normal operations" in (site / "server" / "logs" / "error_log").read_text()


def test_another_setup_keeps_what_is_the_users(site: Path, port: int) -> None:
    set_up(site, port)
    (site / "server" / "local.conf").write_text("# mine\n")
    set_up(site, port, "--threads", "5")
    assert (site / "server" / "local.conf").read_text() == "# mine\n"
    assert "ThreadsPerChild 5" in (site / "server" / "httpd.conf").read_text()


def test_the_control_script_says_how_it_is_used(site: Path, port: int) -> None:
    control = set_up(site, port)
    for arguments in ([], ["reload"]):
        done = call(control, *arguments)
        assert done.returncode == 2 and done.stderr.startswith("usage: control run|start|stop|restart|configtest\n")


@pytest.mark.parametrize(("target", "module"), [
    ("pages", "publisher"), ("texts", "psp"), ("app.wsgi", "wsgi"), ("app:application", "wsgi")])
def test_the_configuration_of_each_target_is_one_for_httpd(site: Path, port: int, target: str, module: str) -> None:
    for name in ("pages/index.py", "texts/index.psp", "app.wsgi", "app.py", "public/x.css", "x/y.css"):
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text("application = None\n")
    for number, more in enumerate((["--static"], ["--document-root", "public", "--alias", "/x", "x"], ["--http2"])):
        done = run("serve", target, "--port", str(port), "--setup-only", f"server{number}", *more, cwd=site)
        assert done.returncode == 0, done.stderr
        assert f"PythonHandler mod_python.{module}\n" in (site / f"server{number}" / "httpd.conf").read_text()
        checked = call(site / f"server{number}" / "control", "configtest")
        assert checked.stderr == "Syntax OK\n"


@pytest.mark.skipif(os.getuid() != 0, reason="not root")
def test_root_sets_up_for_a_user_without_rights(site: Path, port: int) -> None:
    done = run("serve", "hello.py", "--user", "nobody", "--setup-only", "server", cwd=site, as_root=True)
    assert done.returncode == 0
    lines = (site / "server" / "httpd.conf").read_text().splitlines()
    assert "User nobody" in lines and any(line.startswith("Group ") for line in lines)


# --- create, genconfig, start, restart, stop ---

def created(site: Path, port: int) -> Path:
    """The directory of a server that `create` has made, with its configuration generated."""
    root = site / "my server"
    done = run("create", root, "--listen", f"127.0.0.1:{port}", "--pythonhandler", "hello", "--pythonpath", f"{site}:",
               "--pythonoption", "shop closed", cwd=site)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Written: {root}/conf/httpd_conf.py\n" in done.stdout
    assert "mod_python genconfig" in done.stdout and "mod_python start" in done.stdout
    done = run("genconfig", root / "conf" / "httpd_conf.py")
    assert (done.returncode, done.stderr) == (0, "")
    (root / "conf" / "httpd.conf").write_text(done.stdout)
    return root


def test_create_start_restart_and_stop(site: Path, port: int) -> None:
    root = created(site, port)
    conf = root / "conf" / "httpd.conf"
    assert f"PythonPath \"['{site}'] + sys.path\"\n" in conf.read_text()        # and nothing empty
    done = run("start", conf)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert wait_for(lambda: answers(port)).startswith("one / closed localhost")
    pid = int((root / "logs" / "httpd.pid").read_text())
    children = {one for one, parent, _, _ in processes() if parent == pid}
    assert run("restart", conf).returncode == 0
    wait_for(lambda: not children & {one for one, parent, _, state in processes() if parent == pid and state != "Z"})
    wait_for(lambda: answers(port))
    assert run("stop", conf).returncode == 0
    wait_for(lambda: not is_running(pid))


def test_create_does_not_write_over_a_script(site: Path, port: int) -> None:
    root = created(site, port)
    script = root / "conf" / "httpd_conf.py"
    script.write_text("# mine\n")
    done = run("create", root, "--pythonhandler", "hello", cwd=site)
    assert done.returncode == 1
    assert done.stderr == f"mod_python: {script} exists and stays as it is\n"
    assert script.read_text() == "# mine\n"


@pytest.mark.parametrize("handler", ["mod_python.wsgi", "mod_python.publisher"])
def test_create_for_the_handlers_of_mod_python(site: Path, port: int, handler: str) -> None:
    root = site / "server"
    assert run("create", "server", "--listen", str(port), "--pythonhandler", handler, cwd=site).returncode == 0
    conf = root / "conf" / "httpd.conf"
    conf.write_text(run("genconfig", root / "conf" / "httpd_conf.py").stdout)
    assert "PythonPath" not in conf.read_text()
    assert ("# " + "  PythonOption mod_python.wsgi.application" in conf.read_text()) == (handler == "mod_python.wsgi")
    assert f"Listen {port}\n" in conf.read_text()
    assert call(httpd_program(), "-t", "-f", conf).stderr == "Syntax OK\n"
    if handler == "mod_python.publisher":
        (root / "public" / "index.py").write_text("def index():\n    return 'published'\n")
        assert run("start", conf).returncode == 0
        assert wait_for(lambda: answers(port)) == "published"
        pid = int((root / "logs" / "httpd.pid").read_text())
        assert run("stop", conf).returncode == 0
        wait_for(lambda: not is_running(pid))


@pytest.mark.parametrize(("arguments", "says"), [
    (["start", "none.conf"], "mod_python start: there is no configuration {site}/none.conf\n"),
    (["stop", "none.conf"], "mod_python stop: there is no configuration {site}/none.conf\n"),
    (["restart", "none.conf"], "mod_python restart: there is no configuration {site}/none.conf\n"),
    (["genconfig", "none.py"], "mod_python genconfig: there is no script none.py\n"),
])
def test_a_file_that_is_not_there(site: Path, arguments: list[str], says: str) -> None:
    done = run(*arguments, cwd=site)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", says.format(site=site))


def test_a_script_that_fails_shows_its_traceback(site: Path) -> None:
    (site / "conf.py").write_text("import mod_python.version\nfrom mod_python.httpdconf import *\nprint(Listen(80))\n"
                                  "Container('text')\n")
    done = run("genconfig", "conf.py", cwd=site)
    assert (done.returncode, done.stdout) == (1, "Listen 80\n\n")
    assert "TypeError: a container takes Directive" in done.stderr and "conf.py" in done.stderr


@pytest.mark.parametrize("arguments", [["create"], ["create", "x"], ["genconfig"], ["start"], ["stop"], ["restart"]])
def test_wrong_usage_ends_with_status_2(site: Path, arguments: list[str]) -> None:
    done = run(*arguments, cwd=site)
    assert done.returncode == 2 and done.stderr.startswith(f"usage: mod_python {arguments[0]}")


def test_version_tells_what_belongs_together() -> None:
    done = run("version")
    assert (done.returncode, done.stderr) == (0, "")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["mod_python", "package", "module", "Python", "program", "prefix", "httpd", "program", "modules",
                     "configuration", "APR", "platform"]
    assert httpd_program() in done.stdout and "unknown" not in done.stdout


@pytest.mark.parametrize(
    "command", ["serve", "module-config", "create", "genconfig", "start", "stop", "restart", "version"])
def test_help_of_each_command(command: str) -> None:
    done = run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith(f"usage: mod_python {command}")
    assert command in run("--help").stdout
