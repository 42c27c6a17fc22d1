"""Process groups of virtual hosts: who may use them, whatever names them, and what `httpd -t` says of that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from client import RawClient, Response
from fake import Bare, fake_engine
from httpd import BUILD, Httpd

MODULES = ("setenvif",)
PORTS = ("tls",)

# Of the main server, for all virtual hosts: whichever way a directive there may name a group.
CONF = """
Listen 127.0.0.1:${tls}
WSGIDaemonProcess everyones threads=2
WSGIProcessGroup one
SetEnvIf X-Group (.+) GROUP=$1
Alias /directory "${root}/site/directory"
<Directory "${root}/site">
    Require all granted
    Options +ExecCGI
</Directory>
<Directory "${root}/site/directory">
    SetHandler wsgi-script
    WSGIProcessGroup one
</Directory>
<Location /location>
    WSGIProcessGroup one
</Location>
<If "%{REQUEST_URI} == '/if'">
    WSGIProcessGroup one
</If>
WSGIHandlerScript mine "${root}/site/handler.py" process-group=one
WSGIHandlerScript warm "${root}/site/warm.py" process-group=one application-group=warm
<Location /handler>
    SetHandler mine
    WSGIProcessGroup everyones
</Location>
<Location /warm>
    SetHandler warm
</Location>
<Location /variable>
    WSGIProcessGroup %{ENV:GROUP}
</Location>
<Location /option>
    WSGIProcessGroup everyones
</Location>
<Location /dispatched>
    WSGIProcessGroup everyones
    WSGIDispatchScript "${root}/dispatch.wsgi"
</Location>
WSGIScriptAlias /alias "${root}/site/app.wsgi" process-group=one
WSGIScriptAliasMatch ^/match/\\w+ "${root}/site/app.wsgi" process-group=one
WSGIScriptAlias /option "${root}/site/app.wsgi" process-group=%{ENV:GROUP}
WSGIScriptAlias / "${root}/site/app.wsgi"
<VirtualHost *:${port}>
    ServerName one.example
    WSGIDaemonProcess one threads=2
</VirtualHost>
<VirtualHost *:${port}>
    ServerName two.example
    WSGIDaemonProcess two threads=2
</VirtualHost>
<VirtualHost *:${tls}>
    ServerName https://ONE.example:443
</VirtualHost>
"""

APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["mod_wsgi.process_group"].encode()]

handle_request = application
"""

FILES = {"site/app.wsgi": APP, "site/directory/app.wsgi": APP, "site/handler.py": APP, "site/warm.py": APP,
         "dispatch.wsgi": "def process_group(environ):\n    return environ['HTTP_X_GROUP']\n"}

FORMS = ("/", "/directory/app.wsgi", "/location", "/if", "/handler", "/warm", "/alias", "/match/x")
CHOICES = ("/variable", "/option", "/dispatched")

OTHER = "it is defined in another virtual host, whose ServerName is a different one"


def ask(httpd: Httpd, host: str, path: str, group: str = "") -> Response:
    return httpd.get(path, {"Host": host, "X-Group": group})


def ask_pair(httpd: Httpd, path: str, group: str = "") -> Response:
    """The virtual host with the ServerName of the first, at the other port."""
    with RawClient(httpd.ports["tls"]) as client:
        client.send_request("GET", path, {"X-Group": group})
        return client.response()


@pytest.mark.parametrize("path", FORMS)
def test_what_the_main_server_says_is_looked_up_where_it_is_used(httpd: Httpd, path: str) -> None:
    """SEC-65: the group's own virtual host and the one with its ServerName may use it, another one may not."""
    for answer in (ask(httpd, "one.example", path), ask_pair(httpd, path)):
        assert (answer.status, answer.text) == (200, "one")
    assert ask(httpd, "two.example", path).status == 500
    httpd.claim(f"MP0311: the process group 'one' can't be used here: {OTHER}")


@pytest.mark.parametrize("path", CHOICES)
def test_what_is_chosen_at_run_time_has_the_same_limits(httpd: Httpd, path: str) -> None:
    """SEC-65: %{ENV:NAME}, as a directive and as an option, and a dispatch script."""
    for host, own, foreign in (("one.example", "one", "two"), ("two.example", "two", "one")):
        for group in (own, "everyones"):
            assert ask(httpd, host, path, group).text == group
        assert ask(httpd, host, path, foreign).status == 500
        httpd.claim(f"MP0311: the process group '{foreign}' can't be used here: {OTHER}")
    assert ask_pair(httpd, path, "one").text == "one"
    assert ask_pair(httpd, path, "two").status == 500
    httpd.claim("MP0311: the process group 'two' can't be used here")
    assert ask(httpd, "one.example", path, "three").status == 500
    httpd.claim("MP0311: the process group 'three' can't be used here: no WSGIDaemonProcess line defines it")


def test_a_group_that_others_can_not_use_is_warned_of_once(httpd: Httpd) -> None:
    """For the first line that names it."""
    conf = re.escape(f"{httpd.root}/conf/httpd.conf")
    httpd.claim(rf"MP0480: WSGIProcessGroup \({conf}:\d+\): the process group 'one' is defined in virtual host "
                rf"one.example \({conf}:\d+\), and only there can it be used; the same request at virtual host "
                rf"two.example \({conf}:\d+\) is answered 500")
    assert httpd.log_text().count("MP0480") == 1


# What `httpd -t` says.

@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Httpd:
    return Bare(tmp_path_factory.mktemp("bare"))


def host(name: str, *lines: str, port: str = "${port}") -> str:
    return "\n".join([f"<VirtualHost *:{port}>", f"ServerName {name}" if name else "", *lines, "</VirtualHost>", ""])


def check(server: Httpd, text: str) -> tuple[int, str]:
    engines = fake_engine().parent
    return server.configtest(f"LoadModule python_module {BUILD / 'mod_python.so'}\nPythonEngine {engines}\n{text}")


DEFINED = host("a", "WSGIDaemonProcess shop")
USES = (
    "WSGIProcessGroup shop",
    "<Directory /x>\nWSGIProcessGroup shop\n</Directory>",
    "<Location /x>\nWSGIProcessGroup shop\n</Location>",
    "<Files x>\nWSGIProcessGroup shop\n</Files>",
    "<If true>\nWSGIProcessGroup shop\n</If>",
    "WSGIScriptAlias /x /x.wsgi process-group=shop",
    "WSGIScriptAlias /x /x.wsgi process-group=shop application-group=%{SERVER}",
    "WSGIScriptAliasMatch ^/x /x.wsgi process-group=shop",
    "WSGIHandlerScript x /x.py process-group=shop",
    "<Directory /x>\nWSGIHandlerScript x /x.py process-group=shop application-group=x\n</Directory>",
)
LOADED = (
    "WSGIScriptAlias /x /x.wsgi process-group=shop application-group=x",
    "WSGIScriptAliasMatch ^/x /x.wsgi process-group=shop application-group=x",
    "WSGIImportScript /x.wsgi process-group=shop application-group=x",
)


@pytest.mark.parametrize("line", USES)
def test_the_main_server_may_name_groups_of_virtual_hosts(bare: Httpd, line: str) -> None:
    for conf in (DEFINED + line, line + "\n" + DEFINED, DEFINED + host("A", port="*") + line):
        assert check(bare, conf) == (0, "Syntax OK\n")


@pytest.mark.parametrize("line", USES + LOADED)
def test_a_group_that_is_nowhere_is_refused(bare: Httpd, line: str) -> None:
    for conf in (line, host("b", line)):
        status, text = check(bare, conf)
        assert status != 0 and "'shop'" in text and "no WSGIDaemonProcess line defines it" in text


@pytest.mark.parametrize("line", USES + LOADED)
def test_a_virtual_host_may_name_its_own_groups_only(bare: Httpd, line: str) -> None:
    status, text = check(bare, DEFINED + host("b", line))
    assert status != 0 and "'shop'" in text and OTHER in text
    assert check(bare, DEFINED + host("A", line)) == (0, "Syntax OK\n")


@pytest.mark.parametrize("line", LOADED)
def test_what_loads_scripts_may_name_groups_of_its_own_server_only(bare: Httpd, line: str) -> None:
    status, text = check(bare, DEFINED + line)
    assert status != 0 and line.split()[0] in text and OTHER in text


@pytest.mark.parametrize(("others", "told"), [
    (host("b"), "at virtual host b "),
    (host("A") + host("b", port="*"), "at virtual host b "),
    (host("b", "WSGIProcessGroup %{GLOBAL}"), "at virtual host b "),
    ("Listen 127.0.0.1:1", "at the main server "),
    (host("A") + "Listen 127.0.0.2:1\n<VirtualHost 127.0.0.1:1>\nServerName a\n</VirtualHost>\n",
     "at the main server "),
    ("Listen 127.0.0.2:1\n<VirtualHost 127.0.0.2:1>\nServerName a\n</VirtualHost>\n", None),
    (host("a", port="*"), None),
    ("ServerName a\nListen 127.0.0.1:1\n", None),
])
def test_servers_that_may_not_use_a_group_are_warned_of(bare: Httpd, others: str, told: str | None) -> None:
    """The first of them; the main server only if no virtual host takes its requests."""
    status, text = check(bare, DEFINED + others + "\nWSGIProcessGroup shop\nWSGIScriptAlias /x /x process-group=shop")
    assert status == 0 and text.count("MP0480") == (told is not None)
    if told is not None:
        assert f"the process group 'shop' is defined in virtual host a ({bare.root}" in text and told in text


def test_groups_of_the_main_server_are_for_all(bare: Httpd) -> None:
    conf = "WSGIDaemonProcess shop\nListen 127.0.0.1:1\n" + "".join(host("b", line) for line in USES + LOADED)
    assert check(bare, conf + "WSGIProcessGroup shop") == (0, "Syntax OK\n")


def test_a_prefix_of_sockets_is_below_the_server_root(tmp_path: Path) -> None:
    (tmp_path / "sockets").mkdir()
    conf = """
        WSGISocketPrefix sockets/of
        WSGIDaemonProcess shop threads=1
        WSGIScriptAlias / "${htdocs}/app.wsgi" process-group=shop
    """
    with Httpd(tmp_path, conf, {"htdocs/app.wsgi": APP}) as server:
        assert server.get("/").text == "shop"
        [socket] = (tmp_path / "sockets").glob("**/*.sock")
        assert socket.is_socket() and socket.parent == tmp_path / "sockets" / f"of.{server.pid}"
        assert not [*(tmp_path / "run").glob("wsgi*")]
