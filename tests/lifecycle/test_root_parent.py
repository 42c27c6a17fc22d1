"""A parent that is root, with children of another user, as most installations run."""

from pathlib import Path

import pytest
from httpd import Httpd, root_parent_possible

CONF = """
    PythonImport who preloaded
    <Location />
        SetHandler mod_python
        PythonHandler who
    </Location>
"""

FILES = {"who.py": """
import os
from mod_python import apache

def ended(data):
    with open(os.path.join(os.path.dirname(__file__), "logs", "ended"), "a") as stream:
        stream.write("%s\\n" % os.getuid())

apache.register_cleanup(ended)

def handler(req):
    req.write("%s" % os.getuid())
    return apache.OK
"""}

needs_root = pytest.mark.skipif(not root_parent_possible(),
                                reason="not root, or the engine's Python is not readable by other users")


@needs_root
@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_children_of_a_root_parent_serve_and_end(tmp_path: Path, mpm: str) -> None:
    with Httpd(tmp_path, CONF, FILES, mpm=mpm, root_parent=True) as server:
        user = server.get("/").text
        assert user != "0"
        server.graceful()
        assert server.get("/").text == user
        server.end()
        assert set((tmp_path / "logs" / "ended").read_text().split()) == {user}
