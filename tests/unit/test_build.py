"""configure: what it refuses, and with which words; the list of sources; the version, which stands in several places.

configure runs in a copy of the few files that it reads, with small scripts in the place of apxs and Python.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.skipif(not (TREE / "configure").exists(), reason="no configure here: run autoreconf -i")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("configure", "Makefile.in", "src/sources.mk", "tools/python_facts.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(TREE / name, tmp_path / name)
    return tmp_path


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def python_with(path: Path, patch: str) -> Path:
    """A command like this Python, but for the patch that it runs before what it is given."""
    patch = f"import sys, sysconfig; {patch}"
    return script(
        path,
        f"#!{sys.executable}\n{patch}\n"
        "if sys.argv[1] == '-c':\n    exec(sys.argv[2])\n"
        "else:\n    import runpy\n    runpy.run_path(sys.argv[1], run_name='__main__')\n",
    )


def configure(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["./configure", *options], check=False, cwd=tree, capture_output=True, text=True, timeout=60)


def refusal(tree: Path, *options: str) -> str:
    done = configure(tree, *options)
    assert done.returncode != 0
    assert not (tree / "Makefile").exists()
    return done.stderr


@pytest.mark.parametrize(
    ("patch", "says"),
    [
        ("sys.version_info = (3, 9, 18)", "older than Python 3.10, which mod_python needs: name a newer one"),
        ("sys.implementation.name = 'pypy'", "is pypy; mod_python needs CPython"),
        ("sysconfig.get_path = lambda name: '/none'", "no headers (/none/Python.h): install them"),
        ("sysconfig.get_config_var = lambda name: 0", "no shared libpython: build it with"),
        ("sysconfig.get_config_var = lambda name: 1", "is a free-threaded build"),
    ],
    ids=["older", "not CPython", "no headers", "no shared library", "free-threaded"],
)
def test_configure_refuses_a_python_that_can_not_be_embedded(tree: Path, patch: str, says: str) -> None:
    assert says in refusal(tree, f"--with-python={python_with(tree / 'python', patch)}")


def test_configure_refuses_two_pythons_of_one_version(tree: Path) -> None:
    assert "one engine for each minor version" in refusal(tree, f"--with-python={sys.executable},{sys.executable}")


@pytest.mark.parametrize("where", ["/none/python3", "/none"])
def test_configure_says_what_with_python_takes(tree: Path, where: str) -> None:
    assert "takes commands, prefixes or virtual environments" in refusal(tree, f"--with-python={where}")


def test_configure_refuses_a_wrong_apxs(tree: Path) -> None:
    assert "/none/apxs is no command: give apxs's whole path" in refusal(tree, "--with-apxs=/none/apxs")


def test_configure_refuses_an_apxs_without_headers(tree: Path) -> None:
    apxs = script(tree / "apxs", "#!/bin/sh\necho /none\n")
    assert "install apache2-dev or httpd-devel" in refusal(tree, f"--with-apxs={apxs}")


def test_configure_refuses_an_older_httpd(tree: Path) -> None:
    (tree / "httpd.h").touch()
    (tree / "ap_release.h").write_text(
        "#define AP_SERVER_MAJORVERSION_NUMBER 2\n#define AP_SERVER_MINORVERSION_NUMBER 2\n"
    )
    apr = script(tree / "apr-1-config", "#!/bin/sh\n")
    apxs = script(
        tree / "apxs",
        f"#!/bin/sh\ncase $2 in INCLUDEDIR) echo {tree} ;; APR_CONFIG) echo {apr} ;; esac\n",
    )
    assert "is older than 2.4, which mod_python needs" in refusal(tree, f"--with-apxs={apxs}")


def test_the_list_of_sources_is_complete() -> None:
    listed = re.findall(r"src/\S+\.c", (TREE / "src" / "sources.mk").read_text())
    assert sorted(listed) == sorted(str(path.relative_to(TREE)) for path in (TREE / "src").rglob("*.c"))


def test_the_version_is_the_same_everywhere() -> None:
    places = {
        "configure.ac": r"AC_INIT\(\[mod_python\], \[(.*)\]\)",
        "pyproject.toml": r'^version = "(.*)"',
        "python/mod_python/version.py": r'^version = "(.*)"',
        "src/mp.h": r'^#define MP_VERSION "(.*)"',
    }
    found = {name: re.findall(pattern, (TREE / name).read_text(), re.MULTILINE) for name, pattern in places.items()}
    assert len({tuple(versions) for versions in found.values()}) == 1, found
    assert all(len(versions) == 1 for versions in found.values()), found
