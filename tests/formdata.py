"""Bodies of forms as clients send them."""

from __future__ import annotations

URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=B-x9"}

END = b"--B-x9--\r\n"


def part(name: str | bytes, content: bytes = b"", filename: str | bytes | None = None, headers: bytes = b"") -> bytes:
    """One part of a multipart body; `headers` are lines that go before the empty one."""
    name = name if isinstance(name, bytes) else name.encode()
    disposition = b'form-data; name="%s"' % name
    if filename is not None:
        disposition += b'; filename="%s"' % (filename if isinstance(filename, bytes) else filename.encode())
    return b"--B-x9\r\nContent-Disposition: %s\r\n%s\r\n%s\r\n" % (disposition, headers, content)


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + END


def chunk(data: bytes) -> bytes:
    """A chunk of the chunked coding; an empty one is the last."""
    return b"%x\r\n%s\r\n" % (len(data), data)
