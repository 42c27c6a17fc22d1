"""A mime.types file for httpd: the system's own, or what Python knows."""

from __future__ import annotations

import mimetypes
import os
from collections import defaultdict
from pathlib import Path

from mod_python import _httpd

# What sites have today, and older tables do not.
MODERN = {
    ".avif": "image/avif", ".js": "text/javascript", ".json": "application/json", ".md": "text/markdown",
    ".mjs": "text/javascript", ".svg": "image/svg+xml", ".wasm": "application/wasm", ".webmanifest":
    "application/manifest+json", ".webp": "image/webp", ".woff": "font/woff", ".woff2": "font/woff2",
}


def text() -> str:
    """The content of a mime.types file."""
    for place in _places():
        if place.is_file():
            return place.read_text(encoding="utf-8", errors="replace")
    kinds = defaultdict(list)
    for extension, kind in sorted({**mimetypes.MimeTypes(()).types_map[1], **MODERN}.items()):
        kinds[kind].append(extension.removeprefix("."))
    return "".join(f"{kind} {' '.join(extensions)}\n" for kind, extensions in sorted(kinds.items()))


def _places() -> list[Path]:
    try:
        own = [Path(_httpd.fact("SYSCONFDIR")) / "mime.types"]
    except _httpd.Unknown:
        own = []
    return [*own, Path(f"{os.sep}etc/mime.types")]
