"""What a request says of TLS: is_https, ssl_var_lookup, construct_url (spec: API, section 3.1)."""

import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from client import TIMEOUT, response_of
from httpd import Httpd
from tls import certificate

CONF = """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler secure
        PythonFixupHandler secure::early
    </Directory>
    SSLRandomSeed startup builtin
    SSLEngine On
    SSLCertificateFile "${root}/cert.pem"
    SSLCertificateKeyFile "${root}/key.pem"
"""

FILES = {
    "htdocs/page.txt": "",
    "secure.py": """
from mod_python import apache

def early(req):
    req.seen = req.is_https()
    return apache.OK

def handler(req):
    req.add_common_vars()
    big = b"x" * 300000
    if req.args == "big":
        req.write(big)
        return apache.OK
    req.write(repr([req.seen, req.is_https(), req.ssl_var_lookup("HTTPS"), req.ssl_var_lookup("SSL_PROTOCOL"),
                    req.ssl_var_lookup("SSL_SERVER_S_DN_CN"), req.ssl_var_lookup("SSL_CLIENT_S_DN"),
                    req.ssl_var_lookup("NO_SUCH_VARIABLE"), req.ssl_var_lookup(""), req.construct_url("/x"),
                    req.subprocess_env.get("HTTPS"), req.read()]))
    return apache.OK
"""}


class TlsHttpd(Httpd):
    def ask(self, path: str, body: bytes | None = None) -> Any:
        context = ssl.create_default_context(cafile=str(self.root / "cert.pem"))
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=TIMEOUT, context=context)
        try:
            connection.request("GET" if body is None else "POST", path, body)
            return response_of(connection.getresponse())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsHttpd]:
    directory: Path = tmp_path_factory.mktemp("https")
    certificate(directory)
    server = TlsHttpd(directory, CONF, FILES, modules=("ssl", "socache_shmcb"))
    with server:
        yield server


def test_the_variables_of_tls(secure: TlsHttpd) -> None:
    early, https, variable, protocol, name, client, unknown, empty, url, env, body = eval(
        secure.ask("/page.txt", b"sent by TLS").text)
    assert (early, https, variable, name, client, unknown, empty) == (1, 1, "on", "localhost", None, None, None)
    assert protocol.startswith("TLSv1.") and env in ("on", None) and body == b"sent by TLS"
    assert url == f"https://localhost:{secure.port}/x"


def test_answers_by_tls_are_whole(secure: TlsHttpd) -> None:
    assert len(secure.ask("/page.txt?big").body) == 300000
