"""A client of the applications here: `requests` with the server's address, a time limit and no settings of the machine.

VENV_CONF gives httpd the packages of the Python that runs the tests.
"""

from __future__ import annotations

import sys
from typing import Any

import requests
from client import TIMEOUT
from httpd import Httpd

VENV_CONF = f"""
WSGIPythonHome "{sys.prefix}"
"""


class Visitor(requests.Session):
    """Cookies and connections of one browser; it takes paths for URLs."""

    def __init__(self, httpd: Httpd) -> None:
        super().__init__()
        self.trust_env = False
        self.site = f"http://127.0.0.1:{httpd.port}"

    def request(self, method: str, url: str, *args: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        return super().request(method, self.site + url, *args, timeout=TIMEOUT, **options)
