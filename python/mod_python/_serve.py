"""`mod_python serve TARGET`: from its options to a server that runs, or to one that is set up."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from mod_python import _httpd_modules, _library, _serve_config, _serve_setup, _serve_target, _users
from mod_python._serve_config import Settings
from mod_python._serve_process import Failed, Server

LOG_LEVELS = ("error", "warn", "notice", "info", "debug", *(f"trace{number}" for number in range(1, 9)))

# What stops a start, with one line for the administrator.
Problems = (Failed, _serve_target.Unclear, _serve_config.Unsuitable, _httpd_modules.Missing, _users.Wrong,
            FileNotFoundError)

DESCRIPTION = """\
Serve TARGET with an httpd of its own, until Ctrl-C. Nothing of the system's httpd is read or changed.

TARGET is one of
  a .py file with a function `handler`           answered by that handler
  a .wsgi file, or a .py file with `application` answered by that WSGI application
  module:callable                                the same, for a module below the current directory or installed
  a directory with .psp files, or one of them    its pages; index.psp is /
  another directory with .py files               published: /page/function calls function() of page.py
"""

EXAMPLES = """\
examples:
  mod_python serve hello.py                       a handler, on http://127.0.0.1:8000/
  mod_python serve shop.wsgi:application --port 8080 --alias /static ./static
  mod_python serve site/ --static                 pages, and the style sheets and images beside them
  mod_python serve app.wsgi --host 0.0.0.0        for other machines, too
  mod_python serve app.wsgi --https cert.pem key.pem --http2
  mod_python serve app.wsgi --setup-only /srv/server && /srv/server/control start

Changed code is loaded anew, by itself. Access lines go to the standard output, errors to the standard error. The exit
status is 0 after Ctrl-C or SIGTERM, 1 if the server can't start or breaks off, 2 for wrong usage.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("target", metavar="TARGET", help="what to serve, see above")
    parser.add_argument("--as", dest="kind", choices=_serve_target.KINDS, help="what TARGET is, where it is not clear")
    network = parser.add_argument_group("network")
    network.add_argument("--port", type=_port, default=8000, help="default: 8000; 0 takes a free one")
    network.add_argument("--host", default="127.0.0.1",
                         help="address to listen on (default: 127.0.0.1, this machine only; 0.0.0.0: all)")
    network.add_argument("--https", nargs=2, type=Path, metavar=("CERT", "KEY"), help="speak https, with these files")
    network.add_argument("--http2", action="store_true", help="speak HTTP/2 as well")
    capacity = parser.add_argument_group("capacity")
    capacity.add_argument("--processes", type=_count, default=1, metavar="N",
                          help="processes that answer (default: 1); they share no variables")
    capacity.add_argument("--threads", type=_count, default=16, metavar="N",
                          help="threads in each, so many requests at once (default: 16)")
    files = parser.add_argument_group("files that httpd sends as they are")
    files.add_argument("--document-root", type=Path, metavar="DIR",
                       help="files in DIR go before the target: /x.css is DIR/x.css, if there is one")
    files.add_argument("--static", action="store_true",
                       help="the same for the target's directory; no sources and no hidden files")
    files.add_argument("--alias", nargs=2, action="append", default=[], metavar=("URL", "PATH"),
                       help="URL is the file or the directory PATH; may be given again")
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="warn", metavar="LEVEL",
                        help=f"default: warn; one of {', '.join(LOG_LEVELS[:5])}, trace1 to trace8")
    root = parser.add_argument_group("started by root")
    root.add_argument("--user", metavar="NAME", help="who answers requests (default: www-data, apache or nobody)")
    root.add_argument("--group", metavar="NAME", help="default: that user's")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--print-config", action="store_true", help="print httpd's configuration, and start nothing")
    instead.add_argument("--setup-only", type=Path, metavar="DIR",
                         help="write configuration and control script into DIR, for systemd or docker; start nothing")


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number up to 65535, not {text}")
    return port


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 20000:
        raise argparse.ArgumentTypeError(f"must be at least 1, and at most 20000, not {text}")
    return count


def check_usage(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Ends with a usage error where options do not fit together."""
    if options.static and options.document_root is not None:
        parser.error("--static takes the target's directory for --document-root: give one of them")
    if options.port == 0 and (options.print_config or options.setup_only):
        parser.error("--port 0 means a free port now, but this is for later: give a number")
    for url, _ in options.alias:
        if not url.startswith("/") or url.strip("/") == "":
            parser.error(f"--alias {url}: the URL begins with /, and is not / alone (that is --document-root)")


def serve(options: argparse.Namespace) -> int:
    """Does what the options say; returns the exit status."""
    try:
        if options.setup_only is not None:
            return _set_up(options)
        if options.print_config:
            print(_serve_config.configuration(_settings(options, Path(tempfile.gettempdir(), "mod_python-serve"))),
                  end="")
            return 0
        return _run(options)
    except Problems as why:
        print(f"mod_python serve: {why}", file=sys.stderr)
    except OSError as why:
        print(f"mod_python serve: {why.filename or 'the system'}: {why.strerror or why}", file=sys.stderr)
    return 1


def _run(options: argparse.Namespace) -> int:
    attempts = 1 if options.port else 5     # with --port 0, somebody may take the port that was free a moment ago
    while True:
        attempts -= 1
        with _private_directory() as root:
            settings = _settings(options, root)
            _check_readable(settings)
            _serve_setup.write(settings)
            server = Server(root, settings.port, _to_connect(settings.addresses[0]),
                            verbose=settings.log_level not in LOG_LEVELS[:3])
            try:
                return server.run(partial(_announce, settings))
            except Failed as why:
                if "Address already in use" not in str(why):
                    raise
                if not attempts:
                    raise Failed(_in_use(settings.port)) from None


@contextmanager
def _private_directory() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="mod_python-serve-"))
    try:
        if os.getuid() == 0:
            root.chmod(0o755)       # children have another user
        yield root.resolve()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _set_up(options: argparse.Namespace) -> int:
    root = Path(os.path.abspath(options.setup_only))
    settings = _settings(options, root)
    _serve_setup.write(settings)
    control = _serve_setup.write_control(settings)
    print(f"{control} run|start|stop|restart|configtest")
    return 0


def _announce(settings: Settings) -> None:
    target = settings.target
    what = f"{target.module}:{target.callable}" if target.module else target.path
    kinds = {"handler": "handler", "wsgi": "WSGI application", "publisher": "publisher", "psp": "PSP"}
    print(f"mod_python serve: {what} ({kinds[target.kind]}) on {settings.url}", flush=True)
    if settings.account is not None:
        print(f"Requests are answered as user {settings.account.user} (--user).", flush=True)
    print("Ctrl-C stops it.", flush=True)


# --- from options to settings ---

def _settings(options: argparse.Namespace, root: Path) -> Settings:
    stays = options.setup_only is not None
    starts = not stays and not options.print_config
    target = _serve_target.find(options.target, options.kind)
    load_lines = tuple(_library.module_config())
    _httpd_modules.program()
    if options.https:
        _check_certificate(*options.https)
    family, address = _resolve(options.host)
    port = options.port
    if starts:
        port = _free(family, address, port)
    return Settings(
        target=target, root=root, cwd=Path.cwd(), port=port, load_lines=load_lines, addresses=(address,),
        name=_name_for_urls(options.host, address), processes=options.processes, threads=options.threads,
        document_root=_directory(options.document_root), static=options.static,
        aliases=tuple((f"/{url.strip('/')}", _existing(Path(path))) for url, path in options.alias),
        log_level=options.log_level,
        https=(options.https[0].resolve(), options.https[1].resolve()) if options.https else None,
        http2=options.http2, account=_users.account(options.user, options.group), development=not stays)


def _directory(path: Path | None) -> Path | None:
    if path is not None and not path.is_dir():
        raise Failed(f"--document-root: there is no directory {path}")
    return Path(os.path.abspath(path)) if path is not None else None


def _existing(path: Path) -> Path:
    if not path.exists():
        raise Failed(f"--alias: there is no file or directory {path}")
    return Path(os.path.abspath(path))


def _resolve(host: str) -> tuple[socket.AddressFamily, str]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as why:
        raise Failed(f"--host {host}: {getattr(why, 'strerror', None) or why}") from None
    return family, str(address[0])


def _name_for_urls(host: str, address: str) -> str:
    if address in ("0.0.0.0", "::"):
        return "localhost"
    return f"[{address}]" if ":" in host else host


def _to_connect(address: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)


def _free(family: socket.AddressFamily, address: str, port: int) -> int:
    """The port, if it can be listened on; for 0 one that can."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)     # as httpd does
        try:
            probe.bind((address, port))
            probe.listen()
        except PermissionError:
            raise Failed(f"port {port} is for root only: take one above 1023 with --port") from None
        except OSError as why:
            if "in use" in str(why):
                raise Failed(_in_use(port)) from None
            raise Failed(f"can't listen on {address}, port {port}: {why.strerror}") from None
        return int(probe.getsockname()[1])


def _in_use(port: int) -> str:
    return f"port {port} is in use: choose another with --port"


def _check_certificate(certificate: Path, key: Path) -> None:
    for file in (certificate, key):
        if not file.is_file():
            raise Failed(f"--https: there is no file {file}")

    def no_password() -> str:
        raise Failed(f"--https: the key {key} has a passphrase: write it without one")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, no_password)
    except ssl.SSLError as why:
        reason = "the key is not that of the certificate" if "MISMATCH" in str(why) else why.reason or str(why)
        raise Failed(f"--https: {certificate} and {key} are no certificate and its key in PEM form: {reason}") from None


def _check_readable(settings: Settings) -> None:
    """Says early what the children of a root parent could not read."""
    who = settings.account
    if who is None or os.getuid() != 0:
        return
    needed = {"Python": Path(os.__file__), "mod_python": Path(__file__), "TARGET": settings.target.path}
    for what, path in needed.items():
        if found := _users.unreadable(who, path):
            raise Failed(f"user {who.user}, who answers requests, can't read {path} ({what}), because of {found}:"
                         " change its permissions, or choose another user with --user")
