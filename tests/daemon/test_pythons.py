"""Several Pythons in one httpd, and none where none is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from httpd import Httpd, engine_files, engine_version, linked_libraries, wait_for

SCRIPT = """
import sys

def application(environ, start_response):
    start_response("200 OK", [])
    return [repr((sys.version_info[:2], sys.prefix)).encode()]
"""
ALLOWED = '<Directory "${root}/site">\n  Require all granted\n</Directory>\n'


def home(engine: Path) -> Path:
    """The directory of the Python that the engine was built for."""
    libpython = next(path for name, path in linked_libraries(engine).items() if name.startswith("libpython"))
    minor = engine_version(engine)[1]
    return next(place for place in Path(libpython).resolve().parents if (place / f"bin/python3.{minor}").exists())


def told(server: Httpd, url: str) -> tuple[tuple[int, int], str]:
    answer = server.get(url)
    assert answer.status == 200
    version, prefix = eval(answer.text)
    return version, prefix


@pytest.mark.skipif(len(engine_files()) < 2, reason="there is only one engine here: configure --with-python=A,B")
def test_each_group_has_the_python_of_its_home(tmp_path: Path) -> None:
    engines = engine_files()
    lines = [ALLOWED, 'WSGIScriptAlias /here "${root}/site/app.wsgi" application-group=%{GLOBAL}']
    for number, engine in enumerate(engines):
        lines.append(f"""
            WSGIDaemonProcess p{number} threads=2 python-home={home(engine)}
            WSGIScriptAlias /p{number} "${{root}}/site/app.wsgi" process-group=p{number} application-group=%{{GLOBAL}}
        """)
    with Httpd(tmp_path, "\n".join(lines), {"site/app.wsgi": SCRIPT}) as server:
        for _ in range(3):
            assert told(server, "/here")[0] == server.python_version()[:2]
            for number, engine in enumerate(engines):
                assert told(server, f"/p{number}") == (engine_version(engine)[:2], str(home(engine)))


def children(server: Httpd) -> list[Path]:
    """What httpd's children have mapped; the supervisor of the groups is none of them."""
    return [Path(f"/proc/{pid}/maps") for pid in server.child_pids()
            if Path(f"/proc/{pid}/comm").read_text().strip() != "mp-supervisor"]


def have_python(server: Httpd) -> list[bool]:
    return ["libpython" in maps.read_text() for maps in children(server)]


CONF = f"""
    WSGIRestrictEmbedded On
    WSGIDaemonProcess shop threads=2
    WSGIImportScript "${{root}}/site/app.wsgi" process-group=shop application-group=%{{GLOBAL}}
    WSGIScriptAlias /shop "${{root}}/site/app.wsgi" process-group=shop application-group=%{{GLOBAL}}
    WSGIScriptAlias /here "${{root}}/site/app.wsgi" application-group=%{{GLOBAL}}
    {ALLOWED}
"""
FILES = {
    "site/app.wsgi": SCRIPT,
    "htdocs/tree/page": "",
    "htdocs/tree/.htaccess": "SetHandler mod_python\nPythonHandler x",
}


def test_children_without_work_for_python_have_none(tmp_path: Path) -> None:
    conf = CONF + '<Directory "${htdocs}/tree">\n  AllowOverride All\n</Directory>'
    with Httpd(tmp_path, conf, FILES) as server:
        assert told(server, "/shop")[0] == server.python_version()[:2]
        assert have_python(server) == [False]
        assert server.get("/here").status == 500
        server.claim("MP0312: ")
        assert server.get("/tree/page").status == 500
        server.claim("MP0210: PythonHandler can't run, because this process has no Python: WSGIRestrictEmbedded is On")


@pytest.mark.parametrize("line", [
    "PythonFixupHandler nothing::nothing | .none",
    "PythonOutputFilter nothing NOTHING",
    "PythonImport sys main_interpreter",
    'WSGIImportScript "${root}/site/app.wsgi" process-group=%{GLOBAL} application-group=%{GLOBAL}',
    '<Directory "${root}">\n  WSGIAccessScript "${root}/site/app.wsgi"\n</Directory>',
])
def test_children_have_python_where_a_directive_runs_it(tmp_path: Path, line: str) -> None:
    with Httpd(tmp_path, CONF + line, FILES) as server:
        wait_for(lambda: have_python(server) == [True], what="Python in the child")
