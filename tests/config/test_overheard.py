"""AddHandler, RemoveHandler, Require and AuthMerging are httpd's; mod_python only reads along."""

import re
import subprocess
from ast import literal_eval
from pathlib import Path

import pytest
from httpd import BUILD, Httpd, httpd_program, load_module_lines

MODULES = ("auth_basic", "authn_file", "env", "setenvif")

CONF = """
    AddHandler mod_python .srv
    PythonHeaderParserHandler seen
    PythonFixupHandler seen
    <Directory "${htdocs}">
        AuthType Basic
        AuthName shop
        AuthUserFile "${root}/users"
    </Directory>
    <Directory "${htdocs}/add">
        AddHandler mod_python .up .Py pyx
        AddHandler Python-Program "psp" .srv
        AddHandler send-as-is .other
    </Directory>
    <Directory "${htdocs}/add/other">
        AddHandler send-as-is .up
        AddHandler mod_python .other
    </Directory>
    <Directory "${htdocs}/add/removed">
        RemoveHandler .py psp .unknown
    </Directory>
    <Directory "${htdocs}/add/removed/again">
        AddHandler mod_python .py
    </Directory>
    <Directory "${htdocs}/add/case">
        RemoveHandler .PY
    </Directory>
    <Directory "${htdocs}/same">
        AddHandler mod_python .up
        RemoveHandler .up
        AddHandler mod_python .up .psp
    </Directory>
    <Directory "${htdocs}/add/files">
        <Files "*.up">
            RemoveHandler .up
        </Files>
    </Directory>
    <Directory "${htdocs}/denied">
        Require all denied
    </Directory>
    <Directory "${htdocs}/denied/granted">
        Require all granted
        Require   user anna "bob"
    </Directory>
    <Directory "${htdocs}/denied/and">
        AuthMerging And
        Require all granted
    </Directory>
    <Directory "${htdocs}/denied/or">
        AuthMerging Or
        Require all granted
    </Directory>
    <Directory "${htdocs}/denied/alone">
        AuthMerging And
    </Directory>
    <Directory "${htdocs}/denied/or/off">
        AuthMerging Off
        Require all granted
    </Directory>
    <Directory "${htdocs}/denied/unsaid">
        PythonOption some thing
    </Directory>
    <Directory "${htdocs}/flat">
        <RequireAny>
            Require valid-user
            <RequireAll>
                Require all granted
                <RequireNone>
                    Require user carl
                </RequireNone>
                Require not user dora
            </RequireAll>
        </RequireAny>
    </Directory>
    <Directory "${htdocs}/limit">
        Require all granted
        <Limit POST DELETE>
            Require valid-user
        </Limit>
    </Directory>
    <Directory "${htdocs}/expanded">
        SetEnvIf Host . letmein
        Define who anna
        Require env letmein
        Require user ${who}
    </Directory>
"""

PLACES = ["add", "add/below", "add/other", "add/removed", "add/removed/again", "add/case", "add/files", "add/ht",
          "same"]
EXTENSIONS = ["up", "py", "pyx", "psp", "srv", "other", "ht", "unknown"]

FILES = {
    **{f"htdocs/{place}/x.{extension}": "" for place in PLACES for extension in EXTENSIONS},
    **{f"htdocs/{place}/x.txt": "" for place in [
        ".", *PLACES, "denied", "denied/granted", "denied/and", "denied/or", "denied/alone", "denied/or/off",
        "denied/unsaid", "flat", "limit", "expanded", "ht"]},
    "htdocs/add/ht/.htaccess": "AddHandler MOD_PYTHON ht\nRemoveHandler up\n",
    "htdocs/ht/.htaccess": "Require all granted\nAuthMerging Or\n",
    "users": "",
    "seen.py": """
from mod_python import apache

def headerparserhandler(req):
    req.err_headers_out["X-Requires"] = repr(req.requires())
    return apache.OK

def fixuphandler(req):
    req.err_headers_out["X-Extensions"] = repr(req.get_addhandler_exts())
    req.err_headers_out["X-Handler"] = repr(req.handler)
    req.handler = None
    return apache.OK
"""}


def extensions(httpd: Httpd, path: str) -> tuple[str, bool]:
    """What req.get_addhandler_exts() says there, and whether httpd chose our handler for the file."""
    r = httpd.get(path)
    assert r.status == 200
    ours = literal_eval(r.headers["X-Handler"]) in ("mod_python", "python-program")
    return literal_eval(r.headers["X-Extensions"]), ours


@pytest.mark.parametrize(("place", "expected"), [
    ("", "srv "), ("add", "srv up py pyx psp "), ("add/below", "srv up py pyx psp "),
    ("add/other", "srv py pyx psp other "), ("add/removed", "srv up pyx "), ("add/removed/again", "srv up pyx py "),
    ("same", "srv psp "), ("add/ht", "srv py pyx psp ht ")])
def test_the_extensions_of_addhandler(httpd: Httpd, place: str, expected: str) -> None:
    assert extensions(httpd, f"/{place}/x.txt".replace("//", "/"))[0] == expected


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_they_are_those_that_httpd_maps(httpd: Httpd, place: str, extension: str) -> None:
    said, chosen = extensions(httpd, f"/{place}/x.{extension}")
    assert (extension in said.split()) == chosen


@pytest.mark.parametrize(("path", "lines", "status"), [
    ("/x.txt", ("all granted",), 200),
    ("/denied/x.txt", ("all denied",), 403),
    ("/denied/granted/x.txt", ("all granted", 'user anna "bob"'), 200),
    ("/denied/and/x.txt", ("all denied", "all granted"), 403),
    ("/denied/or/x.txt", ("all denied", "all granted"), 200),
    ("/denied/alone/x.txt", ("all denied",), 403),
    ("/denied/or/off/x.txt", ("all granted",), 200),
    ("/denied/unsaid/x.txt", ("all denied",), 403),
    ("/flat/x.txt", ("valid-user", "all granted", "user carl", "not user dora"), 200),
    ("/limit/x.txt", ("all granted",), 200),
    ("/expanded/x.txt", ("env letmein", "user anna"), 200),
    ("/ht/x.txt", ("all granted", "all granted"), 200),
])
def test_the_lines_of_require(httpd: Httpd, path: str, lines: tuple[str, ...], status: int) -> None:
    r = httpd.get(path)
    assert (literal_eval(r.headers["X-Requires"]), r.status) == (lines, status)
    if status == 403:
        httpd.claim("AH01630: client denied by server configuration")


def test_limits_count_by_method(httpd: Httpd) -> None:
    r = httpd.post("/limit/x.txt", b"")
    assert literal_eval(r.headers["X-Requires"]) == ("all granted", "valid-user")


@pytest.mark.parametrize("line", [
    "AddHandler", "AddHandler mod_python", "RemoveHandler", "Require", "Require nonsense x", "AuthMerging",
    "AuthMerging maybe", "AuthMerging And Or", "<Limit GET>\nRequire\n</Limit>",
    "<RequireAny>\nRequire x\n</RequireAny>", "<Directory />\nAuthMerging x\n</Directory>"])
def test_errors_are_httpds_own(tmp_path: Path, line: str) -> None:
    said = []
    for python in (True, False):
        directory = tmp_path / str(python)
        directory.mkdir()
        status, output = Httpd(directory, python=python).configtest(line)
        assert status != 0
        said.append(re.sub(r"AH00526: Syntax error on line \d+ of \S+", "", output))
    assert said[0] == said[1] and said[0].strip()


@pytest.mark.parametrize(("line", "owner"), [
    ("AddHandler mod_python .py", "mime"), ("RemoveHandler .py", "mime"), ("Require all granted", "authz_core"),
    ("AuthMerging And", "authz_core")])
def test_without_its_owner_a_directive_is_unknown(tmp_path: Path, line: str, owner: str) -> None:
    def configtest(*modules: str, line: str = line) -> tuple[int, str]:
        file = tmp_path / "httpd.conf"
        file.write_text(
            f"ServerRoot {tmp_path}\nServerName x\nListen 127.0.0.1:8\nErrorLog error_log\nPidFile pid\n"
            f"{load_module_lines(['mpm_event', *modules])}\nLoadModule python_module {BUILD / 'mod_python.so'}\n"
            f"<IfModule mod_mime.c>\nTypesConfig /dev/null\n</IfModule>\n<Directory />\n{line}\n</Directory>\n")
        done = subprocess.run([httpd_program(), "-t", "-f", str(file)], env=Httpd(tmp_path)._environ(),
                              capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr
    others = {"mime": ("authz_core",), "authz_core": ("mime",)}[owner]
    status, output = configtest(*others)
    name = line.split()[0]
    assert status != 0
    assert f"Invalid command '{name}', perhaps misspelled or defined by a module not included in the server" in output
    assert configtest(*others, line="") == (0, "Syntax OK\n")
    assert configtest(*others, owner) == (0, "Syntax OK\n")
