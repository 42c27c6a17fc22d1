"""`pip install .`: the module and this Python's engine, built from the same sources as by make, into the package.

Everything else about the project stands in pyproject.toml.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).resolve().parent
STUBS = "python/mod_python/_apache.pyi"
sys.path[:0] = [str(HERE / "tools"), str(HERE / "python")]

import docstrings  # noqa: E402
import python_facts  # noqa: E402
from mod_python import _httpd  # noqa: E402


def sources(name: str) -> list[str]:
    """One of the two lists in src/sources.mk."""
    text = (HERE / "src" / "sources.mk").read_text().replace("\\\n", " ")
    match = re.search(rf"^{name} = (.*)$", text, re.MULTILINE)
    assert match, name
    return match[1].split()


def find_apxs() -> str:
    apxs = os.environ.get("APXS") or shutil.which("apxs") or shutil.which("apxs2") or shutil.which("/usr/sbin/apxs")
    if not apxs:
        sys.exit(
            "mod_python: no apxs in PATH: install apache2-dev (Debian, Ubuntu) or httpd-devel (Fedora, RHEL), "
            "or name it, as in: APXS=/usr/local/apache2/bin/apxs pip install ."
        )
    return apxs


def output(*command: str) -> str:
    try:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as why:
        sys.exit(f"mod_python: can not ask httpd's apxs where httpd's headers are: {why}")


def httpd_flags() -> list[str]:
    apxs = find_apxs()
    return [
        *output(apxs, "-q", "EXTRA_CPPFLAGS").split(),
        "-isystem",
        output(apxs, "-q", "INCLUDEDIR"),
        *output(output(apxs, "-q", "APR_CONFIG"), "--includes").split(),
    ]


def c_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class BuildLibraries(build_ext):
    """They are no extension modules of Python: httpd loads them, by names of its own; httpd's flags are asked late."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.include_dirs = [str(HERE / "src"), *(self.include_dirs or [])]

    def run(self) -> None:
        super().run()
        if not self.inplace:        # a source tree asks when it needs to know
            note = Path(self.build_lib, "mod_python", "_build.json")
            note.write_text(json.dumps(_httpd.ask(find_apxs()), indent=1) + "\n", encoding="utf-8")

    def build_extension(self, ext: Extension) -> None:
        ext.extra_compile_args = ["-std=gnu11", *httpd_flags()]
        docstrings.write_header(str(HERE / STUBS), os.path.join(self.build_temp, "docstrings.h"))
        ext.include_dirs = [*ext.include_dirs, self.build_temp]
        super().build_extension(ext)

    def get_ext_filename(self, fullname: str) -> str:
        package, _, name = fullname.rpartition(".")
        return os.path.join(*package.split("."), (name or fullname).replace("_cpython_", ".cpython-") + ".so")


try:
    facts = python_facts.facts()
except python_facts.Unsuitable as why:
    sys.exit(f"mod_python: {why}")

headers = [str(path.relative_to(HERE)) for path in sorted((HERE / "src").rglob("*.h"))]
system = facts["libdir"] in ("/usr/lib", "/usr/lib64") or re.fullmatch(r"/usr/lib/[^/]*-linux-gnu", facts["libdir"])

setup(
    cmdclass={"build_ext": BuildLibraries},
    ext_modules=[
        Extension(
            "mod_python.mod_python",
            sources("MODULE_SOURCES"),
            define_macros=[("MP_DEFAULT_ENGINE", c_string(facts["tag"]))],
            extra_link_args=["-Wl,--version-script=src/module.exports"],
            libraries=["m"],
            depends=headers,
        ),
        Extension(
            f"mod_python.mod_python_engine_cpython_{facts['tag']}",
            sources("ENGINE_SOURCES"),
            define_macros=[
                ("MP_ENGINE", None),
                ("MP_PYTHON_EXECUTABLE", c_string(facts["executable"])),
                ("MP_PYTHON_PURELIB", c_string(facts["purelib"])),
            ],
            extra_link_args=["-Wl,--version-script=src/engine.exports"],
            library_dirs=[facts["libdir"]],
            runtime_library_dirs=[] if system else [facts["libdir"]],
            libraries=[facts["library"]],
            depends=[*headers, STUBS],
        ),
    ],
)
