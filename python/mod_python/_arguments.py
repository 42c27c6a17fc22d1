"""Calling a function with the fields of a form: apply_fs_data(), and the conversion for typed parameters.

A parameter is typed if its annotation is int, float, bool or str, or one of these `| None`, or a list of one of these.
Others get what the form has.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from mod_python._fields import AnyField, Field
from mod_python._headers import decoded
from mod_python._refusal import refuse

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")
_BUILT_IN = (types.BuiltinFunctionType, types.MethodWrapperType, types.WrapperDescriptorType,
             types.MethodDescriptorType, types.ClassMethodDescriptorType)


class Form(Protocol):
    """What has fields: a util.FieldStorage."""

    @property
    def list(self) -> Sequence[AnyField]: ...


class ArgumentError(ValueError):
    """A field does not fit the parameter of its name."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"field {name!r} {problem}")
        self.name = name


def apply_fs_data(object: Any, fs: Form, **args: Any) -> Any:
    """Call `object` with the fields of the form that it has parameters for, or with all of them if it takes `**kw`.

    `args` come first: fields of such names are left out. Names are str. Values are str if they came in the query or an
    urlencoded body, bytes if in a multipart body, Field objects if they are uploads; a list if there are several. For
    typed parameters they are converted, see argument(). A field that does not fit, or none for a typed parameter
    without default, is answered with status 400, by SERVER_RETURN. Other missing arguments are a TypeError.
    """
    if isinstance(object, _BUILT_IN) or (isinstance(object, type) and _code_of_class(object) is None):
        return object()
    parameters = _parameters(object)
    try:
        positional, keywords = _arguments(object, parameters, _fields_of(fs, {*args, *_bound(object)}), args)
    except ArgumentError as error:
        from mod_python import _apache
        refuse(args.get("req") or _apache._request(), 400, str(error))
    return object(*positional, **keywords)


def argument(name: str, annotation: Any, fields: Sequence[AnyField]) -> Any:
    """What a parameter gets of the fields of its name, at least one.

    Without a type: the value, or the list of values. With one: whole numbers are written in decimal digits, numbers as
    Python writes them, but finite; bool is one of 1, true, yes, on, 0, false, no, off in any case. str is the text by
    the field's charset. Blanks around them mean nothing, but for str. Raises ArgumentError if the text is no such thing
    (also an empty one; with `| None` that is None), if there are several values and none is a list's, or a file.
    """
    wanted = _wanted(annotation)
    if wanted is None:
        values = [_value(field) for field in fields]
        return values[0] if len(values) == 1 else values
    if wanted.many:
        return [_converted(name, wanted.type, field) for field in fields if wanted.type is str or not _is_empty(field)]
    if len(fields) > 1:
        raise ArgumentError(name, f"is there {len(fields)} times instead of once")
    if wanted.optional and wanted.type is not str and _is_empty(fields[0]):
        return None
    return _converted(name, wanted.type, fields[0])


class _Wanted(NamedTuple):
    type: type
    optional: bool = False
    many: bool = False


# What an empty text is none of; a default stands for it, if there is one.
_NUMBERS = _Wanted(int), _Wanted(float), _Wanted(bool)


def _wanted(annotation: Any) -> _Wanted | None:
    """What an annotation asks for; None if it is none of ours."""
    if isinstance(annotation, type) and annotation in (int, float, bool, str):
        return _Wanted(annotation)
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is list and inner and isinstance(inner[0], type) and (wanted := _wanted(inner[0])):
        return wanted._replace(many=True)
    if origin in (types.UnionType, typing.Union) and types.NoneType in inner and len(inner) == 2:
        wanted = _wanted(inner[inner[0] is types.NoneType])
        return wanted and wanted._replace(optional=True)
    return None


def _converted(name: str, wanted: type, field: AnyField) -> Any:
    if isinstance(field, Field):
        raise ArgumentError(name, "must not be a file")
    if wanted is str:
        return str(field)
    text = str(field).strip().lower()
    if wanted is bool:
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        raise ArgumentError(name, f"must be one of {', '.join(_TRUE + _FALSE)}")
    if wanted is int:
        if re.fullmatch(r"[+-]?[0-9]{1,4300}", text):       # CPython converts no more digits than that
            return int(text)
        raise ArgumentError(name, "must be a whole number")
    if re.fullmatch(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?", text) and math.isfinite(float(text)):
        return float(text)
    raise ArgumentError(name, "must be a number")


def _is_empty(field: AnyField) -> bool:
    return not isinstance(field, Field) and not str(field).strip()


def _value(field: AnyField) -> Any:
    if isinstance(field, Field):
        return field
    return str(field) if isinstance(field.name, bytes) else field.value      # such names are those of urlencoded bodies


def _fields_of(fs: Form, without: set[str]) -> dict[str, list[AnyField]]:
    fields: dict[str, list[AnyField]] = {}
    for field in fs.list:
        name = decoded(field.name) if isinstance(field.name, bytes) else field.name
        if name is not None and name not in without:
            fields.setdefault(name, []).append(field)
    return fields


def _arguments(object: Any, parameters: Mapping[str, inspect.Parameter], fields: dict[str, list[AnyField]],
               args: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments for a call. Raises ArgumentError, and TypeError where a call could not say which one is missing."""
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    takes_all = False
    for name, parameter in parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            takes_all = True
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        value = args[name] if name in args else _field_argument(object, parameter, fields.pop(name, []))
        if parameter.kind is not parameter.POSITIONAL_ONLY:
            if value is not parameter.empty:
                keywords[name] = value
        elif value is not parameter.empty or parameter.default is not parameter.empty:
            positional.append(parameter.default if value is parameter.empty else value)
        else:
            raise TypeError(f"{getattr(object, '__name__', object)}() misses an argument: {name!r}")
    if takes_all:
        rest = {name: argument(name, None, named) for name, named in fields.items()}
        keywords = {**rest, **{name: value for name, value in args.items() if name not in parameters}, **keywords}
    return positional, keywords


def _field_argument(object: Any, parameter: inspect.Parameter, fields: list[AnyField]) -> Any:
    """What the form has for a parameter; `parameter.empty` if its default is to be used, or nothing is there."""
    annotation = _resolved(object, parameter.annotation)
    wanted = _wanted(annotation)
    has_default = parameter.default is not parameter.empty
    if wanted in _NUMBERS and has_default and len(fields) == 1 and _is_empty(fields[0]):
        return parameter.empty
    if fields:
        return argument(parameter.name, annotation, fields)
    # A decorator may give what the function inside has no default for.
    if wanted and not has_default and not hasattr(object, "__wrapped__"):
        if wanted.many:
            return []
        raise ArgumentError(parameter.name, "is missing")
    return parameter.empty


def _resolved(object: Any, annotation: Any) -> Any:
    """The annotation itself, if it is the text of one, as after `from __future__ import annotations`."""
    if not isinstance(annotation, str):
        return annotation
    code = _code_of_class(object) if isinstance(object, type) else inspect.unwrap(_function_of(object))
    try:
        return eval(annotation, getattr(code, "__globals__", {}))
    except Exception:               # a name for type checkers only: none of ours
        return None


def _parameters(object: Any) -> Mapping[str, inspect.Parameter]:
    if sys.version_info >= (3, 14):     # annotations are evaluated now, and may have names for type checkers only
        from annotationlib import Format
        return inspect.signature(object, annotation_format=Format.FORWARDREF).parameters
    return inspect.signature(object).parameters


def _bound(callable: Any) -> set[str]:
    """Names that fields must not set: what partial() has bound, and what a method calls the object it is bound to."""
    names: set[str] = set()
    while isinstance(callable, functools.partial):
        names.update(callable.keywords)
        callable = callable.func
    function = _code_of_class(callable) if isinstance(callable, type) else _function_of(callable)
    code = getattr(function, "__code__", None)
    if function is not callable and code is not None and code.co_argcount:
        names.add(code.co_varnames[0])
    return names


def _function_of(callable: Any) -> Any:
    """The function behind partial objects, bound methods and objects with __call__."""
    while not isinstance(callable, types.FunctionType):
        if isinstance(callable, functools.partial):
            callable = callable.func
        elif isinstance(callable, types.MethodType):
            callable = callable.__func__
        else:
            return type(callable).__call__
    return callable


def _code_of_class(cls: type) -> types.FunctionType | None:
    """The Python function that gets the arguments of a call of the class."""
    for function in (type(cls).__call__, cls.__init__, cls.__new__):      # type: ignore[misc]
        if isinstance(function, types.FunctionType):
            return function
    return None
