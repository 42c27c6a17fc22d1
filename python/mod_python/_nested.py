"""`__auth__`, `__access__` and `__auth_realm__` in the body of a page's function, read without running it.

The source that the function was compiled from is parsed. The function's code object says whether one of the names is
bound at all, and whether the source is still that of the code; so a name that the source does not explain is found as
well, and is an Unknown, not overlooked. Pages' sources are those that the importer kept; others are read from the file.
"""

from __future__ import annotations

import ast
import types
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mod_python import _source

NAMES = ("__auth_realm__", "__auth__", "__access__")

_ADVICE = "write a constant, or a def without decorators that uses no names of the function around it"


class Unknown(NamedTuple):
    """A name is bound in the body, and what its value would be can't be told."""

    why: str


class _Function(NamedTuple):
    """A nested function that needs nothing of the function around it."""

    code: types.CodeType
    defaults: tuple[Any, ...]
    keyword_defaults: dict[str, Any]

    def made(self, globals: dict[str, Any]) -> types.FunctionType:
        function = types.FunctionType(self.code, globals, None, self.defaults)
        function.__kwdefaults__ = self.keyword_defaults
        return function


_Definition = ast.FunctionDef | ast.AsyncFunctionDef
_known: dict[int, tuple[weakref.ref[types.CodeType], dict[str, Any]]] = {}


def nested(function: types.FunctionType) -> Mapping[str, Any]:
    """The values that the names get in the body: a constant, a function, or an Unknown."""
    code = function.__code__
    if not any(name in names for name in NAMES for names in (code.co_varnames, code.co_cellvars, code.co_names)):
        return {}
    entry = _known.get(id(code))
    if entry is None or entry[0]() is not code:
        number = id(code)
        entry = weakref.ref(code, lambda ref: _forget(number, ref)), _analysed(function)
        _known[number] = entry
    return {name: value.made(function.__globals__) if isinstance(value, _Function) else value
            for name, value in entry[1].items()}


def _forget(number: int, ref: weakref.ref[types.CodeType]) -> None:
    if number in _known and _known[number][0] is ref:
        del _known[number]


def _analysed(function: types.FunctionType) -> dict[str, Any]:
    code = function.__code__
    local = {name for name in NAMES if name in code.co_varnames or name in code.co_cellvars}
    definition = _definition_of(function)
    if definition is None:
        # Without the source even a `global` statement may hide behind a name that is only mentioned.
        return {name: Unknown("its source is not there, or was changed since it was loaded")
                for name in NAMES if name in local or name in code.co_names}
    bound: dict[str, int] = {}
    for name in _bindings(definition):
        bound[name] = bound.get(name, 0) + 1
    values = dict(_values(definition, code))
    return {name: values[name] if name in values and bound.get(name) == 1 else Unknown(_ADVICE)
            for name in NAMES if name in local or name in bound}


# --- from the code to its source ---

def _definition_of(function: types.FunctionType) -> _Definition | None:
    code = function.__code__
    try:
        data = _source_of(function)
        tree = ast.parse(data, code.co_filename)
        whole = compile(data, code.co_filename, "exec", dont_inherit=True)
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    if not any(_same(one, code) for one in _codes(whole)):
        return None
    found = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
             and node.name == code.co_name and _first_line(node) == code.co_firstlineno]
    return found[0] if len(found) == 1 else None


def _source_of(function: types.FunctionType) -> bytes:
    loader = getattr(function.__globals__.get("__spec__"), "loader", None)
    if isinstance(loader, _source.SourceLoader) and loader.data is not None:
        return loader.data
    return _source.read(function.__code__.co_filename).data


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)


def _same(one: types.CodeType, other: types.CodeType) -> bool:
    """Whether they were compiled from the same text. (Their == depends on how often they ran, on some versions.)"""
    def traits(code: types.CodeType) -> tuple[Any, ...]:
        return (code.co_name, code.co_firstlineno, code.co_code, code.co_names, code.co_varnames, code.co_cellvars,
                code.co_freevars, len(code.co_consts))
    if traits(one) != traits(other):
        return False
    return all(_same(mine, its) if isinstance(mine, types.CodeType) and isinstance(its, types.CodeType)
               else type(mine) is type(its) and repr(mine) == repr(its)
               for mine, its in zip(one.co_consts, other.co_consts, strict=True)
               if not isinstance(mine, frozenset))


def _first_line(node: _Definition) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


# --- in the source ---

def _bindings(definition: _Definition) -> Iterator[str]:
    """Each of the names once for each place where the function's own scope binds it, or might."""
    arguments = definition.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if argument is not None and argument.arg in NAMES:
            yield argument.arg
    todo: list[ast.AST] = list(definition.body)
    while todo:
        node = todo.pop()
        yield from (name for name in _bound_by(node) if name in NAMES)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            todo += [*node.decorator_list, *node.args.defaults, *(one for one in node.args.kw_defaults if one)]
        elif isinstance(node, ast.Lambda):
            todo += [*node.args.defaults, *(one for one in node.args.kw_defaults if one)]
        elif isinstance(node, ast.ClassDef):
            todo += [*node.decorator_list, *node.bases, *node.keywords]
        else:
            todo += ast.iter_child_nodes(node)


def _bound_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.alias):
        return [(node.asname or node.name).partition(".")[0]]
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return node.names
    if isinstance(node, ast.MatchMapping):
        return [node.rest or ""]
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        return [node.name or ""]
    return []


def _values(definition: _Definition, code: types.CodeType) -> Iterator[tuple[str, Any]]:
    """What plain statements of the body, not inside of others, bind the names to."""
    for node in definition.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in NAMES:
            if not node.decorator_list:
                yield node.name, _function(node.args, _codes_of(code, node.name, _first_line(node)))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and target.id in NAMES:
                    yield target.id, _value(node.value, code)


def _value(node: ast.expr, code: types.CodeType) -> Any:
    if isinstance(node, ast.Lambda):
        return _function(node.args, _codes_of(code, "<lambda>", node.lineno))
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return Unknown(_ADVICE)


def _codes_of(code: types.CodeType, name: str, line: int) -> list[types.CodeType]:
    return [constant for constant in code.co_consts
            if isinstance(constant, types.CodeType) and (constant.co_name, constant.co_firstlineno) == (name, line)]


def _function(arguments: ast.arguments, codes: list[types.CodeType]) -> _Function | Unknown:
    if len(codes) != 1:
        return Unknown(_ADVICE)
    if codes[0].co_freevars:
        return Unknown(f"it uses {', '.join(codes[0].co_freevars)} of the function around it; {_ADVICE}")
    try:
        defaults = tuple(ast.literal_eval(one) for one in arguments.defaults)
        keywords = {argument.arg: ast.literal_eval(one)
                    for argument, one in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if one}
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return Unknown("a default of it is no constant")
    return _Function(codes[0], defaults, keywords)
