"""LoadModule alone: what the server says of itself, and that nothing else changes (spec: directives, section 0)."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from httpd import TREE, Httpd


@pytest.mark.parametrize(("tokens", "shown"), [("Full", True), ("Prod", False)])
def test_the_server_header_has_both_names_if_tokens_let_it(tmp_path: Path, tokens: str, shown: bool) -> None:
    with Httpd(tmp_path, f"ServerTokens {tokens}\n", {"htdocs/page.txt": "static"}) as server:
        r = server.get("/page.txt")
        assert r.body == b"static"
        found = re.search(r"mod_python/4\.\d\S* Python/3\.\d+\.\d+", r.headers["Server"])
        assert bool(found) is shown
        assert ("mod_python" in r.headers["Server"]) is shown


@pytest.mark.parametrize(("statement", "status", "said"), [
    ("import mod_python; print(mod_python.mp_version)", 0, "4."),
    ("import mod_python.version; print(mod_python.version.version)", 0, "4."),
    ("import mod_python.apache", 1, "httpd"),
])
def test_outside_of_httpd_only_the_package_imports(statement: str, status: int, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", statement], env={"PYTHONPATH": str(TREE / "python")},
                          capture_output=True, text=True, check=False)
    assert done.returncode == status and said in done.stdout + done.stderr
    if status:
        assert "ImportError" in done.stderr or "ModuleNotFoundError" in done.stderr
