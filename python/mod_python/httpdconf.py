"""Configurations of httpd as Python objects::

    from mod_python.httpdconf import *

    site = Container(
        Listen(8080),
        Directory("/srv/site",
            Require("all granted"),
            SetHandler("mod_python"),
            PythonHandler("hello"),
        ),
    )
    print(site)

str() of each is text for httpd, repr() Python source that makes it again. A script that prints its configuration is for
`mod_python genconfig`; write_basic_config(), and `mod_python create`, write such a script.

There is a class for each directive of mod_python's, and for those of httpd's that it needs most; Directive and
ContainerTag make the others.
"""

from mod_python._conf_directives import *  # noqa: F403
from mod_python._conf_site import write_basic_config as write_basic_config
from mod_python._conf_text import Comment as Comment
from mod_python._conf_text import Container as Container
from mod_python._conf_text import ContainerTag as ContainerTag
from mod_python._conf_text import Directive as Directive
from mod_python._conf_text import quote_if_space as quote_if_space
