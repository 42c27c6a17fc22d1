"""Empty: here once was what Python 2.2 lacked. `from mod_python.python22 import *` still works."""

__all__: list[str] = []
