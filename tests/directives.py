"""What `httpd -t` says of configuration lines, and the sections that they may stand in."""

from __future__ import annotations

from httpd import Httpd

SECTIONS = ("Directory /x", "DirectoryMatch ^/x", "Files x", "FilesMatch x", "Location /x", "LocationMatch ^/x",
            'If "true"')


def section(kind: str, line: str) -> str:
    return f"<{kind}>\n{line}\n</{kind.split()[0]}>\n"


def accepted(httpd: Httpd, conf: str) -> None:
    status, output = httpd.configtest(conf)
    assert (status, output.strip()) == (0, "Syntax OK"), output


def refused(httpd: Httpd, conf: str, *words: str) -> None:
    """It is an error, whose message has these words."""
    status, output = httpd.configtest(conf)
    assert status != 0
    for word in words:
        assert word in output, output
