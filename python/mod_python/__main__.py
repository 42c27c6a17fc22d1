"""`python -m mod_python`: the command, for the Python that runs this."""

import sys

from mod_python._command import main

sys.exit(main())
