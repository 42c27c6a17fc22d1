"""A certificate for tests: made when it is needed, signed by itself."""

import subprocess
from pathlib import Path


def certificate(directory: Path) -> tuple[Path, Path]:
    """The files of a new certificate for localhost and of its key."""
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key
