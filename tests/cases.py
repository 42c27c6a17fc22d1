"""Test code that runs inside httpd: `/case/NAME` calls function NAME of cases.py and answers with its result's repr.

A module's FILES has "cases.py": CASES + its functions, and its CONF has CASES_CONF.
"""

from __future__ import annotations

import ast
from typing import Any

from httpd import Httpd

CASES_CONF = """
    <Location /case>
        SetHandler mod_python
        PythonHandler cases::dispatch
        PythonDebug On
    </Location>
"""

CASES = """
from mod_python import apache

def dispatch(req):
    value = globals()[req.uri.split("/")[2]](req)
    req.content_type = "text/plain"
    req.write(repr(value))
    return apache.OK

def raised(function, *args):
    'The name of the exception that the call raises, and its text.'
    try:
        function(*args)
    except Exception as error:
        return type(error).__name__, str(error)
    return None
"""


def case(httpd: Httpd, name: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Any:
    """What function `name` (a query may follow) of the module's cases.py returned."""
    r = httpd.request("GET" if body is None else "POST", f"/case/{name}", body, headers)
    assert r.status == 200, r.text
    return ast.literal_eval(r.text)
