"""The command `mod_python`, or `python -m mod_python`: what an administrator does outside httpd."""

from __future__ import annotations

import argparse
import os
import platform
import runpy
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from mod_python import _conf_site, _httpd, _httpd_modules, _library, _serve, _users
from mod_python.version import version


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status. Usage errors end with status 2 (argparse)."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except BrokenPipeError:
        return 1
    except (OSError, _httpd_modules.Missing, _users.Wrong) as why:
        print(f"mod_python {options.command}: {why}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mod_python", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Python inside Apache httpd.", epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"mod_python {version}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str, more: str = "",
                ) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.{more}",
            formatter_class=argparse.RawDescriptionHelpFormatter)
        added.set_defaults(run=run)
        return added

    serve = command("serve", _serve_target, "serve a handler, pages or a WSGI application with an httpd of its own")
    _serve.add_arguments(serve)
    serve.set_defaults(parser=serve)
    command("module-config", _module_config,
            "print the lines that httpd.conf needs to load mod_python with this Python")
    create = command("create", _create, "make the directory of a server, with a script for its configuration", CREATE)
    create.add_argument("directory", metavar="DIR", help="the server's directory; it is made if it is not there")
    create.add_argument("--listen", default="8888", metavar="[ADDRESS:]PORT", help="where to listen (default: 8888)")
    create.add_argument("--pythonpath", default="", metavar="DIR[:DIR...]", help="directories for Python's path")
    create.add_argument("--pythonhandler", required=True, metavar="HANDLER",
                        help="what answers, such as mod_python.publisher, mod_python.wsgi, or a module of yours")
    create.add_argument("--pythonoption", action="append", default=[], metavar="'KEY VALUE'",
                        help="a PythonOption; may be given again")
    genconfig = command("genconfig", _genconfig, "run a script that prints a configuration", GENCONFIG)
    genconfig.add_argument("script", metavar="SCRIPT", help="such as the httpd_conf.py that create wrote")
    for name, action, text in (("start", "start", "start httpd with a configuration, in the background"),
                               ("stop", "graceful-stop", "stop the httpd of a configuration, when it has answered"),
                               ("restart", "graceful", "have httpd read its configuration and all code anew")):
        control = command(name, _control, text)
        control.add_argument("conf", metavar="HTTPD_CONF", help="the configuration file")
        control.set_defaults(action=action)
    command("version", _version, "print the versions and places of mod_python, Python, httpd and APR")
    return parser


EPILOG = """\
first steps:
  mod_python serve hello.py       see a handler work; Ctrl-C ends it
  mod_python module-config        what an httpd.conf of yours needs
  mod_python COMMAND --help       more about a command
"""

CREATE = """

Then change the script as you like, and

  mod_python genconfig DIR/conf/httpd_conf.py > DIR/conf/httpd.conf
  mod_python start DIR/conf/httpd.conf
"""

GENCONFIG = """

The script is Python; what it prints is the configuration:

  mod_python genconfig conf/httpd_conf.py > conf/httpd.conf
"""


# --- the commands; each returns its exit status ---

def _serve_target(options: argparse.Namespace) -> int:
    _serve.check_usage(options.parser, options)
    return _serve.serve(options)


def _module_config(options: argparse.Namespace) -> int:
    for line in _library.module_config():
        print(line)
    return 0


def _create(options: argparse.Namespace) -> int:
    comments = []
    if options.pythonhandler == "mod_python.wsgi":
        comments = ["mod_python.wsgi needs to know the application, a module or module::name:\n"
                    "  PythonOption mod_python.wsgi.application mysite.wsgi::application\n"
                    "and, if it is not at the section's own URL, where it is:\n"
                    "  PythonOption mod_python.wsgi.base_uri /mysite"]
    script = _conf_site.write_basic_config(
        options.directory, options.listen, pythonhandler=options.pythonhandler,
        pythonpath=[part for part in options.pythonpath.split(":") if part], pythonoptions=options.pythonoption,
        mp_comments=comments)
    if script is None:
        return 1
    conf = Path(script).with_name("httpd.conf")
    print(f"Written: {script}\nChange it as you like, and then:\n"
          f"  mod_python genconfig {script} > {conf}\n  mod_python start {conf}")
    return 0


def _genconfig(options: argparse.Namespace) -> int:
    if not Path(options.script).is_file():
        raise FileNotFoundError(f"there is no script {options.script}")
    try:
        runpy.run_path(options.script, run_name="__main__")
    except Exception:
        traceback.print_exc()       # whoever wrote the script wants to see all of it
        return 1
    return 0


def _control(options: argparse.Namespace) -> int:
    conf = Path(options.conf).absolute()
    if not conf.is_file():
        raise FileNotFoundError(f"there is no configuration {conf}")
    program = _httpd_modules.program()
    os.execv(program, [program, "-f", str(conf), "-k", options.action])


def _version(options: argparse.Namespace) -> int:
    def known(name: str) -> str:
        try:
            return _httpd.fact(name)
        except _httpd.Unknown as why:
            return f"unknown: {why}"

    facts = {
        "mod_python": version, "  package": str(_library.PACKAGE), "  module": known("TEST_MOD_PYTHON_SO"),
        "Python": sys.version.replace("\n", " "), "  program": sys.executable, "  prefix": sys.prefix,
        "httpd": known("HTTPD_VERSION"), "  program ": known("HTTPD"), "  modules": known("LIBEXECDIR"),
        "  configuration": known("SYSCONFDIR"), "APR": known("APR_VERSION"), "platform": platform.platform(),
    }
    for name, value in facts.items():
        print(f"{name.rstrip():<16}{value}")
    return 0
