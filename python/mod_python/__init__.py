"""mod_python: Python inside the Apache HTTP server.

Handlers import `mod_python.apache`, which is there only inside httpd. The package itself, and its modules that need
no server, import anywhere.
"""

from mod_python.version import version as mp_version

__all__ = ["mp_version"]
