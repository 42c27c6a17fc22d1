"""From the stubs of the C module to its docstrings: a C header with a macro for each name of _apache.pyi.

    docstrings.py python/mod_python/_apache.pyi build/docstrings.h

The text stands in the stubs only. Makefile.in runs this file, setup.py and the tests import it. MP_DOC_mp_request is
the text of a class, MP_DOC_mp_request_status that of a member, MP_DOC_mp_request_write that of a method, MP_DOC_stat
that of a function, MP_DOC__apache that of the module. What can be called starts with its signature, as help() and
inspect.signature() read it; the types, which C objects can not carry, are the last lines. A name without a text gets
no macro, so the C table that wants one does not compile.
"""

import ast
import copy
import inspect
import os
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# The one class that goes by another name in the module than its objects show.
TYPE_NAMES = {"table": "mp_table"}
SIGNATURE_ENDS = "\n--\n\n"


class Entry(NamedTuple):
    name: str               # "mp_request.write"; "" is the module
    signature: str | None   # "write($self, /, data, flush=1)"
    text: str
    types: Sequence[str] = ()   # "Type: int", or for each overload "Types: (name: str) -> str | None"

    @property
    def macro(self) -> str:
        owner, dot, member = self.name.rpartition(".")
        if not dot:
            return "MP_DOC_" + (TYPE_NAMES.get(member, member) or "_apache")
        return f"MP_DOC_{TYPE_NAMES.get(owner, owner)}_{member}"

    usage: str | None = None    # where overloads have no common signature: "pop(key[, default])"

    @property
    def doc(self) -> str:
        """What __doc__ is."""
        return "\n\n".join(filter(None, [self.usage, self.text, "\n".join(self.types)]))

    @property
    def c_text(self) -> str:
        return self.signature + SIGNATURE_ENDS + self.doc if self.signature else self.doc


class Mistake(Exception):
    """The stubs can not be turned into docstrings; the text says where and why."""


def entries(source: str, name: str = "_apache.pyi") -> list[Entry]:
    """Return all that has a text. Raises Mistake."""
    tree = ast.parse(source, name)
    found = [Entry("", None, text)] if (text := ast.get_docstring(tree)) else []
    aliases = Aliases(tree.body)
    for path, nodes in named(tree.body):
        owner = path.rpartition(".")[0]
        text = next((text for text in map(text_of, nodes) if text), None)
        if text is None:
            continue
        signature = signature_of(nodes, owner, name)
        usage = usage_of(nodes) if signature is None else None
        found.append(Entry(path, signature, text, types_of(nodes, bool(owner), aliases), usage))
    return found


def named(body: Sequence[ast.stmt], owner: str = "") -> Iterator[tuple[str, list[ast.stmt]]]:
    """Each name once, with all that is said of it: overloads, setters, and the string behind an annotation."""
    found: dict[str, list[ast.stmt]] = {}
    last: list[ast.stmt] = []
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            last = found.setdefault(owner + node.name, [])
            last.append(node)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            last = found.setdefault(owner + node.target.id, [])
            last.append(node)
        elif isinstance(node, ast.Expr) and last and isinstance(last[-1], ast.AnnAssign):
            last.append(node)
    for path, nodes in found.items():
        yield path, nodes
        if isinstance(nodes[0], ast.ClassDef):
            yield from named(nodes[0].body, path + ".")


def text_of(node: ast.stmt) -> str | None:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return ast.get_docstring(node)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return inspect.cleandoc(node.value.value)
    return None


def signature_of(nodes: list[ast.stmt], owner: str, file: str) -> str | None:
    """How it is called; None for what is not called, and where no single signature can say it."""
    first = nodes[0]
    if isinstance(first, ast.ClassDef):
        init = [node for node in first.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
        if not init:
            return None
        text = arguments(init[0], "self", file)
        return TYPE_NAMES.get(first.name, first.name) + "(" + text.removeprefix("$self, /").removeprefix(", ") + ")"
    if not isinstance(first, ast.FunctionDef) or any(is_property(decorator) for decorator in first.decorator_list):
        return None
    if any(set(names_of(node)) - set(names_of(first)) for node in nodes):
        return None
    return f"{first.name}({arguments(first, 'self' if owner else 'module', file)})"


def usage_of(nodes: list[ast.stmt]) -> str | None:
    """How a method is called of whose overloads none has the arguments of all: with those in brackets that may miss."""
    calls = [names_of(node)[1:] for node in nodes]
    if len(calls) < 2 or not all(calls):
        return None
    shortest, longest = min(calls, key=len), max(calls, key=len)
    rest = "".join(f"[, {name}]" for name in longest[len(shortest):])
    return f"{nodes[0].name}({', '.join(shortest)}{rest})" if isinstance(nodes[0], ast.FunctionDef) else None


class Aliases(ast.NodeTransformer):
    """Puts what a private name of the stubs, such as _Text, stands for in its place."""

    def __init__(self, body: Sequence[ast.stmt]) -> None:
        self.meaning = {node.targets[0].id: node.value for node in body
                        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
                        and not isinstance(node.value, ast.Call)}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.meaning:
            return self.text_of(self.meaning[node.id])
        return ast.Name(node.id.lstrip("_"))

    def text_of(self, node: ast.expr) -> ast.expr:
        expression: ast.expr = self.visit(copy.deepcopy(node))
        return expression


def types_of(nodes: list[ast.stmt], of_class: bool, aliases: Aliases) -> list[str]:
    """The types as lines: of a member its own, of what can be called those of its arguments and of what it returns."""
    first = nodes[0]
    if isinstance(first, ast.AnnAssign):
        return ["Type: " + ast.unparse(aliases.text_of(first.annotation))]
    found = []
    for node in nodes:
        if not isinstance(node, ast.FunctionDef) or node.returns is None:
            continue
        returned = ast.unparse(aliases.text_of(node.returns))
        if any(map(is_property, node.decorator_list)):
            return ["Type: " + returned]
        given: ast.arguments = aliases.visit(copy.deepcopy(node.args))
        given.defaults = []
        if of_class:
            (given.posonlyargs or given.args).pop(0)
        found.append(f"Types: ({ast.unparse(given).removesuffix(', /')}) -> {returned}")
    return found


def is_property(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Attribute) or (isinstance(decorator, ast.Name) and decorator.id == "property")


def names_of(function: ast.stmt) -> list[str]:
    if not isinstance(function, ast.FunctionDef):
        return []
    return [argument.arg for argument in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]]


def arguments(function: ast.FunctionDef, first: str, file: str) -> str:
    """The arguments without types; the first is `$self` or `$module`, and goes by position, as in C."""
    given = copy.deepcopy(function.args)
    if first == "module":
        given.posonlyargs.insert(0, ast.arg(first))
    elif not given.posonlyargs:
        given.posonlyargs.append(given.args.pop(0))
    for argument in [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]:
        if argument:
            argument.annotation = None
    for default in [*given.defaults, *given.kw_defaults]:
        if isinstance(default, ast.Constant) and default.value is ...:
            raise Mistake(f"{file}:{default.lineno}: {function.name}() has a text, so help() will show its signature: "
                          "write the real default instead of '...'")
    return "$" + ast.unparse(given)


def c_string(text: str) -> str:
    """The text as C literals, one for each line."""
    lines = text.splitlines(keepends=True) or [""]
    return " \\\n    ".join('"' + "".join(map(c_character, line)) + '"' for line in lines)


def c_character(character: str) -> str:
    if character in "\"\\?":
        return "\\" + character
    if character == "\n":
        return "\\n"
    if " " <= character <= "~":
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode())


def header(source: str, name: str) -> str:
    macros = [f"#define {entry.macro} \\\n    {c_string(entry.c_text)}\n" for entry in entries(source, name)]
    return f"/* Made from {os.path.basename(name)} by tools/docstrings.py: change it there. */\n" + "".join(macros)


def write_header(stubs: str, target: str) -> None:
    """Write the header for the stubs in that file. Raises Mistake, SyntaxError, OSError."""
    with open(stubs, encoding="utf-8") as stream:
        text = header(stream.read(), stubs)
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    with open(target, "w", encoding="utf-8") as stream:
        stream.write(text)


if __name__ == "__main__":
    try:
        write_header(*sys.argv[1:])
    except Mistake as why:
        sys.exit(str(why))
