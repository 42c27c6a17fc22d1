"""The C module `_apache`, under a name in the package, where its types are described (_apache.pyi)."""

import sys

try:
    import _apache
except ModuleNotFoundError:
    raise ModuleNotFoundError("mod_python.apache imports only inside httpd, which brings the C module _apache",
                              name="_apache") from None

sys.modules[__name__] = _apache
