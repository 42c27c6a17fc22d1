"""The server fixture: one httpd per test module, made from the module's own variables.

CONF and FILES are required words of such a module; MPMS, MODULES, CHILDREN, THREADS, LOG_LEVEL, ENVIRONMENT, PORTS and
GROUP_OPTIONS are optional (see Httpd). A module with several MPMS runs once under each. Modules about WSGI run once
more, under event, with their applications in a process group ("daemon"), unless MODES says otherwise.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

from httpd import Httpd

# A busy machine is no failure; what failed elsewhere is not remembered here; and CI sees the same examples each time.
settings.register_profile("tree", deadline=None, database=None, derandomize="CI" in os.environ)
settings.load_profile("tree")


def servers(module: ModuleType) -> Iterator[str]:
    """Under which MPMs a module's server runs, and "daemon"."""
    room = Path(str(module.__file__)).parent.name
    modes = getattr(module, "MODES", ("embedded", "daemon") if room in ("wsgi", "wsgi_apps") else ("embedded",))
    if "embedded" in modes:
        yield from getattr(module, "MPMS", ("event",))
    if "daemon" in modes:
        yield "daemon"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "httpd" in metafunc.fixturenames:
        metafunc.parametrize("httpd", list(servers(metafunc.module)), indirect=True, scope="module")


@pytest.fixture(scope="module")
def httpd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Httpd]:
    module = request.module
    options = {option: getattr(module, option.upper())
               for option in ("modules", "children", "threads", "log_level", "environment", "ports", "group_options")
               if hasattr(module, option.upper())}
    mpm, group = ("event", "shop") if request.param == "daemon" else (request.param, "")
    server = Httpd(tmp_path_factory.mktemp("httpd"), module.CONF, module.FILES, mpm=mpm, group=group, **options)
    with server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
        item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    server = getattr(item, "funcargs", {}).get("httpd")
    if report.failed and isinstance(server, Httpd):
        report.sections.append(("error log", server.log_text()[-8000:]))
    return report
