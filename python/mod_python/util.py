"""Forms: what the client sent in the query and in the body of a POST, by name; and redirects.

    from mod_python import apache, util

    def handler(req: apache.Request) -> int:
        form = util.FieldStorage(req)
        req.write(f"Hello, {form.getfirst('name', 'whoever you are')}")
        return apache.OK

How large forms may be is limited: see _limits. What needs no request also works outside httpd.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from mod_python._arguments import ArgumentError as ArgumentError
from mod_python._arguments import apply_fs_data as apply_fs_data
from mod_python._arguments import argument as argument
from mod_python._fields import AnyField, Name
from mod_python._fields import Field as Field
from mod_python._fields import FieldList as FieldList
from mod_python._fields import StringField as StringField
from mod_python._forms import parse_qs as parse_qs
from mod_python._forms import parse_qsl as parse_qsl
from mod_python._headers import decoded, filename_of
from mod_python._headers import parse_header as parse_header
from mod_python._limits import Limits, Refused, limits_of
from mod_python._multipart import HeadersTooLarge, MultipartParser, boundary_of
from mod_python._refusal import refuse

if TYPE_CHECKING:
    from mod_python._apache import mp_request

readBlockSize = 65368           # bytes of a body that are read at once

HTTP_BAD_REQUEST = 400
HTTP_LENGTH_REQUIRED = 411
HTTP_NOT_IMPLEMENTED = 501


class FieldStorage:
    """The fields of a request: those of its query, then, if it is a POST, those of its body, which is read.

    It works as a mapping of names to fields. Text of the query is str; names and values of a body are bytes, except
    that the names of multipart bodies are str, and fields are found by text and bytes alike. Uploads are written to
    temporary files, or to what file_callback(filename) returns; the content of other parts is kept in memory, or
    written to what field_callback() returns and read back from there. Fields without a value are left out of the query
    and of urlencoded bodies, unless keep_blank_values. strict_parsing means nothing.

    Raises SERVER_RETURN with 400 for a body that is no form, or a query of too many fields; 411 without Content-Length;
    413 for more than the limits allow; 501 for another content type. OSError if the client is gone. ValueError if a
    limit is set wrongly.
    """

    def __init__(self, req: mp_request, keep_blank_values: int = 0, strict_parsing: int = 0,
                 file_callback: Callable[[str], BinaryIO] | None = None,
                 field_callback: Callable[[], BinaryIO] | None = None) -> None:
        self.list = FieldList()
        limits = limits_of(req.get_options())
        try:
            if req.args:
                self._add_query(req.args, keep_blank_values, limits)
            if req.method == "POST":
                self._read_body(req, keep_blank_values, file_callback, field_callback, limits)
        except Refused as refused:
            refuse(req, refused.status, refused.reason, refused.hint)

    def _add_query(self, query: str, keep_blank_values: int, limits: Limits) -> None:
        try:
            pairs = parse_qsl(query, keep_blank_values, 0, limits.max_fields)
        except ValueError:
            raise limits.exceeded("max_fields", "fields", HTTP_BAD_REQUEST) from None
        for name, value in pairs:
            self.list.append(StringField(value, name))

    def _read_body(self, req: mp_request, keep_blank_values: int, file_callback: Callable[[str], BinaryIO] | None,
                   field_callback: Callable[[], BinaryIO] | None, limits: Limits) -> None:
        length = req.headers_in.get("Content-Length")
        if "Transfer-Encoding" not in req.headers_in and not (length and length.isascii() and length.isdigit()):
            raise Refused(HTTP_LENGTH_REQUIRED, "a form without Content-Length")
        content_type = (req.headers_in.get("Content-Type") or "application/x-www-form-urlencoded").strip()
        kind = content_type.lower()
        body = _blocks(req, limits)
        if kind.startswith("application/x-www-form-urlencoded"):
            first = len(self.list)
            self._add_urlencoded(body, keep_blank_values, limits)
        elif kind.startswith("multipart/"):
            boundary = boundary_of(content_type)
            if boundary is None:
                raise Refused(HTTP_BAD_REQUEST, "a multipart form without boundary in its Content-Type")
            first = len(self.list)
            self._add_parts(body, boundary, file_callback, field_callback, limits)
        else:
            raise Refused(HTTP_NOT_IMPLEMENTED, f"a form of type {content_type[:100]!r}")
        self._declare_charset(first, content_type)

    def _add_urlencoded(self, body: Iterable[bytes], keep_blank_values: int, limits: Limits) -> None:
        def add(piece: bytes) -> None:
            try:
                pairs = parse_qsl(piece, keep_blank_values, 0, limits.max_fields - len(self.list))
            except ValueError:
                raise limits.exceeded("max_fields", "fields") from None
            for name, value in pairs:
                self.list.append(StringField(value, name))
        size = 0
        unfinished: list[bytes] = []
        for block in body:
            size += len(block)
            if size > limits.max_memory:
                raise limits.exceeded("max_memory", "bytes in memory")
            end = max(block.rfind(b"&"), block.rfind(b";"))
            if end >= 0:
                add(b"".join([*unfinished, block[:end]]))
                unfinished.clear()
            unfinished.append(block[end + 1:])
        add(b"".join(unfinished))

    def _add_parts(self, body: Iterable[bytes], boundary: bytes, file_callback: Callable[[str], BinaryIO] | None,
                   field_callback: Callable[[], BinaryIO] | None, limits: Limits) -> None:
        parts = _Parts(self.list, file_callback, field_callback, limits)
        parser = MultipartParser(boundary, parts, limits.max_header_size)
        try:
            for block in body:
                parser.feed(block)
            parser.close()
        except HeadersTooLarge:
            raise limits.exceeded("max_header_size", "bytes of headers in a part", HTTP_BAD_REQUEST) from None

    def _declare_charset(self, first: int, content_type: str) -> None:
        """Of the fields from `first` on: that of their part, else of the field `_charset_`, else of the body."""
        charset = parse_header(content_type.encode())[1].get(b"charset", b"").decode("latin-1") or None
        said = self.list.named("_charset_")
        if said and isinstance(said[0], StringField) and len(said[0]) < 50:
            charset = str(said[0])
        for index in range(first, len(self.list)):
            field = self.list[index]
            if isinstance(field, StringField):
                field._charset = field.type_options.get(b"charset", b"").decode("latin-1") or charset

    # As a mapping

    def __getitem__(self, name: Name) -> AnyField | list[AnyField]:
        """The field of that name, or the list of them if there are several. Raises KeyError."""
        fields = self.list.named(name)
        if not fields:
            raise KeyError(name)
        return fields[0] if len(fields) == 1 else list(fields)

    def __setitem__(self, name: str | bytes, value: str | bytes) -> None:
        """Put a StringField at the end, in place of all the fields of that name."""
        field = StringField(value, _checked(name))
        if name in self:
            del self[name]
        self.list.append(field)

    def __delitem__(self, name: Name) -> None:
        """Remove all fields of that name. Raises KeyError."""
        gone = {id(field) for field in self.list.named(name)}
        if not gone:
            raise KeyError(name)
        self.list[:] = [field for field in self.list if id(field) not in gone]

    def __contains__(self, name: object) -> bool:
        return bool(self.list.named(name))

    def has_key(self, name: object) -> bool:
        return name in self

    def __len__(self) -> int:
        return len(self.list.names())

    def __iter__(self) -> Iterator[Name]:
        return iter(self.list.names())

    def __repr__(self) -> str:
        return repr({name: self.list.named(name) for name in self.list.names()})

    def get(self, name: Name, default: Any = None) -> Any:
        """As form[name], but `default` if there is none."""
        try:
            return self[name]
        except KeyError:
            return default

    def getfirst(self, name: Name, default: Any = None) -> Any:
        """The first field of that name, or `default`."""
        fields = self.list.named(name)
        return fields[0] if fields else default

    def getlist(self, name: Name) -> list[AnyField]:
        """All the fields of that name."""
        return list(self.list.named(name))

    def keys(self) -> list[Name]:
        """Each name once, in the order of first sight."""
        return self.list.names()

    def values(self) -> list[AnyField]:
        """All the fields, in order."""
        return list(self.list)

    def items(self) -> list[tuple[Name, AnyField]]:
        """All the fields, in order, each with its name."""
        return [(field.name, field) for field in self.list]

    def add_field(self, name: str | bytes, value: str | bytes) -> None:
        """Put a StringField at the end."""
        self.list.append(StringField(value, _checked(name)))

    def clear(self) -> None:
        self.list.clear()


def _checked(name: str | bytes) -> str | bytes:
    if not isinstance(name, (str, bytes)):
        raise TypeError(f"a field's name must be str or bytes, not {type(name).__name__}")
    return name


def _blocks(req: mp_request, limits: Limits) -> Iterator[bytes]:
    """The body, in blocks of readBlockSize."""
    length = req.headers_in.get("Content-Length")
    if limits.max_size is not None and length is not None and int(length) > limits.max_size:
        raise limits.exceeded("max_size", "bytes")
    size = 0
    while block := req.read(readBlockSize):
        size += len(block)
        if limits.max_size is not None and size > limits.max_size:
            raise limits.exceeded("max_size", "bytes")
        yield block


class _Parts:
    """Makes fields of the parts of a multipart body."""

    def __init__(self, fields: FieldList, file_callback: Callable[[str], BinaryIO] | None,
                 field_callback: Callable[[], BinaryIO] | None, limits: Limits) -> None:
        self._fields = fields
        self._file_callback = file_callback
        self._field_callback = field_callback
        self._limits = limits
        self._parts = self._files = self._memory = 0
        self._is_upload = False

    def begin(self, headers: list[bytes]) -> None:
        from mod_python import _apache
        self._parts += 1
        if self._parts > self._limits.max_parts:
            raise self._limits.exceeded("max_parts", "parts")
        if len(self._fields) >= self._limits.max_fields:
            raise self._limits.exceeded("max_fields", "fields")
        self._hold(sum(map(len, headers)))
        self._headers = _apache.table()
        said: dict[bytes, bytes] = {}
        for line in headers:
            name, colon, value = line.partition(b":")
            name = name.strip()
            if colon and name and b"\0" not in line:
                self._headers.add(name, value)
                said.setdefault(name.lower(), value)
        self._said = said
        self._disposition, self._disposition_options = _header(said.get(b"content-disposition"))
        self._filename = filename_of(self._disposition_options)
        self._is_upload = bool(self._filename)
        if self._is_upload:
            self._files += 1
            if self._files > self._limits.max_files:
                raise self._limits.exceeded("max_files", "uploads")
        self._file = self._open()

    def _open(self) -> BinaryIO:
        if self._filename is not None and self._file_callback is not None:
            return self._file_callback(self._filename)
        if self._is_upload:
            return tempfile.TemporaryFile("w+b")
        if self._filename is None and self._field_callback is not None:
            return self._field_callback()
        return io.BytesIO()

    def data(self, data: bytes) -> None:
        if not self._is_upload:
            self._hold(len(data))
        self._file.write(data)

    def _hold(self, size: int) -> None:
        self._memory += size
        if self._memory > self._limits.max_memory:
            raise self._limits.exceeded("max_memory", "bytes in memory")

    def end(self) -> None:
        file = self._file
        file.seek(0)
        raw_name = self._disposition_options.get(b"name")
        name = None if raw_name is None else decoded(raw_name)
        field: AnyField
        if self._is_upload:
            field = Field(name, file)
            field.filename = self._filename
        else:
            field = StringField(file.read(), name)
            file.seek(0)
            field.file = file
        kind, field.type_options = _header(self._said.get(b"content-type"))
        field.type = "text/plain" if kind is None else kind if "/" in kind else "application/octet-stream"
        field.disposition, field.disposition_options = self._disposition, self._disposition_options
        field.headers = self._headers
        self._fields.append(field)


def _header(line: bytes | None) -> tuple[str | None, dict[bytes, bytes]]:
    return (None, {}) if line is None else parse_header(line)


def redirect(req: mp_request, location: str, permanent: int = 0, text: str | None = None) -> NoReturn:
    """Answer with a redirection, in any phase, and end the request by raising SERVER_RETURN.

    `location` goes into the header as it is; `permanent` makes it 301, else it is 302; `text` is the body, by default a
    line of HTML with the link. Raises TypeError if location is no str, ValueError if it has line ends or NUL, OSError
    if part of a body has been sent already.
    """
    from mod_python import _apache
    if not isinstance(location, str):
        raise TypeError(f"redirect(): location must be str, not {type(location).__name__}")
    if any(char in location for char in "\r\n\0"):
        raise ValueError(f"redirect(): location must not contain line ends or NUL: {location!r}")
    if req.sent_bodyct:
        raise OSError("redirect(): part of the answer has been sent already")
    req.err_headers_out["Location"] = location
    req.status = 301 if permanent else 302
    if text is None:
        if not req._content_type_set:
            req.content_type = "text/html"
        text = f'<p>The document has moved <a href="{escape(location)}">here</a>.</p>\n'
    req.write(text)
    raise _apache.SERVER_RETURN(-2)                 # apache.DONE
