"""Requests that come by TLS, with httpd's mod_ssl and a certificate made for the test."""

import http.client
import shutil
import ssl
import subprocess
import tempfile
from ast import literal_eval
from pathlib import Path
from typing import Any

import pytest
from cases import CASES, CASES_CONF
from httpd import Httpd

if not shutil.which("openssl"):
    pytest.skip("there is no openssl command", allow_module_level=True)


def certificate() -> tuple[str, str]:
    """A key and a certificate for 127.0.0.1, signed by itself."""
    with tempfile.TemporaryDirectory() as name:
        key, file = Path(name, "key"), Path(name, "certificate")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-subj", "/CN=mod_python test", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-days", "2", "-keyout", key, "-out", file], check=True, capture_output=True)
        return key.read_text(), file.read_text()


KEY, CERTIFICATE = certificate()

MODULES = ("ssl",)

CONF = CASES_CONF + """
    <VirtualHost *:${port}>
        SSLEngine On
        SSLCertificateFile ${root}/certificate
        SSLCertificateKeyFile ${root}/key
    </VirtualHost>
"""

FILES = {"key": KEY, "certificate": CERTIFICATE, "cases.py": CASES + """
def facts(req):
    names = ("HTTPS", b"HTTPS", "SSL_SERVER_S_DN_CN", "SSL_CLIENT_S_DN", "NO_SUCH_VARIABLE", "", "HTTP_HOST")
    return [req.is_https(), type(req.is_https()).__name__, [req.ssl_var_lookup(name) for name in names],
            req.ssl_var_lookup("SSL_PROTOCOL")[:5], req.construct_url("/x"), req.build_wsgi_env()["wsgi.url_scheme"],
            req.connection.client_ip]

def errors(req):
    return [(raised(req.ssl_var_lookup, *arguments) or ["found"])[0] for arguments in
            [(), (5,), (None,), ("HTTPS", "HTTPS"), ("a\\0b",)]]

def echo(req):
    return len(req.read())
"""}


def ask(httpd: Httpd, name: str, body: bytes | None = None) -> Any:
    context = ssl.create_default_context(cadata=CERTIFICATE)
    connection = http.client.HTTPSConnection("127.0.0.1", httpd.port, context=context, timeout=20)
    try:
        connection.request("GET" if body is None else "POST", f"/case/{name}", body)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    assert answer.status == 200, text
    return literal_eval(text)


def test_the_request_knows_that_it_came_by_tls(httpd: Httpd) -> None:
    host = f"127.0.0.1:{httpd.port}"
    assert ask(httpd, "facts") == [1, "int", ["on", "on", "mod_python test", None, None, None, host], "TLSv1",
                                   f"https://{host}/x", "https", "127.0.0.1"]


def test_wrong_names_of_variables(httpd: Httpd) -> None:
    assert ask(httpd, "errors") == ["TypeError"] * 4 + ["ValueError"]


def test_bodies_come_through(httpd: Httpd) -> None:
    assert ask(httpd, "echo", b"x" * 300000) == 300000
