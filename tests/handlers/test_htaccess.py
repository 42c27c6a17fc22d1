""".htaccess files: which AllowOverride lets our directives in; exact handler names (spec: directives, section 1)."""

import pytest
from httpd import Httpd

CLASSES = ("AuthConfig", "FileInfo", "Indexes", "Limit", "Options")
LINES = {
    "handler": "PythonHandler seen", "several": "PythonHandler seen\nPythonHandler seen::again",
    "module": "PythonHandlerModule seen", "fixup": "PythonFixupHandler seen::fixup\nPythonHandler seen",
    "interpreter": "PythonInterpreter own\nPythonHandler seen", "path": 'PythonPath "sys.path"\nPythonHandler seen',
    "option": "PythonOption key value\nPythonHandler seen", "debug": "PythonDebug On\nPythonHandler seen",
    "autoreload": "PythonAutoReload Off\nPythonHandler seen",
    "perdirectory": "PythonInterpPerDirectory On\nPythonHandler seen",
    "perdirective": "PythonInterpPerDirective On\nPythonHandler seen",
    "limit": "<Limit GET>\nPythonHandler seen\n</Limit>",
    "except": "<LimitExcept GET>\nPythonHandler seen\n</LimitExcept>",
    "files": "<Files page.txt>\nPythonHandler seen\n</Files>", "if": '<If "true">\nPythonHandler seen\n</If>',
}
NAMES = {"MOD_PYTHON": 0, "Mod_python": 0, "Python-Program": 0, "mod_python ": 0, "mod_python": 1, "python-program": 1}

CONF = """
    <Directory "${htdocs}">
        SetHandler mod_python
    </Directory>
""" + "".join(f"""
    <Directory "${{htdocs}}/{name}">
        AllowOverride {name}
    </Directory>
    """ for name in (*CLASSES, "None")) + "".join(f"""
    <Directory "${{htdocs}}/name{index}">
        SetHandler none
        PythonOption name "{name}"
        PythonFixupHandler seen::fixup seen::assign
        PythonHandler seen
    </Directory>
    """ for index, name in enumerate(NAMES)) + """
    <Directory "${htdocs}/added">
        SetHandler none
        PythonHandler seen
        AddHandler mod_python .py .psp
        AddHandler python-program .old
    </Directory>
"""

FILES = {
    **{f"htdocs/{name}/page.txt": "static" for name in (*CLASSES, "None", *LINES)},
    **{f"htdocs/{name}/.htaccess": "PythonHandler seen\n" for name in (*CLASSES, "None")},
    **{f"htdocs/{name}/.htaccess": lines + "\n" for name, lines in LINES.items()},
    **{f"htdocs/name{index}/page.txt": "static" for index in range(len(NAMES))},
    **{f"htdocs/added/page.{extension}": "static" for extension in ("py", "psp", "old", "txt", "py.txt", "PY")},
    "seen.py": """
from mod_python import apache

def handler(req):
    req.write("python in %s with %s" % (req.interpreter, req.get_options().get("key")))
    return apache.OK

def again(req):
    req.write(" again")
    return apache.OK

def fixup(req):
    req.headers_out["X-Fixup"] = "ran"
    return apache.OK

def assign(req):
    req.handler = req.get_options()["name"]
    return apache.OK
"""}


@pytest.mark.parametrize("name", CLASSES)
def test_any_override_class_lets_them_in(httpd: Httpd, name: str) -> None:
    assert httpd.get(f"/{name}/page.txt").text.startswith("python in")


def test_without_overrides_the_file_is_not_read(httpd: Httpd) -> None:
    assert httpd.get("/None/page.txt").body == b"static"


@pytest.mark.parametrize("name", LINES)
def test_every_directive_of_a_directory_works(httpd: Httpd, name: str) -> None:
    r = httpd.get(f"/{name}/page.txt")
    interpreter = {"interpreter": "own", "perdirectory": f"{httpd.htdocs}/perdirectory/",
                   "perdirective": f"{httpd.htdocs}/perdirective/"}.get(name, "localhost")
    option = "value" if name == "option" else None
    assert r.text == f"python in {interpreter} with {option}" + (" again" if name == "several" else "")
    assert ("X-Fixup" in r.headers) == (name == "fixup")


@pytest.mark.parametrize(("index", "ours"), list(enumerate(NAMES.values())))
def test_the_name_of_the_handler_is_exact(httpd: Httpd, index: int, ours: int) -> None:
    r = httpd.get(f"/name{index}/page.txt")
    assert r.body.startswith(b"python in" if ours else b"static")
    assert r.headers["X-Fixup"] == "ran"        # other phases run whatever the handler's name is


@pytest.mark.parametrize(("extension", "ours"), [
    ("py", 1), ("psp", 1), ("old", 1), ("txt", 0), ("py.txt", 1), ("PY", 1)])
def test_extensions_may_have_the_handler(httpd: Httpd, extension: str, ours: int) -> None:
    assert httpd.get(f"/added/page.{extension}").body.startswith(b"python in" if ours else b"static")
