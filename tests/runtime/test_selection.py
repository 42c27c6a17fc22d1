"""Which interpreter runs a handler (spec: directives, section 5)."""

import pytest
from httpd import Httpd

CONF = """
    PythonFixupHandler where::noted
    PythonTransHandler where::early
    <VirtualHost *>
        ServerName first.example
    </VirtualHost>
    <VirtualHost *>
        ServerName second.example
    </VirtualHost>
    <VirtualHost *>
        ServerName second.example
        ServerAlias twin
    </VirtualHost>
    <VirtualHost *>
        ServerName named
        PythonInterpreter "by name"
    </VirtualHost>
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler where
        DirectorySlash Off
        DirectoryIndex disabled
    </Directory>
    <Directory "${htdocs}/per_directory">
        PythonInterpPerDirectory On
    </Directory>
    <Directory "${htdocs}/per_directive">
        PythonInterpPerDirective On
        PythonHandler where
    </Directory>
    <Directory "${htdocs}/both">
        PythonInterpPerDirectory On
        PythonInterpPerDirective On
        PythonHandler where
    </Directory>
    <Directory "${htdocs}/all">
        PythonInterpreter chosen
        PythonInterpPerDirectory On
        PythonInterpPerDirective On
    </Directory>
    <Directory "${htdocs}/off">
        PythonInterpPerDirectory Off
    </Directory>
    <DirectoryMatch "/pattern/[^/]+/">
        PythonInterpPerDirective On
        PythonHandler where
    </DirectoryMatch>
    <Directory "${htdocs}/main">
        PythonInterpreter main_interpreter
    </Directory>
    <Location /location_directive>
        SetHandler mod_python
        PythonInterpPerDirective On
        PythonHandler where
    </Location>
    <Location /location_directory>
        SetHandler mod_python
        PythonInterpPerDirectory On
        PythonHandler where
    </Location>
"""

FILES = {
    **{f"htdocs/{place}/page.txt": "" for place in (
        ".", "per_directory", "per_directory/deeper", "per_directive/deeper", "both/deeper", "all", "off", "main",
        "pattern/one/deeper")},
    "where.py": """
from mod_python import apache

def early(req):
    req.headers_out["X-Early"] = apache.interpreter
    return apache.DECLINED

def noted(req):
    req.headers_out["X-Fixup"] = apache.interpreter
    return apache.OK

def handler(req):
    assert req.interpreter == apache.interpreter
    req.write(req.interpreter)
    return apache.OK
"""}


@pytest.mark.parametrize(("path", "name"), [
    ("/page.txt", "first.example"),
    ("/off/page.txt", "first.example"),
    ("/per_directory/page.txt", "htdocs/per_directory/"),
    ("/per_directory/deeper/page.txt", "htdocs/per_directory/deeper/"),
    ("/per_directory/deeper/", "htdocs/per_directory/deeper/"),
    ("/per_directory/deeper", "htdocs/per_directory/deeper/"),
    ("/per_directive/deeper/page.txt", "htdocs/per_directive/"),
    ("/both/deeper/page.txt", "htdocs/both/deeper/"),
    ("/all/page.txt", "chosen"),
    ("/main/page.txt", "main_interpreter"),
    ("/pattern/one/deeper/page.txt", "htdocs/pattern/one/"),
    ("/location_directive/x", "/location_directive"),
    ("/location_directory/x", "main_interpreter"),
])
def test_the_directives_choose_in_their_order(httpd: Httpd, path: str, name: str) -> None:
    if name.startswith("htdocs/"):
        name = f"{httpd.root}/{name}"
    assert httpd.get(path, {"Host": "first.example"}).text == name


@pytest.mark.parametrize(("host", "name"), [
    ("first.example", "first.example"), ("second.example", "second.example"), ("twin", "second.example"),
    ("named", "by name"), ("unknown", "first.example"),
])
def test_the_server_name_is_the_default(httpd: Httpd, host: str, name: str) -> None:
    assert httpd.get("/page.txt", {"Host": host}).text == name


def test_per_directive_handlers_of_the_server_run_in_main(httpd: Httpd) -> None:
    r = httpd.get("/per_directive/deeper/page.txt", {"Host": "first.example"})
    assert r.headers["X-Fixup"] == "main_interpreter"


def test_before_the_file_is_known_the_server_name_counts(httpd: Httpd) -> None:
    r = httpd.get("/per_directory/page.txt", {"Host": "first.example"})
    assert r.headers["X-Early"] == "first.example"
    assert r.headers["X-Fixup"] == f"{httpd.root}/htdocs/per_directory/"
