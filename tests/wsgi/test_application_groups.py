"""Process groups, application groups and callables: what directives, options and variables make of a request (spec:
WSGI directives 2 and 4)."""

from __future__ import annotations

import os
import re
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from httpd import Httpd, wait_for
from wsgi_facts import SCRIPT, ask, status

FILES = dict.fromkeys(["site/app.wsgi", "site/handler.py", "htdocs/.dummy"], SCRIPT)
MODULES = ("setenvif", "env")
ENVIRONMENT = {"FROM_PROCESS": "process"}
CONF = """
<Directory "${root}/site">
    Require all granted
</Directory>
WSGIScriptAliasMatch ^/any/(\\w+) "${root}/site/app.wsgi"
WSGIScriptAlias /named "${root}/site/app.wsgi" application-group=option
WSGIScriptAlias /auth "${root}/site/app.wsgi" pass-authorization=On
WSGIScriptAlias /processes "${root}/site/app.wsgi" process-group=%{ENV:PROCESS}
WSGIScriptAlias /App "${root}/site/app.wsgi"
WSGIScriptAlias / "${root}/site/app.wsgi"
PythonOption mod_python.wsgi.max_interpreters 12
SetEnvIf X-Group (.+) GROUP=$1
SetEnvIf X-Callable (.+) CALLABLE=$1
SetEnvIf X-Process (.+) PROCESS=$1
SetEnvIf X-Indirect (.+) INDIRECT=%{HOST}
WSGIHandlerScript mine "${root}/site/handler.py" application-group=handlers
<Location /global>
    WSGIApplicationGroup %{GLOBAL}
</Location>
<Location /main>
    WSGIApplicationGroup main_interpreter
</Location>
<Location /server>
    WSGIApplicationGroup %{SERVER}
</Location>
<Location /host>
    WSGIApplicationGroup %{HOST}
</Location>
<Location /plain>
    WSGIApplicationGroup plain-%{HOST}
</Location>
<Location /env>
    WSGIApplicationGroup %{ENV:GROUP}
</Location>
<Location /process-env>
    WSGIApplicationGroup %{ENV:FROM_PROCESS}
</Location>
<Location /indirect>
    WSGIApplicationGroup %{ENV:INDIRECT}
</Location>
<Location /named>
    WSGIApplicationGroup directive
</Location>
<Location /callable>
    WSGICallableObject other
</Location>
<Location /env-callable>
    WSGICallableObject %{ENV:CALLABLE}
</Location>
<Location /restricted>
    WSGIRestrictProcess one two
    WSGIRestrictProcess three
</Location>
<Location /restricted/allowed>
    WSGIRestrictProcess four ${group}
</Location>
<Location /processes/restricted>
    WSGIRestrictProcess four ${group}
</Location>
<Location /handler>
    SetHandler mine
    WSGIApplicationGroup elsewhere
    WSGICallableObject other
</Location>
<VirtualHost *:${port}>
    ServerName localhost
    UseCanonicalName On
</VirtualHost>
<VirtualHost *:${port}>
    ServerName ported.example:${port}
    WSGIPassAuthorization On
    <Location /hidden>
        WSGIPassAuthorization Off
    </Location>
</VirtualHost>
"""


def group(httpd: Httpd, path: str, **headers: str) -> str:
    names = {"host": "Host"}
    found = ask(httpd, path, {names.get(name, name.replace("_", "-")): value for name, value in headers.items()})
    assert found["mod_wsgi.process_group"] == httpd.group
    return found["mod_wsgi.application_group"]


def test_the_default_is_a_group_for_each_mount_point_of_a_server(httpd: Httpd) -> None:
    assert group(httpd, "/App/x") == "localhost|/App"
    assert group(httpd, "/x") == "localhost|"
    assert group(httpd, "/App/x", host=f"ported.example:{httpd.port}") == f"ported.example:{httpd.port}|/App"


@pytest.mark.parametrize(("path", "name"), [
    ("/global", ""), ("/main", ""), ("/server", "localhost"), ("/plain", "plain-%{HOST}"),
    ("/process-env", "process"), ("/named/x", "option"), ("/handler", "handlers"),
])
def test_names_and_variables(httpd: Httpd, path: str, name: str) -> None:
    assert group(httpd, path) == name


def test_the_port_belongs_to_the_name_unless_it_is_the_usual_one(httpd: Httpd) -> None:
    port = httpd.port
    assert group(httpd, "/host", host=f"ported.example:{port}") == f"ported.example:{port}"
    assert group(httpd, "/host", host="ported.example:443") == "ported.example"
    assert group(httpd, "/server", host=f"ported.example:{port}") == f"ported.example:{port}"


def test_variables_of_the_environment(httpd: Httpd) -> None:
    assert group(httpd, "/env", X_Group="one") == "one"
    assert group(httpd, "/env", X_Group="%{GLOBAL}") == ""
    assert group(httpd, "/env", X_Group="%{SERVER}") == "localhost"
    assert group(httpd, "/indirect", X_Indirect="1") == "localhost"


def test_a_variable_that_is_nowhere_stays_as_it_is_written(httpd: Httpd) -> None:
    assert group(httpd, "/env") == "%{ENV:GROUP}"
    assert group(httpd, "/env", X_Group="%{ENV:FROM_PROCESS}") == "%{ENV:FROM_PROCESS}"


def test_callables(httpd: Httpd) -> None:
    assert ask(httpd, "/callable")["callable"] == "other"
    assert ask(httpd, "/env-callable", {"X-Callable": "other"})["callable"] == "other"
    assert ask(httpd, "/env-callable")["callable"] == "application"
    assert ask(httpd, "/handler")["callable"] == "handle_request"


@pytest.mark.parametrize(("path", "process", "words"), [
    ("/restricted", None, "MP0310: WSGIRestrictProcess does not allow the process group '${group}'"),
    ("/processes/restricted", "five", "MP0310: WSGIRestrictProcess does not allow the process group 'five'"),
    ("/processes/restricted", "four", "MP0311: the process group 'four' can't be used here"),
    ("/processes/x", "none", "MP0311: the process group 'none' can't be used here"),
    ("/processes/x", None, "MP0311: the process group '%{ENV:PROCESS}' can't be used here"),
])
def test_process_groups_are_restricted_whatever_chose_them(httpd: Httpd, path: str, process: str | None,
                                                           words: str) -> None:
    """SEC-64, SEC-65: aliases and %{ENV:} too."""
    assert status(httpd, path, {"X-Process": process} if process else None) == 500
    httpd.claim(re.escape(words.replace("${group}", httpd.group or "%{GLOBAL}")))


def test_allowed_process_groups_run(httpd: Httpd) -> None:
    """SEC-64: the inner list replaces the outer one, and names embedded mode, or the group, itself."""
    assert group(httpd, "/restricted/allowed") == "localhost|"
    assert group(httpd, "/processes/restricted", X_Process=httpd.group or "%{GLOBAL}") == \
        "localhost|/processes"


def test_authorization_is_shown_in_its_scope_only(httpd: Httpd) -> None:
    """SEC-12"""
    header = {"Authorization": "Basic YTpi"}
    assert "HTTP_AUTHORIZATION" not in ask(httpd, "/x", header)
    assert ask(httpd, "/auth", header)["HTTP_AUTHORIZATION"] == "Basic YTpi"
    vhost = {**header, "Host": "ported.example"}
    assert ask(httpd, "/x", vhost)["HTTP_AUTHORIZATION"] == "Basic YTpi"
    assert "HTTP_AUTHORIZATION" not in ask(httpd, "/hidden", vhost)


def served(directory: Path, conf: str, group: str = "", **options: Any) -> Httpd:
    site = '<Directory "${root}/site">\nRequire all granted\n</Directory>\n'
    return Httpd(directory, site + conf, FILES, modules=MODULES, group=group, **options)


both_modes = pytest.mark.parametrize("process_group", ["", "shop"], ids=["embedded", "daemon"])


@both_modes
def test_clients_make_only_so_many_interpreters(tmp_path: Path, process_group: str) -> None:
    """SEC-71"""
    conf = """
        PythonOption mod_python.wsgi.max_interpreters 2
        WSGIScriptAliasMatch ^/any/\\w+ "${root}/site/app.wsgi"
        WSGIScriptAlias / "${root}/site/app.wsgi"
        WSGIApplicationGroup %{HOST}
        <Location /any>
            WSGIApplicationGroup %{RESOURCE}
        </Location>
        <Location /own>
            WSGIApplicationGroup one
        </Location>
        <Location /resource>
            WSGIApplicationGroup %{RESOURCE}
        </Location>
    """
    with served(tmp_path, conf, process_group) as httpd:
        for _ in range(2):
            assert [status(httpd, "/", {"Host": host}) for host in ("a", "b")] == [200, 200]
        assert status(httpd, "/", {"Host": "c"}) == 503
        httpd.claim("MP0313: no interpreter 'c:\\d+' is made: .*has 2 such interpreters already.*max_interpreters")
        assert status(httpd, "/any/c") == 503               # a pattern: the client chooses the mount point
        httpd.claim(r"MP0313: no interpreter 'localhost:\d+\|/any/c'")
        assert status(httpd, "/own") == 200                 # the administrator's names are not counted
        assert status(httpd, "/resource") == 200
        assert status(httpd, "/resource", {"Host": "localhost:1"}) == 503       # the port comes from the client
        httpd.claim(r"MP0313: no interpreter 'localhost:1\|'")
        assert [status(httpd, "/", {"Host": host}) for host in ("a", "b")] == [200, 200]


HOSTS = """
    PythonOption mod_python.wsgi.max_interpreters 2
    WSGIScriptAlias / "${root}/site/app.wsgi"
    WSGIApplicationGroup %{HOST}
    KeepAliveTimeout 60
    <Location /own>
        WSGIApplicationGroup one
    </Location>
"""


@both_modes
def test_the_bound_is_one_of_each_process_that_runs_applications(tmp_path: Path, process_group: str) -> None:
    """SEC-71: however many children ask a process of a group."""
    with served(tmp_path, HOSTS, process_group, mpm="prefork", children=3) as httpd, ExitStack() as stack:
        clients = [stack.enter_context(httpd.session()) for _ in range(3)]
        children = set()
        for ask in clients:             # each has a child for itself, until an answer is 503
            answer = ask("GET", "/", headers={"Host": "a"})
            children.add(next(line for line in answer.lines if line.startswith("mod_wsgi.server_pid=")))
        assert len(children) == 3
        found = [ask("GET", "/", headers={"Host": name}).status for ask, name in zip(clients, "bcd", strict=True)]
        assert found == ([200, 503, 503] if process_group else [200] * 3)
        refused = "cd" if process_group else "efg"
        if not process_group:
            found = [ask("GET", "/", headers={"Host": name}).status for ask, name in zip(clients, refused, strict=True)]
            assert found == [503] * 3
        for name in refused:
            httpd.claim(f"MP0313: no interpreter '{name}:\\d+' is made: .*has 2 such interpreters already")


def test_the_bound_holds_for_scripts_that_decide(tmp_path: Path) -> None:
    """SEC-71"""
    conf = """
        PythonOption mod_python.wsgi.max_interpreters 1
        <Location />
            WSGIAccessScript "${root}/access.py" application-group=%{HOST}
        </Location>
    """
    with served(tmp_path, conf) as httpd:
        httpd.write("access.py", "def allow_access(environ, host):\n    return True\n")
        httpd.write("htdocs/plain.txt", "plain")
        assert [status(httpd, "/plain.txt", {"Host": host}) for host in "aba"] == [200, 403, 200]
        httpd.claim("MP0313: no interpreter 'b:")
        httpd.claim("MP0371: client denied by WSGIAccessScript")


def test_the_bound_holds_for_what_a_process_takes_over(tmp_path: Path) -> None:
    """SEC-71: a process loads what the one before had loaded. Names that the configuration has do not count, again."""
    with served(tmp_path, HOSTS, "shop") as httpd:
        assert status(httpd, "/own") == 200
        assert [status(httpd, "/", {"Host": host}) for host in "ab"] == [200, 200]
        [first] = httpd.application_pids()
        os.kill(first, signal.SIGUSR1)
        wait_for(lambda: httpd.application_pids() and first not in httpd.application_pids())
        assert status(httpd, "/", {"Host": "c"}) == 503
        httpd.claim("MP0313: no interpreter 'c:")
        assert status(httpd, "/own") == 200
        assert [status(httpd, "/", {"Host": host}) for host in "abc"] == [200, 200, 503]
        httpd.claim("MP0313: no interpreter 'c:")


@both_modes
def test_a_very_long_name_makes_no_interpreter(tmp_path: Path, process_group: str) -> None:
    """SEC-71"""
    with served(tmp_path, 'WSGIScriptAliasMatch ^/\\w+ "${root}/site/app.wsgi"', process_group) as httpd:
        assert status(httpd, "/" + "x" * 2000) == 503
        httpd.claim(r"MP0313: no interpreter 'localhost:\d+\|/x+\.\.\.'.*too long")


@pytest.mark.parametrize("value", ["many", "-1", "''", "1.5", "1000001"])
def test_the_number_of_interpreters_is_a_number(httpd: Httpd, value: str) -> None:
    code, output = httpd.configtest(f"PythonOption mod_python.wsgi.max_interpreters {value}")
    assert code != 0
    assert "mod_python.wsgi.max_interpreters must be a whole number from 0 to 1000000" in output


def test_no_application_runs_in_children_when_that_is_restricted(tmp_path: Path) -> None:
    """SEC-66, SEC-83: and the last line counts."""
    with served(tmp_path, 'WSGIRestrictEmbedded Off\nWSGIRestrictEmbedded On\n'
                          'WSGIScriptAlias / "${root}/site/app.wsgi"') as httpd:
        assert status(httpd, "/") == 500
        httpd.claim("MP0312: Embedded mode of mod_wsgi disabled by runtime configuration")


def test_the_restriction_can_be_lifted_again(tmp_path: Path) -> None:
    """SEC-83"""
    with served(tmp_path, 'WSGIRestrictEmbedded On\nWSGIRestrictEmbedded Off\n'
                          'WSGIScriptAlias / "${root}/site/app.wsgi"') as httpd:
        assert status(httpd, "/") == 200


@both_modes
def test_letter_case_of_mount_points_may_not_count(tmp_path: Path, process_group: str) -> None:
    """SEC-68"""
    with served(tmp_path, 'WSGICaseSensitivity Off\nWSGIScriptAlias /A "${root}/site/app.wsgi"\n'
                          'WSGIScriptAlias /a "${root}/site/app.wsgi"', process_group) as httpd:
        names = {ask(httpd, path)["mod_wsgi.application_group"] for path in ("/A", "/a")}
        assert names == {f"localhost:{httpd.port}|/a"}
