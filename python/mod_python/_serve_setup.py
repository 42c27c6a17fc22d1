"""The files of a server of `mod_python serve`: for one run, or, with --setup-only, to stay."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from mod_python import _httpd_modules, _mime_types
from mod_python._serve_config import Settings, configuration

CONTROL = """\
#!/bin/sh
# Written by mod_python serve --setup-only. systemd and docker want `control run`, which stays in the foreground.
set -eu
httpd={httpd}
root={root}

case "${{1-}}" in
    run)        exec "$httpd" -f "$root/httpd.conf" -DFOREGROUND ;;
    start)      exec "$httpd" -f "$root/httpd.conf" -k start ;;
    stop)       exec "$httpd" -f "$root/httpd.conf" -k graceful-stop ;;
    restart)    exec "$httpd" -f "$root/httpd.conf" -k graceful ;;
    configtest) exec "$httpd" -f "$root/httpd.conf" -t ;;
esac
cat >&2 <<'END'
usage: control run|start|stop|restart|configtest
  run         serve in the foreground, with all logs on the standard output
  start       serve in the background, with logs in logs/
  stop        stop, when what is being answered has been answered
  restart     start new processes, which read configuration and code anew; the old ones end as with stop
  configtest  look whether the configuration is right
END
exit 2
"""

LOCAL = """\
# Directives of yours for this server. They are read last; mod_python serve does not write this file again.
"""


def write(settings: Settings) -> None:
    """Writes all that httpd needs below settings.root."""
    text = configuration(settings)      # may refuse: then nothing is written
    for name in (".", "run", "logs", "htdocs"):
        (settings.root / name).mkdir(parents=True, exist_ok=True)
    (settings.root / "mime.types").write_text(_mime_types.text(), encoding="utf-8")
    (settings.root / "httpd.conf").write_text(text, encoding="utf-8")


def write_control(settings: Settings) -> Path:
    """Writes the control script, and local.conf if there is none; returns the script's path."""
    control = settings.root / "control"
    control.write_text(CONTROL.format(httpd=shlex.quote(_httpd_modules.program()),
                                      root=shlex.quote(os.fspath(settings.root))), encoding="utf-8")
    control.chmod(0o755)
    local = settings.root / "local.conf"
    if not local.exists():
        local.write_text(LOCAL, encoding="utf-8")
    return control
