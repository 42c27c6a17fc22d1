"""Pieces of an httpd.conf as objects: str() is the text for httpd, repr() the Python that makes the object again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

INDENT = "  "


class Item:
    """What may stand in a Container."""

    def render(self, depth: int = 0) -> str:
        """The text for httpd, whole lines, inside `depth` containers."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.render()


class Directive(Item):
    """One line: a name and what stands behind it, any object, as str() has it.

    Backslashes become slashes, as httpd has them on every system, unless flipslash is false. ValueError if the line
    would become two.
    """

    def __init__(self, name: str, val: Any, flipslash: object = 1) -> None:
        if "\n" in f"{name} {val}" or "\r" in f"{name} {val}":
            raise ValueError(f"{name}: a directive is one line, and its value has a line break: {val!r}")
        self.name = name
        self.val = val
        self.flipslash = flipslash

    def render(self, depth: int = 0) -> str:
        return f"{INDENT * depth}{self.name} {_flipped(self.val, self.flipslash)}".rstrip(" ") + "\n"

    def __repr__(self) -> str:
        more = "" if self.flipslash == 1 else f", flipslash={self.flipslash!r}"
        return f"Directive({self.name!r}, {self.val!r}{more})"


class Named(Directive):
    """A directive whose name is that of its class."""

    _flipslash = 1

    def __init__(self, val: Any) -> None:
        super().__init__(type(self).__name__, val, self._flipslash)

    def __repr__(self) -> str:
        return f"{self.name}({self.val!r})"


class Unflipped(Named):
    """A directive whose backslashes mean something."""

    _flipslash = 0


class Comment(Item):
    """Text for people: each of its lines gets a # in front."""

    def __init__(self, text: str) -> None:
        self.text = text

    def render(self, depth: int = 0) -> str:
        return "".join(f"{INDENT * depth}# {line}".rstrip(" ") + "\n" for line in self.text.splitlines() or [""])

    def __repr__(self) -> str:
        return f"Comment({self.text!r})"


class Container(Item):
    """Items in their order.

    With only_if, a Python expression as text, it is there only if that is true when the text for httpd is made;
    `mod_python.version` is known in it.
    """

    def __init__(self, *args: Item, only_if: str | None = None) -> None:
        self.args: list[Item] = []
        self.only_if = only_if
        for item in args:
            self.append(item)

    def append(self, item: Item) -> None:
        """Adds an item at the end. TypeError for what is none."""
        self.args.append(_checked(item))

    def wanted(self) -> bool:
        """Whether only_if lets it be there."""
        if self.only_if is None:
            return True
        import mod_python.version

        return bool(eval(self.only_if, {"mod_python": mod_python}))   # the administrator's own expression

    def render(self, depth: int = 0) -> str:
        return "".join(item.render(depth) for item in self.args) if self.wanted() else ""

    def __repr__(self) -> str:
        return _block("Container", [], self.args, [f"only_if={self.only_if!r}"] if self.only_if is not None else [])


class ContainerTag(Item):
    """A section: `<Tag attr>`, the items, `</Tag>`."""

    def __init__(self, tag: str, attr: Any, args: Any = (), flipslash: object = 1) -> None:
        if "\n" in str(attr) or "\r" in str(attr):
            raise ValueError(f"<{tag}>: the line of a section has a line break: {attr!r}")
        self.tag = tag
        self.attr = attr
        self.args: list[Item] = []
        self.flipslash = flipslash
        for item in args:
            self.append(item)

    def append(self, item: Item) -> None:
        """Adds an item at the end. TypeError for what is none."""
        self.args.append(_checked(item))

    def render(self, depth: int = 0) -> str:
        inside = "".join(item.render(depth + 1) for item in self.args)
        before = INDENT * depth
        head = f"{self.tag} {_flipped(self.attr, self.flipslash)}".rstrip(" ")
        return f"{before}<{head}>\n{inside}{before}</{self.tag}>\n"

    def __repr__(self) -> str:
        more = "" if self.flipslash == 1 else f", flipslash={self.flipslash!r}"
        return f"ContainerTag({self.tag!r}, {self.attr!r}, [{_lines(map(repr, self.args))}]{more})"


class NamedTag(ContainerTag):
    """A section whose name is that of its class."""

    def __init__(self, attr: Any, *args: Item) -> None:
        super().__init__(type(self).__name__, attr, args)

    def __repr__(self) -> str:
        return _block(self.tag, [repr(self.attr)], self.args, [])


class UnflippedTag(NamedTag):
    """A section whose backslashes mean something."""

    def __init__(self, attr: Any, *args: Item) -> None:
        super().__init__(attr, *args)
        self.flipslash = 0


def quote_if_space(s: str) -> str:
    """The text, in double quotes if there is a blank in it."""
    return f'"{s}"' if " " in s else s


def quoted(text: object) -> str:
    """The text as one argument of a directive, whatever is in it."""
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _checked(item: Item) -> Item:
    if not isinstance(item, Item):
        raise TypeError(f"a container takes Directive, Comment, Container and ContainerTag, not {type(item).__name__}:"
                        f" {item!r}")
    return item


def _flipped(value: object, flipslash: object) -> str:
    return str(value).replace("\\", "/") if flipslash else str(value)


def _block(name: str, head: list[str], items: list[Item], tail: list[str]) -> str:
    """A call with an item on each line."""
    if not items:
        return f"{name}({', '.join([*head, *tail])})"
    return f"{name}({', '.join(head)}{',' if head else ''}{_lines([*map(repr, items), *tail])})"


def _lines(texts: Iterable[str]) -> str:
    """Arguments on lines of their own, a step further in. (In a repr() of text a line break is an escape.)"""
    lines = [line for text in texts for line in f"{text},".split("\n")]
    return "".join(f"\n    {line}" for line in lines) + ("\n" if lines else "")
