"""`make demo`: serves examples/ with a private httpd until Ctrl-C or SIGTERM, and leaves nothing behind.

All files are in a fresh temporary directory. Started as root, httpd runs as a user without rights all the same.
The server's base configuration is that of the tests (tests/httpd.py).
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

TREE = Path(__file__).resolve().parent.parent
EXAMPLES = TREE / "examples"
FIRST_PORT = 8080
PR_SET_PDEATHSIG = 1


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve the examples with a private httpd, until Ctrl-C.")
    parser.add_argument("--apxs", default="apxs", help="httpd's apxs (default: from PATH)")
    parser.add_argument("--build", default="build", help="where mod_python.so is (default: build)")
    options = parser.parse_args()
    os.environ["MP_APXS"] = options.apxs  # tests/httpd.py reads these when it is imported
    os.environ["MP_BUILD"] = os.path.abspath(options.build)
    sys.path.insert(0, str(TREE / "tests"))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    work = Path(tempfile.mkdtemp(prefix="mod_python-demo-"))
    try:
        return Demo(work).run()
    except KeyboardInterrupt:
        return 0
    finally:
        shutil.rmtree(work)


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def free_ports() -> Iterator[int]:
    for port in range(FIRST_PORT, 65536):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                probe.listen()
            except OSError:
                continue
        yield port


class Demo:
    """The server from start to end; its files are in `work`."""

    def __init__(self, work: Path) -> None:
        import httpd  # not before main() has said which build

        self.tests = httpd
        self.work = work
        (work / "site").mkdir()
        self.user = self.user_without_rights()
        self.server = httpd.Httpd(
            work,
            f'Define EXAMPLES "{EXAMPLES}"\nDefine WORK "{work}/site"\nInclude "{EXAMPLES}/demo.conf"\n',
            children=2,
            threads=8,
        )

    def user_without_rights(self) -> pwd.struct_passwd | None:
        """Whom httpd runs as when we are root in a container that allows no user namespace; None: no need."""
        if os.getuid() != 0:
            return None
        try:
            subprocess.run(["true"], check=True, preexec_fn=self.tests.give_up_root)
        except (OSError, subprocess.SubprocessError):
            return pwd.getpwnam("nobody")
        return None

    def give_up_root(self) -> None:
        """In httpd's process, before exec. httpd is told to end when this process is gone, however it ended."""
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)
        elif os.getuid() == 0:
            self.tests.give_up_root()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

    def run(self) -> int:
        process = self.start()
        try:
            print(self.about(), flush=True)
            process.wait()
        finally:
            process.terminate()
            process.wait()
        print(f"httpd ended by itself, status {process.returncode}:\n{self.log()}", file=sys.stderr)
        return 1

    def about(self) -> str:
        text = (EXAMPLES / "ABOUT.txt").read_text(encoding="utf-8")
        text = text.replace("@URL@", f"http://127.0.0.1:{self.server.port}")
        return f"\n{text.rstrip()}\n\nIts error log: {self.server.log_file}"

    def start(self) -> subprocess.Popen[bytes]:
        for port in free_ports():
            process = self.launch(port)
            if self.serves(process):
                return process
            if "Address already in use" not in self.log():
                break
            self.server.log_file.unlink()  # someone else was faster: the next port
        sys.exit(f"httpd did not start:\n{self.log()}")

    def serves(self, process: subprocess.Popen[bytes]) -> bool:
        try:
            self.tests.wait_for(lambda: process.poll() is not None or self.answers(), what="httpd to answer")
        except BaseException:
            process.terminate()
            process.wait()
            raise
        return process.returncode is None

    def launch(self, port: int) -> subprocess.Popen[bytes]:
        self.server.port = port
        configuration = self.work / "conf" / "httpd.conf"
        configuration.write_text(self.server.configuration(self.server.conf))
        if self.user:
            self.give_files()
        environment = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        with open(self.work / "logs" / "stderr", "wb") as stderr:
            return subprocess.Popen(
                [self.tests.httpd_program(), "-DFOREGROUND", "-f", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                env=environment,
                start_new_session=True,  # Ctrl-C is for us; httpd's end is our matter
                preexec_fn=self.give_up_root,
            )

    def give_files(self) -> None:
        assert self.user is not None
        for directory, _, names in os.walk(self.work):
            for path in [directory, *(os.path.join(directory, name) for name in names)]:
                os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def answers(self) -> bool:
        try:
            return self.server.get("/").status > 0
        except OSError:
            return False

    def log(self) -> str:
        stderr: str = (self.work / "logs" / "stderr").read_text(errors="replace")
        return stderr + self.server.log_text()


if __name__ == "__main__":
    sys.exit(main())
