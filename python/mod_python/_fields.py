"""The fields of a form: uploads (Field), the others (StringField), and their list, which finds them by name.

A name, and a value, is str or bytes, as it came; a field is found by either. Text and bytes are the same if the bytes
are the text's UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, SupportsIndex, TypeAlias, overload

from mod_python._headers import decoded

if TYPE_CHECKING:
    from typing_extensions import Self

Name: TypeAlias = str | bytes | None


class Field:
    """An uploaded file."""

    filename: str | None

    def __init__(self, name: str | bytes | None, file: BinaryIO | None = None, ctype: str | None = "text/plain",
                 type_options: dict[bytes, bytes] | None = None, disp: str | None = None,
                 disp_options: dict[bytes, bytes] | None = None, headers: Any = None) -> None:
        self.name = name
        self.file = file
        self.filename = None
        self.type = ctype
        self.type_options = {} if type_options is None else type_options
        self.disposition = disp
        self.disposition_options = {} if disp_options is None else disp_options
        self.headers = {} if headers is None else headers

    @property
    def value(self) -> bytes | None:
        """The whole file; afterwards it stands at its beginning. None without a file."""
        if self.file is None:
            return None
        self.file.seek(0)
        value = self.file.read()
        self.file.seek(0)
        return value

    def __repr__(self) -> str:
        return f"Field({self.name!r}, {self.value!r})"

    def __del__(self) -> None:
        file = getattr(self, "file", None)
        if file is not None:
            with suppress(Exception):
                file.close()


class StringField(bytes):
    """A field that is no upload: bytes, with the names of Field.

    `value` is the str or bytes that it was made from, and str(field) its text: bytes are decoded by the charset that
    was declared for them, else by UTF-8, else by Latin-1. It equals text and bytes alike.
    """

    name: Name
    value: str | bytes
    file: BinaryIO | None
    filename: str | None
    type: str | None
    type_options: dict[bytes, bytes]
    disposition: str | None
    disposition_options: dict[bytes, bytes]
    headers: Any
    _charset: str | None

    def __new__(cls, value: str | bytes, name: str | bytes | None = None) -> Self:
        if not isinstance(value, (str, bytes)):
            raise TypeError(f"a field's value must be str or bytes, not {type(value).__name__}")
        self = super().__new__(cls, as_bytes(value))
        self.value = _plain(value)
        self.name = name
        self.file = self.filename = self.type = self.disposition = self._charset = None
        self.type_options = {}
        self.disposition_options = {}
        self.headers = {}
        return self

    def __str__(self) -> str:
        return self.value if isinstance(self.value, str) else decoded(self.value, self._charset)

    def __repr__(self) -> str:
        return f"Field({self.name!r}, {self.value!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StringField):
            other = other.value
        if isinstance(other, str):
            return str(self) == other
        if isinstance(other, bytes):
            return as_bytes(self.value) == other
        return NotImplemented

    def __ne__(self, other: object) -> bool:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    __hash__ = bytes.__hash__               # for ASCII it is also that of the text


def _plain(value: str | bytes) -> str | bytes:
    """Of the base type, if it is a field or the like."""
    if isinstance(value, StringField):
        return value.value
    return value


def as_bytes(text: str | bytes) -> bytes:
    """UTF-8; surrogates that stand for bytes give these, others their odd UTF-8, so that it never fails."""
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _key(name: object) -> object:
    """What names are compared by."""
    return as_bytes(name) if isinstance(name, str) else name


AnyField: TypeAlias = Field | StringField


class FieldList(list[AnyField]):
    """A list of fields in their order, with an index by name that is made when it is first needed."""

    _index: dict[object, list[AnyField]] | None = None

    def named(self, name: object) -> list[AnyField]:
        """The fields of that name, empty if there are none; not to be changed."""
        return self._by_name().get(_key(name), [])

    def names(self) -> list[Name]:
        """Each name once, in the order of their first fields, as it is spelled there."""
        return [fields[0].name for fields in self._by_name().values()]

    def _by_name(self) -> dict[object, list[AnyField]]:
        index = self._index
        if index is None:
            index = {}
            for field in self:
                index.setdefault(_key(field.name), []).append(field)
            self._index = index
        return index

    def append(self, field: AnyField, /) -> None:
        if self._index is not None:
            self._index.setdefault(_key(field.name), []).append(field)
        super().append(field)

    def extend(self, fields: Iterable[AnyField], /) -> None:
        self._index = None
        super().extend(fields)

    def insert(self, index: SupportsIndex, field: AnyField, /) -> None:
        self._index = None
        super().insert(index, field)

    def remove(self, field: Any, /) -> None:
        self._index = None
        super().remove(field)

    def pop(self, index: SupportsIndex = -1, /) -> AnyField:
        self._index = None
        return super().pop(index)

    def clear(self) -> None:
        self._index = None
        super().clear()

    def sort(self, **by: Any) -> None:
        self._index = None
        super().sort(**by)

    def reverse(self) -> None:
        self._index = None
        super().reverse()

    @overload
    def __setitem__(self, index: SupportsIndex, fields: AnyField, /) -> None: ...

    @overload
    def __setitem__(self, index: slice, fields: Iterable[AnyField], /) -> None: ...

    def __setitem__(self, index: Any, fields: Any, /) -> None:
        self._index = None
        super().__setitem__(index, fields)

    def __delitem__(self, index: SupportsIndex | slice, /) -> None:
        self._index = None
        super().__delitem__(index)

    def __iadd__(self, fields: Iterable[AnyField], /) -> Self:      # type: ignore[override, misc]
        self.extend(fields)
        return self

    def __imul__(self, times: SupportsIndex, /) -> Self:
        self._index = None
        return super().__imul__(times)
