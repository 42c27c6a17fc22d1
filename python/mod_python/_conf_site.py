"""write_basic_config(): a directory for a server, and the script that makes its configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from mod_python import _conf_directives as conf
from mod_python import _httpd_modules, _library, _mime_types, _users
from mod_python._conf_text import Comment, Container, Item, quoted

SCRIPT = '''\
#!{python}
"""The configuration of httpd for {root}.

Change it here, then write it down anew, and have httpd read it:

    {command} genconfig {script} > {target}
    {command} restart {target}
"""

import mod_python.version
from mod_python.httpdconf import *

basic = {basic!r}

python = {python_part!r}

site = {site!r}

print(basic)
print(python)
print(site)
'''


def write_basic_config(server_root: str, listen: str | int = "0.0.0.0:8888", conf: str = "conf", logs: str = "logs",
                       htdocs: str = "public", pythonhandler: str = "mod_python.publisher",
                       pythonpath: Sequence[str] = (), pythonoptions: Sequence[str] = (),
                       mp_comments: Sequence[str] = (), conf_name: str = "httpd_conf.py", createdirs: bool = True,
                       replace_config: bool = False) -> str | None:
    """Writes a script that prints a configuration, for you to change; returns its path.

    server_root gets the directories conf, logs and htdocs, and conf gets mime.types. pythonhandler answers what is
    asked for below htdocs, with pythonpath in front of sys.path and pythonoptions, each "key value". mp_comments stand
    as comments in the part for mod_python.

    A script that exists is left alone, unless replace_config is true: the result is None then. OSError if something
    can't be written; mod_python's own errors say what is missing for a server.
    """
    root = os.path.abspath(server_root)
    conf_dir, log_dir, document_root = (os.path.join(root, name) for name in (conf, logs, htdocs))
    script = os.path.join(conf_dir, conf_name)
    if os.path.exists(script) and not replace_config:
        print(f"mod_python: {script} exists and stays as it is", file=sys.stderr)
        return None
    parts = {
        "basic": _basic(root, listen, conf_dir, log_dir, document_root),
        "python_part": _python(mp_comments, pythonpath, pythonoptions),
        "site": _site(document_root, pythonhandler),
    }
    if createdirs:
        for directory in (root, conf_dir, log_dir, document_root):
            _make(directory)
    mime_types = os.path.join(conf_dir, "mime.types")
    if not os.path.exists(mime_types):
        with open(mime_types, "w", encoding="utf-8") as stream:
            stream.write(_mime_types.text())
    names = {"root": root, "script": script, "target": os.path.join(conf_dir, "httpd.conf"), "command": "mod_python"}
    plain = {name: text.replace("\\", "\\\\").replace('"', '\\"') for name, text in names.items()}
    text = SCRIPT.format(python=sys.executable, **plain, **parts)
    with open(script, "w", encoding="utf-8") as stream:
        stream.write(text)
    return script


def _make(directory: str) -> None:
    try:
        os.makedirs(directory)
    except FileExistsError:
        if not os.path.isdir(directory):
            raise
        print(f"mod_python: warning: {directory} exists already", file=sys.stderr)


def _basic(root: str, listen: str | int, conf_dir: str, log_dir: str, document_root: str) -> Container:
    modules = [f"mpm_{_httpd_modules.mpm()}", *_httpd_modules.BASE, "authz_host"]
    port = str(listen).rpartition(":")[2]
    who = _users.account()
    user = [conf.User(who.user), conf.Group(who.group)] if who is not None else []
    return Container(
        conf.ServerRoot(quoted(root)),
        *(conf.LoadModule(f"{symbol} {quoted(file)}") for symbol, file in _httpd_modules.to_load(modules)),
        conf.Listen(listen),
        conf.ServerName(f"localhost:{port}"),
        *user,
        conf.PidFile(quoted(os.path.join(log_dir, "httpd.pid"))),
        conf.DefaultRuntimeDir(quoted(log_dir)),
        conf.ErrorLog(quoted(os.path.join(log_dir, "error_log"))),
        conf.LogLevel("warn"),
        conf.LogFormat(r'"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\"" combined'),
        conf.CustomLog(quoted(os.path.join(log_dir, "access_log")) + " combined"),
        conf.TypesConfig(quoted(os.path.join(conf_dir, "mime.types"))),
        conf.DocumentRoot(quoted(document_root)),
        conf.Directory("/", conf.Require("all denied")),
    )


def _python(comments: Sequence[str], path: Sequence[str], options: Sequence[str]) -> Container:
    items: list[Item] = [Comment("Which mod_python and which Python.")]
    for line in _library.module_config():
        name, _, value = line.partition(" ")
        items.append(getattr(conf, name)(value))
    items += [Comment(text) for text in comments]
    directories = [directory for directory in path if directory]
    if directories:
        items.append(conf.PythonPath(quoted(f"{directories!r} + sys.path")))
    items += [conf.PythonOption(option) for option in options]
    return Container(*items)


def _site(document_root: str, handler: str) -> Container:
    return Container(
        conf.Directory(
            quoted(document_root),
            conf.Require("all granted"),
            conf.SetHandler("mod_python"),
            conf.PythonHandler(handler),
            Comment("PythonDebug On shows tracebacks to whoever asks."),
            conf.PythonDebug("Off"),
        ),
    )
