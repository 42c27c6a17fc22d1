"""Every name of the specification (tests/spec_names.ini) is in the product, and a test uses it.

"Uses" is a matter of text: a member counts where it stands behind a word that tests use for such an object (`req.uri`,
also in a table of rows), a function of apache's as `apache.NAME`, a directive where a line of configuration begins.
"""

from __future__ import annotations

import ast
import configparser
import importlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parent.parent
TREE = TESTS.parent
PACKAGE = TREE / "python" / "mod_python"

# What tests call an object of the type.
RECEIVERS = {
    "mp_request": r"(?:req|request|prev|main|old)",
    "mp_conn": r"(?:conn|connection|c)",
    "mp_server": r"(?:server|main_server|s)",
    "mp_filter": r"(?:filter|flt)",
    "mp_finfo": r"(?:finfo|info|f)",
    "mp_hlist": r"hlist",
    "table": r"(?:table|t|other|notes|headers_in|headers_out|err_headers_out|subprocess_env|get_options\(\))",
}


@lru_cache
def spec() -> dict[str, dict[str, str | None]]:
    parser = configparser.ConfigParser(allow_no_value=True, delimiters=("=",), comment_prefixes=("#",),
                                       interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    with open(TESTS / "spec_names.ini", encoding="utf-8") as file:
        parser.read_file(file)
    return {name: dict(parser[name]) for name in parser.sections()}


@lru_cache
def text_of_tests() -> str:
    """All tests but this one."""
    files = [file for kind in ("*.py", "*.c") for file in sorted(TESTS.rglob(kind))]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file != Path(__file__).resolve())


@lru_cache
def source_text() -> str:
    files = [file for kind in ("*.c", "*.h") for file in (TREE / "src").rglob(kind)]
    return "\n".join(file.read_text(encoding="utf-8") for file in [*files, *PACKAGE.glob("*.py")])


@lru_cache
def directives() -> set[str]:
    tables = "".join(file.read_text(encoding="utf-8") for file in (TREE / "src" / "config").glob("*_directives.c"))
    return set(re.findall(r'\(\s*"((?:Python|WSGI)\w+)",', tables))


@lru_cache
def declared() -> dict[str, set[str]]:
    """The names of _apache.pyi, which test_stubs.py compares with the C module: "" for the module, else by type."""
    tree = ast.parse((PACKAGE / "_apache.pyi").read_text(encoding="utf-8"))
    names = {node.name: names_in(node.body) for node in tree.body if isinstance(node, ast.ClassDef)}
    return {"": names_in(tree.body), **names}


def names_in(body: list[ast.stmt]) -> set[str]:
    found = {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return found | {node.target.id for node in body
                    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}


def is_tested(pattern: str) -> bool:
    return re.search(pattern, text_of_tests(), re.M) is not None


def active(section: str) -> list[str]:
    """The keys of PythonOption whose module is there."""
    return [key for key, module in spec()[section].items() if module == "host" or (PACKAGE / f"{module}.py").exists()]


def test_every_directive_is_there() -> None:
    assert sorted(spec()["directives"].keys() - directives()) == []


def test_every_directive_is_in_a_configuration_of_some_test() -> None:
    assert [name for name in spec()["directives"] if not is_tested(rf"""^\s*{name}\b(?!['"])|["'(]{name} """)] == []


def test_no_directive_is_there_that_must_not_be() -> None:
    assert sorted(directives() & spec()["absent directives"].keys()) == []
    assert [name for name in spec()["absent directives"] if not is_tested(rf"\b{name}\b")] == []


def test_every_phase_has_its_default_function() -> None:
    functions = {function for function in spec()["phases"].values() if function}
    assert [name for name in functions if f'"{name}"' not in source_text()] == []
    assert [name for name in functions if not is_tested(rf"\b{name}\b")] == []


@pytest.mark.parametrize("section", ["options", "old options"])
def test_every_key_of_python_option_is_read(section: str) -> None:
    assert [key for key in active(section) if f'"{key}"' not in source_text()] == []


@pytest.mark.parametrize("section", ["options", "old options"])
def test_every_key_of_python_option_is_tested(section: str) -> None:
    assert [key for key in active(section) if not is_tested(rf"(?<![\w.]){re.escape(key)}(?![\w.])")] == []


def test_every_name_of_apache_is_there(apache: Any) -> None:
    assert [name for name in (*spec()["apache"], *spec()["constants"]) if not hasattr(apache, name)] == []
    assert [name for name in spec()["absent apache"] if hasattr(apache, name)] == []


def test_every_name_of_apache_is_tested() -> None:
    assert [name for name in spec()["apache"] if not is_tested(rf"\bapache\.{name}\b")] == []


def test_every_name_of_the_c_module_is_there() -> None:
    assert sorted(spec()["_apache"].keys() - declared()[""]) == []


def test_every_name_of_the_c_module_is_tested() -> None:
    known = spec()["constants"].keys() | spec()["apache"].keys()
    assert [name for name in spec()["_apache"] if name not in known and not is_tested(rf"\b_apache\.{name}\b")] == []


@pytest.mark.parametrize("kind", RECEIVERS)
def test_every_member_is_there(kind: str) -> None:
    assert sorted(spec()[kind].keys() - declared().get(kind, set())) == []


@pytest.mark.parametrize("kind", RECEIVERS)
def test_every_member_is_tested(kind: str) -> None:
    assert [name for name in spec()[kind] if not is_tested(rf"\b{RECEIVERS[kind]}\.{name}\b")] == []


def test_the_package_says_its_version_and_what_it_was_built_for(clean_interpreter: None) -> None:
    version = importlib.import_module("mod_python.version")
    assert [name for name in spec()["version"] if not hasattr(version, name)] == []
    assert [name for name in spec()["version"] if not is_tested(rf"\bversion\.{name}\b|[\"']{name}\b")] == []


def test_every_name_of_psp_is_there_and_tested(clean_interpreter: None) -> None:
    psp = importlib.import_module("mod_python.psp")
    assert [name for name in spec()["psp"] if not hasattr(psp, name)] == []
    assert [name for name in spec()["psp"] if not is_tested(rf"\bpsp(?:\.|::){name}\b")] == []


def test_every_name_of_the_package_is_there(clean_interpreter: None) -> None:
    package = importlib.import_module("mod_python")
    modules = {file.stem for file in PACKAGE.glob("*.py")}
    assert [name for name in spec()["mod_python"] if not hasattr(package, name) and name not in modules] == []


@pytest.mark.parametrize("name", ["publisher", "cgihandler", "wsgi", "testhandler", "cache"])
def test_every_name_of_the_handlers_and_of_cache_is_there_and_tested(apache: Any, name: str) -> None:
    module = importlib.import_module(f"mod_python.{name}")
    assert [one for one in spec()[name] if not hasattr(module, one)] == []
    uses = {one: rf"\b{name}\.{one}\b" for one in spec()[name]} | {"handler": rf"PythonHandler mod_python\.{name}\b"}
    assert [one for one in spec()[name] if not is_tested(uses[one])] == []


def test_every_method_of_caches_is_there_and_tested(clean_interpreter: None) -> None:
    cache = importlib.import_module("mod_python.cache")
    assert [name for name in spec()["Cache"] if not callable(getattr(cache.Cache, name, None))] == []
    uses = r"\bdoubles\.{0}\(|\bdef {0}\(self, (?:key|name|entry)"
    assert [name for name in spec()["Cache"] if not is_tested(uses.format(name))] == []
    assert [name for name in spec()["absent cache"] if hasattr(cache, name)] == []


def test_every_name_of_the_sessions_is_there(clean_interpreter: None) -> None:
    module = importlib.import_module("mod_python.Session")
    for name, value in spec()["Session"].items():
        assert hasattr(module, name) and (value is None or getattr(module, name) == ast.literal_eval(value)), name
    assert [name for name in spec()["BaseSession"] if not callable(getattr(module.BaseSession, name, None))] == []


def test_every_name_of_the_sessions_is_tested() -> None:
    assert [name for name in spec()["Session"] if not is_tested(rf"\bSession\.{name}\b|[\"']{name}[\"']")] == []
    assert [name for name in spec()["BaseSession"]
            if not is_tested(rf"\b(?:session|first|second|file)\.{name}\b|\bdef {name}\(self")] == []


def test_every_name_of_httpdconf_is_there_and_tested() -> None:
    httpdconf = importlib.import_module("mod_python.httpdconf")
    assert [name for name in spec()["httpdconf"] if not hasattr(httpdconf, name)] == []
    tests = (TESTS / "unit" / "test_httpdconf.py").read_text(encoding="utf-8")
    assert [name for name in spec()["httpdconf"] if not re.search(rf"\b{name}\b", tests)] == []


def test_other_c_modules_find_their_functions() -> None:
    functions = spec()["optional functions"]
    assert [name for name in functions if not re.search(rf"OPTIONAL_FN\({name}\b", source_text())] == []
    assert [name for name in functions if not is_tested(rf"\b{name}\b")] == []


@pytest.mark.parametrize("module", ["util", "Cookie"])
def test_every_name_of_the_library_is_there(clean_interpreter: None, module: str) -> None:
    library = importlib.import_module(f"mod_python.{module}")
    assert [name for name in spec()[module] if not hasattr(library, name)] == []
    assert [name for name in spec()[module] if not is_tested(rf"\b{module}\.{name}\b")] == []


def test_forms_and_cookies_have_every_member(clean_interpreter: None) -> None:
    util = importlib.import_module("mod_python.util")
    cookie = importlib.import_module("mod_python.Cookie").Cookie
    assert [name for name in spec()["FieldStorage"] if not hasattr(util.FieldStorage, name) and name != "list"] == []
    assert [name for name in spec()["Field"] for field in (util.Field("x"), util.StringField("x"))
            if not hasattr(field, name)] == []
    assert [name for name in cookie.__slots__ if name in spec()["cookie attributes"]] == [*spec()["cookie attributes"]]


@pytest.mark.parametrize(("section", "receiver"), [("FieldStorage", "form"), ("Field", "(?:field|upload)"),
                                                   ("cookie attributes", "cookie")])
def test_every_member_of_forms_and_cookies_is_tested(section: str, receiver: str) -> None:
    assert [name for name in spec()[section] if not is_tested(rf"\b{receiver}\.{name}\b|\({name}=|, {name}=")] == []
