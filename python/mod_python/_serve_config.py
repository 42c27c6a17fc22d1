"""The private httpd.conf of `mod_python serve`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mod_python import _httpd_modules
from mod_python._conf_text import quoted
from mod_python._serve_target import Target
from mod_python._users import Account

INTERPRETER = "main_interpreter"        # where each extension module works
CHILD = "mod_python._serve_child"

# What is never sent as a file: sources, and what is hidden but for the files of RFC 8615.
SECRET = r"(\.(py[a-z]?|psp[a-z_]?|wsgi)|~)$|/\.(?!well-known/)|/__pycache__/"

# A line for a terminal, and one for programs that read logs.
SHORT_FORMAT = r"%{%H:%M:%S}t %a \"%r\" %>s %b %{ms}Tms"
LONG_FORMAT = r"%a %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""


class Unsuitable(Exception):
    """Something can't be written in a configuration; the text says what to change."""


@dataclass(frozen=True)
class Settings:
    """All that the configuration depends on."""

    target: Target
    root: Path                          # the server's own files
    cwd: Path
    port: int
    load_lines: tuple[str, ...]         # of mod_python
    addresses: tuple[str, ...] = ("127.0.0.1",)
    name: str = "localhost"
    processes: int = 1
    threads: int = 16
    document_root: Path | None = None
    aliases: tuple[tuple[str, Path], ...] = ()
    static: bool = False
    log_level: str = "warn"
    https: tuple[Path, Path] | None = None
    http2: bool = False
    account: Account | None = None
    development: bool = True            # watched, and logging to the command, which is there to the end

    @property
    def url(self) -> str:
        scheme, usual = ("https", 443) if self.https else ("http", 80)
        return f"{scheme}://{self.name}{'' if self.port == usual else f':{self.port}'}/"

    @property
    def files(self) -> Path | None:
        """Where files are that are served as they are, if anywhere."""
        if self.static and self.document_root is None:
            return self.target.directory
        return self.document_root

    @property
    def is_site(self) -> bool:
        """Whether the target's files are pages, named by URLs."""
        return self.target.kind in ("publisher", "psp")


def configuration(settings: Settings) -> str:
    """The text of httpd.conf. Unsuitable or _httpd_modules.Missing if there can't be one."""
    parts = [_server, _modules, _network, _processes, _logs, _python, _access, TARGETS[settings.target.kind],
             _files, _aliases]
    texts = ["\n".join(part(settings)) for part in parts]
    if not settings.development:
        texts.append("# Yours.\nIncludeOptional local.conf")
    return "\n\n".join(filter(None, texts)) + "\n"


def _server(settings: Settings) -> Iterator[str]:
    yield "# Written by mod_python serve. Run it again to change it" + (
        "." if settings.development else ", or write what is to be added in local.conf.")
    yield f"ServerRoot {_path(settings.root)}"
    yield "DefaultRuntimeDir run"
    yield "PidFile run/httpd.pid"
    # httpd takes no IPv6 address for a name.
    yield f"ServerName {'localhost' if ':' in settings.name else settings.name}:{settings.port}"
    yield "ServerTokens Prod"
    yield "TraceEnable Off"
    if settings.account is not None:
        yield f"User {settings.account.user}"
        yield f"Group {settings.account.group}"


def _modules(settings: Settings) -> Iterator[str]:
    names = [f"mpm_{_httpd_modules.mpm()}", *_httpd_modules.BASE]
    if _httpd_modules.available("reqtimeout"):
        names.append("reqtimeout")
    if settings.is_site and settings.document_root is not None:
        names.append("rewrite")
    if settings.https:
        names += ["socache_shmcb", "ssl"]
    if settings.http2:
        names.append("http2")
    for symbol, file in _httpd_modules.to_load(names):
        yield f"LoadModule {symbol} {quoted(file)}"
    yield from settings.load_lines


def _network(settings: Settings) -> Iterator[str]:
    for address in settings.addresses:
        yield f"Listen {f'[{address}]' if ':' in address else address}:{settings.port}"
    if settings.development:        # the command looks whether it is served by connecting
        yield "AcceptFilter http none"
        yield "AcceptFilter https none"
    if settings.https:
        certificate, key = settings.https
        yield "SSLEngine On"
        yield "SSLProtocol -all +TLSv1.2 +TLSv1.3"
        yield f"SSLCertificateFile {_path(certificate)}"
        yield f"SSLCertificateKeyFile {_path(key)}"
        yield "SSLSessionCache shmcb:run/ssl_cache(512000)"
    if settings.http2:
        yield f"Protocols {'h2' if settings.https else 'h2c'} http/1.1"


def _processes(settings: Settings) -> Iterator[str]:
    total = settings.processes * settings.threads
    if _httpd_modules.mpm() == "prefork":
        yield f"StartServers {total}"
        yield f"ServerLimit {total}"
        yield f"MaxRequestWorkers {total}"
        yield f"MaxSpareServers {total + 1}"
    else:
        yield f"StartServers {settings.processes}"
        yield "# More than run, for those that still answer during a restart."
        yield f"ServerLimit {settings.processes * 2 + 2}"
        yield f"ThreadLimit {settings.threads}"
        yield f"ThreadsPerChild {settings.threads}"
        yield f"MaxRequestWorkers {total}"
        yield "MinSpareThreads 1"
        yield f"MaxSpareThreads {total + settings.threads}"
    yield "KeepAliveTimeout 5"
    yield "GracefulShutdownTimeout 30"


def _logs(settings: Settings) -> Iterator[str]:
    yield f"LogLevel {settings.log_level}"
    if settings.development:
        yield 'ErrorLogFormat "[%{c}t] [%-m:%l] %E: %M"'
        yield f'LogFormat "{SHORT_FORMAT}" short'
        yield "ErrorLog logs/error"
        yield "CustomLog logs/access short"
        return
    # httpd sends SIGTERM to its log programs when it ends; this one ends when it has passed on the last line.
    cat = f"|$trap '' TERM; exec {shutil.which('cat') or '/bin/cat'}"
    yield f'LogFormat "{LONG_FORMAT}" long'
    yield "# In the foreground all goes to the standard output, which systemd and docker keep."
    yield "<IfDefine FOREGROUND>"
    yield f'  ErrorLog "{cat}"'
    yield f'  CustomLog "{cat}" long'
    yield "</IfDefine>"
    yield "<IfDefine !FOREGROUND>"
    yield "  ErrorLog logs/error_log"
    yield "  CustomLog logs/access_log long"
    yield "</IfDefine>"


def _python(settings: Settings) -> Iterator[str]:
    yield f"PythonInterpreter {INTERPRETER}"
    where = _checked(settings.target.directory)
    yield f"PythonPath {quoted(f'[{where!r}] + sys.path')}"
    yield f"PythonAutoReload {'On' if settings.development else 'Off'}"
    yield f"PythonOption mod_python.serve.directory {_path(settings.cwd)}"
    if settings.development:
        yield "PythonOption mod_python.serve.watch On"
    yield f"PythonImport {CHILD}::start {INTERPRETER}"


def _access(settings: Settings) -> Iterator[str]:
    yield "TypesConfig mime.types"
    yield f"DocumentRoot {_path(_document_root(settings))}"
    yield "<Directory />"
    yield "  AllowOverride None"
    yield "  Options FollowSymLinks"
    yield "  Require all denied"
    yield "</Directory>"
    granted = {_document_root(settings), *([settings.document_root] if settings.document_root else [])}
    for directory in sorted(granted):
        yield f"<Directory {_path(directory)}>"
        yield "  Require all granted"
        yield "</Directory>"


def _document_root(settings: Settings) -> Path:
    if settings.is_site:
        return settings.target.directory
    return settings.files or settings.root / "htdocs"


# --- one function for each kind of target ---

def _handler(settings: Settings) -> Iterator[str]:
    file = settings.target.path
    name = file.stem if file.stem.isidentifier() else str(file)
    if re.search(r"[\s|]", name):
        raise Unsuitable(f"httpd takes no handler file with blanks or '|' in its path: rename {name}")
    yield f"PythonImport {name} {INTERPRETER}"
    yield from _everywhere(settings, [f"PythonHandler {name}"])


def _wsgi(settings: Settings) -> Iterator[str]:
    target = settings.target
    if target.module:
        application = f"{target.module}::{target.callable}"
        yield f"PythonImport {target.module} {INTERPRETER}"
    else:
        application = "mod_python._serve_script::application"
        yield f"PythonOption mod_python.serve.script {_path(target.path)}"
        yield f"PythonImport mod_python._serve_script::load {INTERPRETER}"
    yield from _everywhere(settings, ["PythonHandler mod_python.wsgi",
                                      f"PythonOption mod_python.wsgi.application {application}"])


def _publisher(settings: Settings) -> Iterator[str]:
    yield "DirectorySlash Off" if settings.files != settings.target.directory else "DirectoryIndex index.py index.html"
    yield f"<Directory {_path(settings.target.directory)}>"
    yield "  SetHandler mod_python"
    yield "  PythonHandler mod_python.publisher"
    yield "</Directory>"


def _psp(settings: Settings) -> Iterator[str]:
    target = settings.target
    index = "index.psp" if target.path == target.directory else quoted(_checked(target.path.name))
    yield f"<Directory {_path(target.directory)}>"
    yield f"  DirectoryIndex {index}" + (" index.html" if settings.static else "")
    yield r'  <FilesMatch "\.psp$">'
    yield "    SetHandler mod_python"
    yield "    PythonHandler mod_python.psp"
    yield "  </FilesMatch>"
    hidden = f"%{{REQUEST_FILENAME}} =~ m#{SECRET}#" if settings.static else "true"
    yield f'  <If "-f %{{REQUEST_FILENAME}} && %{{REQUEST_FILENAME}} !~ m#\\.psp$# && {hidden}">'
    yield "    Require all denied"
    yield "  </If>"
    yield "</Directory>"


TARGETS = {"handler": _handler, "wsgi": _wsgi, "publisher": _publisher, "psp": _psp}


def _everywhere(settings: Settings, lines: list[str]) -> Iterator[str]:
    """A section for all URLs. mod_python does not map those of a <Location> to files, so that one has none to offer."""
    files = settings.files or settings.aliases
    yield f"<Directory {_path(_document_root(settings))}>" if files else "<Location />"
    yield "  SetHandler mod_python"
    yield from (f"  {line}" for line in lines)
    yield "</Directory>" if files else "</Location>"


# --- files that httpd serves itself ---

def _files(settings: Settings) -> Iterator[str]:
    if settings.is_site and settings.document_root is not None:
        root = _path(settings.document_root)[1:-1]
        yield "RewriteEngine On"
        for end in ("", "index.html"):
            yield f'RewriteCond "{root}%{{REQUEST_URI}}{end}" -f'
            yield f'RewriteCond "%{{REQUEST_URI}}" "!{SECRET}"'
            yield f'RewriteRule "{"/$" if end else "^"}" "{root}%{{REQUEST_URI}}{end}" [END]'
    if (settings.is_site and not settings.static) or settings.target.kind == "psp":
        return
    if settings.files is None:
        yield "DirectoryIndex disabled"
        yield "DirectorySlash Off"
        return
    if not settings.is_site:
        yield "DirectoryIndex index.html"
    yield "# Files are sent as they are; what is not there, or hidden, is the handler's matter."
    yield f'<If "-f %{{REQUEST_FILENAME}} && %{{REQUEST_FILENAME}} !~ m#{SECRET}#">'
    yield "  SetHandler none"
    yield "</If>"


def _aliases(settings: Settings) -> Iterator[str]:
    for url, path in sorted(settings.aliases, key=lambda alias: -len(alias[0])):
        section = "Directory" if path.is_dir() else "Files"
        yield f"Alias {_path(url)} {_path(path)}"
        if section == "Directory":
            yield f"<Directory {_path(path)}>"
            yield "  Require all granted"
            yield "</Directory>"
        yield f"<Location {_path(url)}>"
        yield "  SetHandler none"
        if section == "Files":
            yield "  Require all granted"
        yield "</Location>"


def _path(path: Path | str) -> str:
    return quoted(_checked(path))


def _checked(path: Path | str) -> str:
    """The path as text; httpd takes some characters for patterns or variables, and has no way to write them."""
    text = str(path)
    if found := re.search(r'[\x00-\x1f"\\$%*?\[\]]', text):
        raise Unsuitable(f"httpd takes no {found[0]!r} in a path: rename {text!r}")
    return text
