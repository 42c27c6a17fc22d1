"""Headers with parameters, `form-data; name="x"; filename="a;b.txt"`, and the text of what came as bytes."""

import re
from urllib.parse import unquote_to_bytes

# The charsets that text of forms is decoded by: those of the Encoding Standard that Python has, and their usual names.
# Others are left alone: Python's codecs are more than charsets, some take quadratic time, and for each name that it
# does not know Python keeps a note for ever.
_CHARSETS = re.compile(
    r"utf-?8|(?:us-)?ascii|utf-?16(?:-?[lb]e)?|iso[-_]?8859[-_]?(?:[1-9]|1[0-6])|latin-?1"
    r"|(?:windows|cp)-?(?:125[0-8]|874)|cp(?:437|850|866|932|949|950)|koi8-[ru]|macintosh|mac-roman|shift[-_]jis|sjis"
    r"|euc-(?:jp|kr)|iso-2022-jp|gb2312|gbk|gb18030|big5(?:-hkscs)?", re.IGNORECASE)

_PARAMETER = re.compile(rb';\s*([^=;\s]+)\s*=\s*("(?:[^"\\]|\\.)*"(?=\s*(?:;|$))|[^;]*)', re.DOTALL)


def decoded(raw: bytes, charset: str | None = None) -> str:
    """The text of bytes from the network: by their declared charset, else UTF-8, else Latin-1, which never fails."""
    if charset is not None and _CHARSETS.fullmatch(charset):
        name = re.sub(r"^windows-?", "cp", charset.lower())
        try:
            return raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            pass
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def parse_header(line: bytes) -> tuple[str, dict[bytes, bytes]]:
    """The main value of a header, in lower case, and its parameters by their names, in lower case.

    Quotes around a value are taken away, and so is the backslash in front of a quote or backslash between them; others
    stay, for the sake of paths of Windows. Of parameters with the same name the last one counts. Raises TypeError if
    the line is no bytes.
    """
    if not isinstance(line, bytes):
        raise TypeError(f"parse_header() takes bytes, not {type(line).__name__}")
    main = line.partition(b";")[0].strip().lower().decode("latin-1")
    return main, {match[1].lower(): _unquoted(match[2].strip()) for match in _PARAMETER.finditer(line)}


def _unquoted(value: bytes) -> bytes:
    if len(value) > 1 and value.startswith(b'"') and value.endswith(b'"'):
        return re.sub(rb'\\(["\\])', rb"\1", value[1:-1])
    return value


def filename_of(parameters: dict[bytes, bytes]) -> str | None:
    """The file name of a Content-Disposition: `filename*` (RFC 5987), else `filename`; None if there is none."""
    extended = parameters.get(b"filename*", b"").split(b"'", 2)         # charset'language'percent-encoded
    if len(extended) == 3:
        return decoded(unquote_to_bytes(extended[2]), extended[0].decode("latin-1"))
    name = parameters.get(b"filename")
    return None if name is None else decoded(name)
