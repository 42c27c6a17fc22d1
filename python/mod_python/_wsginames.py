"""The package mod_wsgi that may be installed beside the built-in module of that name."""

import sys
from importlib.machinery import PathFinder


def package_path() -> list[str]:
    """Where its sub-modules are, for `import mod_wsgi.server`; AttributeError if it is not installed."""
    spec = PathFinder.find_spec("mod_wsgi", sys.path)
    if spec is None or spec.submodule_search_locations is None:
        raise AttributeError("module 'mod_wsgi' has no attribute '__path__'")
    return list(spec.submodule_search_locations)
