"""_apache.pyi says what the C module is: the same names, in the module and in each type."""

import ast
from pathlib import Path

from cases import CASES, CASES_CONF, case
from httpd import TREE, Httpd

CONF = CASES_CONF
FILES = {"cases.py": CASES + """
import _apache

def names(req):
    types = {name: value for name, value in vars(_apache).items() if isinstance(value, type) and name[:2] != "__"}
    return {"": sorted(vars(_apache)), **{name: sorted(vars(value)) for name, value in types.items()}}
"""}


def declared() -> dict[str, set[str]]:
    tree = ast.parse(Path(TREE / "python/mod_python/_apache.pyi").read_text())
    names: dict[str, set[str]] = {"": set()}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names[node.name] = set(members(node.body))
    names[""] = {name for name in members(tree.body) if name != "_Keyed"}      # a protocol, for update()
    return names


def members(body: list[ast.stmt]) -> list[str]:
    found = []
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.append(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append(node.target.id)
    return found


def public(names: set[str]) -> set[str]:
    return {name for name in names if not (name.startswith("__") and name.endswith("__"))}


def test_the_stubs_have_the_names_of_the_c_module(httpd: Httpd) -> None:
    real = {name: set(names) for name, names in case(httpd, "names").items()}
    stubs = declared()
    assert public(stubs[""]) == public(real[""])
    for name in real.keys() - {"", "SERVER_RETURN"}:
        assert public(stubs[name]) == public(real[name]), name
