"""The version of the Python half, which must be that of the C half; and the httpd that both were built for.

What belongs to httpd is looked up when it is first asked for, since most never ask.
"""

import sys
from typing import TYPE_CHECKING

version = "4.0.0"
"""As text, such as '4.0.0'."""

PYTHON_BIN = sys.executable
"""The Python that runs this."""
HTTPD: str
"""httpd's program."""
HTTPD_VERSION: str
"""Its version, such as '2.4.62'."""
APR_VERSION: str
"""The version of its APR."""
LIBEXECDIR: str
"""The directory of its modules."""
SYSCONFDIR: str
"""The directory of its configuration."""
TEST_MOD_PYTHON_SO: str
"""The mod_python.so of this package."""
TESTHOME: str
"""The directory of the tests of a source tree; elsewhere ''."""

__all__ = ["APR_VERSION", "HTTPD", "HTTPD_VERSION", "LIBEXECDIR", "PYTHON_BIN", "SYSCONFDIR", "TESTHOME",
           "TEST_MOD_PYTHON_SO", "version"]

if not TYPE_CHECKING:       # else every name would do for mypy
    def __getattr__(name: str) -> str:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from mod_python import _httpd

        try:
            value = globals()[name] = _httpd.fact(name)
        except _httpd.Unknown as why:
            raise AttributeError(f"mod_python.version.{name} is not known: {why}") from why
        return value
