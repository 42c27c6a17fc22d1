"""The examples of docs/directives.md are configurations that httpd takes."""

import re
from pathlib import Path

from httpd import TREE, Httpd

# These name files that only their reader has; tests/config/test_home.py is about them.
OF_FILES = ("PythonHome", "PythonEngine")


def test_httpd_takes_the_examples_of_all_directives(tmp_path: Path) -> None:
    text = (TREE / "docs/directives.md").read_text()
    examples = re.findall(r"^```apache\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    taken = [example for example in examples if not example.startswith(OF_FILES)]
    assert len(taken) > 20
    assert Httpd(tmp_path).configtest("\n".join(taken)) == (0, "Syntax OK\n")
