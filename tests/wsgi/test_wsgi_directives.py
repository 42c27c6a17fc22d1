"""The WSGI directives: contexts, overrides, argument shapes, merging, and errors that say what to write (spec: WSGI
directives 1 to 4, 8, 9, 11)."""

from __future__ import annotations

from pathlib import Path

import pytest
from directives import SECTIONS, accepted, refused, section
from httpd import Httpd
from wsgi_facts import SCRIPT, ask, status

MODES = ("embedded",)       # it is about what httpd says of configurations, with process groups of their own
CONF = """
<Directory "${root}/site">
    Require all granted
    AllowOverride None
</Directory>
"""
FILES: dict[str, str] = {}

# Lines by where they may stand.
SERVER_OR_VHOST = [
    "WSGIScriptAlias /a /b", "WSGIScriptAlias /a /b/ process-group=%{GLOBAL} application-group=%{ENV:x}",
    'WSGIScriptAlias "/a b" "/b c" callable-object=x pass-authorization=on', "WSGIScriptAliasMatch ^/a(.*) /b$1",
    "WSGIImportScript /a process-group=%{GLOBAL} application-group=a",
]
SERVER = ["WSGICaseSensitivity Off", "WSGIRestrictEmbedded On", "WSGIServerMetrics oN"]
SECTIONS_TOO = [
    "WSGIHandlerScript a /b process-group=%{GLOBAL} application-group=c pass-authorization=Off",
    "WSGIDispatchScript /a application-group=%{HOST}", "WSGIProcessGroup %{GLOBAL}", "WSGIProcessGroup %{ENV:x}",
    "WSGIApplicationGroup %{RESOURCE}", "WSGIApplicationGroup name", "WSGIRestrictProcess a b %{GLOBAL}",
    "WSGIPassApacheRequest On",
]
FILE_INFO = [
    "WSGICallableObject a", "WSGICallableObject %{ENV:a}", "WSGIScriptReloading Off", "WSGIPassAuthorization On",
    "WSGIErrorOverride On", "WSGIChunkedRequest On", "WSGIMapHEADToGET auto", "WSGIMapHEADToGET OFF",
    "WSGITrustedProxyHeaders X-Forwarded-For Unknown\nWSGITrustedProxies 10.0.0.1 10.0.0.0/8 ::1 2001:DB8::/32",
    "WSGIEnableSendfile On", "WSGIIgnoreActivity On",
]
AUTH_CONFIG = ["WSGIAccessScript /a", "WSGIAuthUserScript /a application-group=%{GLOBAL}",
               'WSGIAuthGroupScript "/a b" application-group="x y"', "WSGIGroupAuthoritative Off"]
IGNORED = [
           "WSGITelemetryService unix:/a interval=1", "WSGITelemetryOptions None", "WSGISlowRequests 1",
           "WSGIVerboseDebugging On", "WSGILazyInitialization On", "WSGINewRelicConfigFile /a",
           "WSGINewRelicEnvironment a", "WSGIPy3kWarningFlag On", "WSGIUserAuthoritative On"]


def test_directives_may_stand_where_they_should(httpd: Httpd) -> None:
    anywhere = "\n".join([*SECTIONS_TOO, *FILE_INFO, *AUTH_CONFIG])
    accepted(httpd, "\n".join([*SERVER_OR_VHOST, *SERVER, *IGNORED, anywhere,
                               section("VirtualHost *", "\n".join([*SERVER_OR_VHOST, anywhere])),
                               *(section(kind, anywhere) for kind in SECTIONS)]))


@pytest.mark.parametrize("line", SERVER_OR_VHOST[:1] + SERVER_OR_VHOST[3:] + SERVER)
def test_directives_of_servers_may_not_stand_in_sections(httpd: Httpd, line: str) -> None:
    for kind in ("Directory /x", "Location /x"):
        refused(httpd, section(kind, line), f"{line.split()[0]} not allowed")


@pytest.mark.parametrize("line", SERVER)
def test_directives_of_the_process_may_not_stand_in_a_vhost(httpd: Httpd, line: str) -> None:
    refused(httpd, section("VirtualHost *", line), line.split()[0], "VirtualHost")


FLAGS = ["PassAuthorization", "ScriptReloading", "ErrorOverride", "ChunkedRequest", "EnableSendfile", "IgnoreActivity",
         "PassApacheRequest", "GroupAuthoritative", "CaseSensitivity", "RestrictEmbedded", "ServerMetrics"]


@pytest.mark.parametrize("name", FLAGS)
def test_flags_are_on_or_off(httpd: Httpd, name: str) -> None:
    accepted(httpd, "\n".join(f"WSGI{name} {word}" for word in ("on", "OFF", "oN")))
    refused(httpd, f"WSGI{name} yes", f"WSGI{name} 'yes'", "must be one of: Off | On")
    refused(httpd, f"WSGI{name} On Off", f"WSGI{name}")


@pytest.mark.parametrize(("line", "words"), [
    ("WSGIScriptAlias", ["takes a URL path and a path"]),
    ("WSGIScriptAlias /a", ["takes a URL path and a path"]),
    ('WSGIScriptAlias "" /a', ["takes a URL path"]),
    ("WSGIScriptAlias a /b", ["'a' is no URL path", "from / on"]),
    ("WSGIScriptAlias /a b.wsgi", ["'b.wsgi' is no absolute path", "from / on"]),
    ("WSGIScriptAlias /a /b c", ["'c' is no option", "name=value"]),
    ("WSGIScriptAlias /a /b process-group =x", ["'process-group' is no option"]),
    ("WSGIScriptAlias /a /b process-group=", ["'process-group' has no value"]),
    ('WSGIScriptAlias /a /b application-group=""', ["'application-group' has no value"]),
    ("WSGIScriptAlias /a /b threads=1", ["the option 'threads' is unknown", "process-group=, application-group=, "
                                         "callable-object= and pass-authorization="]),
    ("WSGIScriptAlias /a /b pass-authorization=1", ["pass-authorization='1'", "must be one of: Off | On"]),
    ("WSGIScriptAlias /a /b callable-object=%{GLOBAL}", ["'%{GLOBAL}' is no variable of a callable"]),
    ("WSGIScriptAlias /a /b application-group=%{NAME}", ["'%{NAME}' is no variable of an application group"]),
    ("WSGIScriptAlias /a /b process-group=shop",
     ["the process group 'shop' can't be used here", "configtest.conf:", "%{GLOBAL}"]),
    ("WSGIScriptAliasMatch ( /b", ["'('", "Regular expression could not be compiled."]),
    ("WSGIScriptAliasMatch a", ["takes a regular expression and a path"]),
    ("WSGIScriptAliasMatch a b", ["'b' is no absolute path"]),
    ("WSGIHandlerScript", ["takes a handler's name and a path"]),
    ("WSGIHandlerScript a", ["takes a handler's name and a path"]),
    ("WSGIHandlerScript a b", ["'b' is no absolute path"]),
    ("WSGIHandlerScript wsgi-script /b", ["'wsgi-script' is there already"]),
    ("WSGIHandlerScript a /b callable-object=c", ["the option 'callable-object' is unknown", "process-group=, "
                                                  "application-group= and pass-authorization="]),
    ("WSGIDispatchScript", ["a path is missing"]),
    ("WSGIDispatchScript a", ["'a' is no absolute path"]),
    ("WSGIDispatchScript /a process-group=b", ["'process-group' is unknown; there are application-group="]),
    ("WSGIAccessScript /a application-group=%{RESOURCE}", ["application-group=%{RESOURCE} can't be had here"]),
    ("WSGIAuthUserScript /a application-group=%{ENV:a}", ["application-group=%{ENV:a} can't be had here"]),
    ("WSGIAuthGroupScript", ["a path is missing"]),
    ("WSGIProcessGroup shop", ["the process group 'shop' can't be used here", "configtest.conf:", "%{GLOBAL}"]),
    ("WSGIProcessGroup %{ENV}", ["'%{ENV}' is no variable of a process group"]),
    ("WSGIProcessGroup", ["takes one argument"]),
    ("WSGIProcessGroup a b", ["takes one argument"]),
    ("WSGIApplicationGroup %{ENV:}", ["'%{ENV:}' is no variable"]),
    ("WSGIApplicationGroup %{global}", ["'%{global}' is no variable"]),
    ("WSGICallableObject %{HOST}", ["'%{HOST}' is no variable of a callable"]),
    ("WSGIRestrictProcess", ["requires at least"]),
    ("WSGIMapHEADToGET GET", ["'GET'", "Auto | On | Off"]),
    ("WSGITrustedProxies bogus", ['Unable to parse trusted proxy IP address/subnet of "bogus"']),
    ("WSGITrustedProxies 10.0.0.0/33", ["10.0.0.0/33"]),
    ("WSGITrustedProxies 10.0.0.0/", ["10.0.0.0/"]),
    ("WSGITrustedProxies ::g", ["::g"]),
    ("WSGITrustedProxyHeaders", ["requires at least"]),
])
def test_errors_name_the_directive_and_the_way_out(httpd: Httpd, line: str, words: list[str]) -> None:
    refused(httpd, line, line.split()[0], *words)


@pytest.mark.parametrize("line", ["WSGIProcessGroup shop", "WSGIHandlerScript a /b process-group=shop"])
def test_process_groups_are_looked_up_wherever_they_are_named(httpd: Httpd, line: str) -> None:
    refused(httpd, section("VirtualHost *", section("Directory /x", line)), "MP0300", "'shop'", line.split()[0])


def test_headers_without_proxies_are_warned_of(httpd: Httpd) -> None:
    """SEC-17"""
    line = "WSGITrustedProxyHeaders X-Forwarded-For"
    for conf in (line, section("Location /x", line) + section("Location /y", "WSGITrustedProxies 10.0.0.1")):
        code, output = httpd.configtest(conf)
        assert code == 0
        assert "MP0302: WSGITrustedProxyHeaders X-Forwarded-For" in output
        assert "every client is believed" in output
        assert "configtest.conf:" in output
    accepted(httpd, "WSGITrustedProxies 10.0.0.1\n" + section("VirtualHost *", section("Location /x", line)))


def test_a_slash_at_the_end_of_one_half_is_warned_of(httpd: Httpd) -> None:
    code, output = httpd.configtest("WSGIScriptAlias /a/ /b.wsgi")
    assert code == 0
    assert "MP0301: WSGIScriptAlias /a/ /b.wsgi" in output
    assert "/a/x is mapped to /b.wsgix" in output
    accepted(httpd, "WSGIScriptAlias / /b.wsgi\nWSGIScriptAlias /a /b/\nWSGIScriptAlias /c/ /d/")


def test_directives_without_effect_are_told_once(tmp_path: Path) -> None:
    with Httpd(tmp_path, "\n".join([*IGNORED, "WSGIUserAuthoritative Off"])) as httpd:
        names = ", ".join(line.split()[0] for line in IGNORED)
        httpd.claim(rf"MP0315: these directives are accepted and have no effect: {names}\n")
        assert "MP0315" not in httpd.unclaimed()


@pytest.mark.parametrize(("override", "allowed", "others"), [
    ("FileInfo", FILE_INFO, AUTH_CONFIG), ("AuthConfig", AUTH_CONFIG, FILE_INFO),
])
def test_htaccess_takes_what_the_override_grants(tmp_path: Path, override: str, allowed: list[str],
                                                 others: list[str]) -> None:
    never = [*SERVER_OR_VHOST, *SERVER, *SECTIONS_TOO]
    files = {f"htdocs/{kind}{number}/{name}": text if name == ".htaccess" else "page"
             for kind, lines in (("yes", [line for line in allowed if "AccessScript" not in line]),
                                 ("no", [*others, *never]))
             for number, text in enumerate(lines) for name in (".htaccess", "page.txt")}
    conf = f'<Directory "${{htdocs}}">\nAllowOverride {override}\n</Directory>\n'
    with Httpd(tmp_path, conf, files) as httpd:
        for file in files:
            if not file.endswith(".txt"):
                continue
            path = file.removeprefix("htdocs")
            assert (path, status(httpd, path)) == (path, 200 if path.startswith("/yes") else 500)
            if path.startswith("/no"):      # SEC-70: what names code is never taken
                httpd.claim("not allowed here")


def test_a_bad_line_in_htaccess_answers_500(httpd: Httpd) -> None:
    httpd.write("htdocs/bad/.htaccess", "WSGIScriptReloading maybe")
    httpd.write("htdocs/bad/page.txt", "page")
    assert status(httpd, "/bad/page.txt") == 500
    httpd.claim(r"WSGIScriptReloading 'maybe': the word must be one of: Off \| On")


def test_the_inner_value_wins_and_what_is_not_said_is_inherited(tmp_path: Path) -> None:
    conf = """
        <Directory "${root}/site">
            Require all granted
            WSGICallableObject other
        </Directory>
        WSGIApplicationGroup outer
        WSGIScriptAlias /app "${root}/site/app.wsgi"
        <VirtualHost *:${port}>
            ServerName localhost
            WSGICallableObject ignored
            WSGIApplicationGroup vhost
            <Location /app/inner>
                WSGIApplicationGroup inner
            </Location>
            <Location /app/inner/most>
                WSGICallableObject application
            </Location>
        </VirtualHost>
        <VirtualHost *:${port}>
            ServerName other.example
        </VirtualHost>
    """
    with Httpd(tmp_path, conf, {"site/app.wsgi": SCRIPT}) as httpd:
        def chosen(path: str, host: str = "localhost") -> tuple[str, str]:
            found = ask(httpd, path, {"Host": host})
            return found["mod_wsgi.application_group"], found["callable"]
        assert chosen("/app") == ("vhost", "other")
        assert chosen("/app/inner") == ("inner", "other")
        assert chosen("/app/inner/most") == ("inner", "application")
        assert chosen("/app", "other.example") == ("outer", "other")


def test_scripts_with_both_groups_are_loaded_before_the_first_request(tmp_path: Path) -> None:
    conf = """
        <Directory "${root}/site">
            Require all granted
        </Directory>
        WSGIScriptAlias /1 "${root}/site/1.wsgi" process-group=%{GLOBAL} application-group=%{GLOBAL}
        WSGIScriptAlias /2 "${root}/site/2.wsgi" application-group=named process-group=%{GLOBAL}
        WSGIScriptAliasMatch ^/3 "${root}/site/3.wsgi" process-group=%{GLOBAL} application-group=named
        <Location /x>
            WSGIHandlerScript four "${root}/site/4.wsgi" process-group=%{GLOBAL} application-group=named
        </Location>
        WSGIScriptAlias /5 "${root}/site/5.wsgi" application-group=named
        WSGIScriptAlias /6 "${root}/site/6.wsgi" process-group=%{GLOBAL} application-group=%{SERVER}
        WSGIScriptAliasMatch ^/(7) "${root}/site/$1.wsgi" process-group=%{GLOBAL} application-group=named
        WSGIScriptAlias /8 "${root}/site/" process-group=%{GLOBAL} application-group=named
    """
    script = "import os\nwith open(os.path.join(os.path.dirname(__file__), 'loaded'), 'a') as file:\n    " \
             "file.write(os.path.basename(__file__)[0])\n"
    with Httpd(tmp_path, conf, {f"site/{number}.wsgi": script for number in range(1, 8)}):
        assert (tmp_path / "site" / "loaded").read_text() == "1234"


@pytest.mark.parametrize("name", ["WSGIReloadMechanism", "WSGIOutputBuffering"])
def test_directives_that_are_long_gone_are_unknown(httpd: Httpd, name: str) -> None:
    refused(httpd, f"{name} On", "Invalid command")


def test_mod_wsgi_beside_us_keeps_its_directives_and_requests(tmp_path: Path) -> None:
    server = Httpd(tmp_path, modules=("wsgi",))
    conf = "\n".join(["WSGIDaemonProcess shop", "WSGIScriptAlias a b process-group=shop", "WSGIProcessGroup shop",
                      "WSGICallableObject %{GLOBAL}", "WSGITrustedProxyHeaders X-Forwarded-For",
                      "WSGIHandlerScript wsgi-script b", "WSGIMapHEADToGET On", "WSGIRestrictEmbedded Off"])
    code, output = server.configtest(conf)
    assert (code, output.strip()) == (0, "Syntax OK"), output
