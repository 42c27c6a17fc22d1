"""The C module `_apache`, under a name in the package, where its types are described (_apache.pyi).

Here it gets those of its functions that are written in Python, before anybody else can see it.
"""

import sys

try:
    import _apache
except ModuleNotFoundError:
    raise ModuleNotFoundError("mod_python.apache imports only inside httpd, which brings the C module _apache",
                              name="_apache") from None

from mod_python import _forms

_apache.parse_qs = _forms.parse_qs
_apache.parse_qsl = _forms.parse_qsl
sys.modules[__name__] = _apache
