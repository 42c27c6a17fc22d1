"""The browser fixture: Debian's Chromium without a window, driven by its chromedriver; one for a test module.

It knows no host but 127.0.0.1, keeps its files in a directory of its own, and asks nobody for updates.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from client import TIMEOUT
from httpd import Httpd
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from site_browser import Browser

NETWORK = [
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-features=AutofillServerCommunication,OptimizationHints,MediaRouter,Translate",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
]
PREFERENCES = {
    "credentials_enable_service": False,
    "profile.password_manager_enabled": False,
    "profile.password_manager_leak_detection": False,
    "signin.allowed": False,
}


def program(name: str) -> str:
    """Where a Debian package's program is. Without it the tests are skipped, but in CI they fail."""
    found = shutil.which(name)
    if found is None:
        reason = f"there is no {name}: apt-get install chromium chromium-driver"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def chrome(httpd: Httpd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """It ends before the server does: a browser keeps connections open on which it has not asked for anything."""
    home = tmp_path_factory.mktemp("browser")
    options = ChromeOptions()
    options.binary_location = program("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.add_experimental_option("prefs", PREFERENCES)
    for flag in [*NETWORK, "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,900",
                 f"--user-data-dir={home / 'profile'}"]:
        options.add_argument(flag)
    if os.getuid() == 0:
        options.add_argument("--no-sandbox")
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    # With a driver named here, selenium looks for none, and downloads none.
    service = ChromeService(program("chromedriver"), env=environment, log_output=str(home / "chromedriver.log"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "localhost,127.0.0.1")
        patch.setenv("no_proxy", "localhost,127.0.0.1")
        driver = Chrome(options, service)
        try:
            driver.set_page_load_timeout(TIMEOUT)
            yield driver
        finally:
            driver.quit()


@pytest.fixture
def browser(chrome: Chrome, httpd: Httpd) -> Iterator[Browser]:
    """At the start page, without a cookie."""
    browser = Browser(chrome, f"http://127.0.0.1:{httpd.port}")
    browser.open("/")
    chrome.delete_all_cookies()
    browser.complaints()
    yield browser
    chrome.get("about:blank")
