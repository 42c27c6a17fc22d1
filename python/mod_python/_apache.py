"""The C module `_apache`, under a name in the package, where its types are described (_apache.pyi)."""

import sys

import _apache

sys.modules[__name__] = _apache
