"""What a form may be at most: PythonOption mod_python.forms.*, and what is said to who sends more."""

from dataclasses import dataclass, fields
from typing import Protocol

PREFIX = "mod_python.forms."


class Options(Protocol):
    def get(self, key: str, default: None = ..., /) -> str | None: ...


class Refused(Exception):
    """A form that is not taken: the status for the client, why, and what the log says besides."""

    def __init__(self, status: int, reason: str, hint: str = "") -> None:
        super().__init__(reason + hint)
        self.status = status
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True)
class Limits:
    """Each is a PythonOption of that name; sizes are in bytes."""

    max_fields: int = 10000                 # of the query and the body together
    max_parts: int = 1000                   # of a multipart body
    max_files: int = 100                    # parts that are uploads: each holds a file open
    max_header_size: int = 16384            # the headers of one part
    max_memory: int = 16 * 1024 * 1024      # all but the content of uploads
    max_size: int | None = None             # the whole body

    def exceeded(self, name: str, what: str, status: int = 413) -> Refused:
        return Refused(status, f"a form with more than {getattr(self, name)} {what}", f" (PythonOption {PREFIX}{name})")


def limits_of(options: Options) -> Limits:
    """The limits that these options set. Raises ValueError for one that is no whole number above 0."""
    given = {}
    for limit in fields(Limits):
        text = options.get(PREFIX + limit.name)
        if text is None:
            continue
        if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text)):
            raise ValueError(f"PythonOption {PREFIX}{limit.name} must be a whole number above 0, not {text!r}, e.g."
                             f" 'PythonOption {PREFIX}{limit.name} {limit.default or 1000000}'")
        given[limit.name] = int(text)
    return Limits(**given)
