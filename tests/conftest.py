"""The server fixture: one httpd per test module, made from the module's own variables.

CONF and FILES are required words of such a module; MPMS, MODULES, CHILDREN, THREADS, LOG_LEVEL, ENVIRONMENT and PORTS
are optional (see Httpd). A module with several MPMS runs once under each.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

from httpd import Httpd

# A busy machine is no failure; what failed elsewhere is not remembered here; and CI sees the same examples each time.
settings.register_profile("tree", deadline=None, database=None, derandomize="CI" in os.environ)
settings.load_profile("tree")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "httpd" in metafunc.fixturenames:
        metafunc.parametrize("httpd", getattr(metafunc.module, "MPMS", ("event",)), indirect=True, scope="module")


@pytest.fixture(scope="module")
def httpd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Httpd]:
    module = request.module
    options = {option: getattr(module, option.upper())
               for option in ("modules", "children", "threads", "log_level", "environment", "ports")
               if hasattr(module, option.upper())}
    server = Httpd(tmp_path_factory.mktemp("httpd"), module.CONF, module.FILES, mpm=request.param, **options)
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
