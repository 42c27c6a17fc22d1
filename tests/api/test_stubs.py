"""_apache.pyi says what the C module is: the same names, texts and signatures, in the module and in each type."""

import ast
import sys

from cases import CASES, CASES_CONF, case
from httpd import TREE, Httpd

sys.path.insert(0, str(TREE / "tools"))

import docstrings

STUBS = (TREE / "python/mod_python/_apache.pyi").read_text()

CONF = CASES_CONF
FILES = {"cases.py": CASES + """
import inspect

import _apache

def names(req):
    types = {name: value for name, value in vars(_apache).items() if isinstance(value, type) and name[:2] != "__"}
    return {"": sorted(vars(_apache)), **{name: sorted(vars(value)) for name, value in types.items()}}

def own(name):
    return name[:2] != "__"

def is_of_c(value):
    return inspect.isbuiltin(value)         # parse_qs() and others are written in Python

def texts(req):
    found = {"": _apache.__doc__}
    for name, value in vars(_apache).items():
        if isinstance(value, type) and own(name):
            found[name] = value.__doc__
            found.update({name + "." + member: getattr(value, member).__doc__
                          for member in vars(value) if own(member)})
        elif is_of_c(value) and own(name):
            found[name] = value.__doc__
    return found

def signatures(req):
    found = {}
    for name, value in vars(_apache).items():
        if isinstance(value, type) and own(name):
            found.update({name + "." + member: str(inspect.signature(getattr(value, member)))
                          for member in vars(value) if own(member) and member != "pop"
                          and inspect.ismethoddescriptor(getattr(value, member))})
        elif is_of_c(value) and own(name):
            found[name] = str(inspect.signature(value))
    return found | {"table": str(inspect.signature(_apache.table))}

def constants(req):
    return {name: value for name, value in vars(_apache).items() if isinstance(value, int)}
"""}


def declared() -> dict[str, set[str]]:
    tree = ast.parse(STUBS)
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


def test_every_text_of_the_c_module_is_that_of_the_stubs(httpd: Httpd) -> None:
    found = case(httpd, "texts")
    written = {entry.name: entry.doc for entry in docstrings.entries(STUBS)}
    assert len(found) > 150 and found == {name: written.get(name) for name in found}


def test_signatures_are_those_of_the_stubs(httpd: Httpd) -> None:
    found = case(httpd, "signatures")
    written = {entry.name: entry.signature for entry in docstrings.entries(STUBS) if entry.signature}
    assert len(found) > 60
    for name, signature in found.items():
        arguments = "(" + written[name].partition("(")[2].replace("$module, /)", ")").replace("$module, ", "")
        assert signature == arguments.replace("$", ""), name


def test_constants_have_the_values_of_the_stubs(httpd: Httpd) -> None:
    found = case(httpd, "constants")
    tree = ast.parse(STUBS)
    written = {node.target.id: ast.literal_eval(node.value) for node in tree.body
               if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value}
    assert len(written) > 10 and written.items() <= found.items()
