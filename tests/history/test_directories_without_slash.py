"""The interpreter of a directory that is asked for without its slash, in all phases (MODPYTHON-157)."""

import pytest
from httpd import Httpd

CONF = """
    <Directory "${htdocs}">
        SetHandler mod_python
        DirectorySlash Off
        DirectoryIndex disabled
        PythonInterpPerDirectory On
        PythonHeaderParserHandler where
        PythonAccessHandler where
        PythonTypeHandler where
        PythonFixupHandler where
        PythonHandler where
    </Directory>
"""

FILES = {
    "htdocs/directory/page.txt": "",
    "where.py": """
from mod_python import apache

def note(req):
    req.headers_out["X-" + req.phase.removeprefix("Python").removesuffix("Handler")] = req.interpreter
    return apache.DECLINED if req.phase == "PythonTypeHandler" else apache.OK

headerparserhandler = accesshandler = typehandler = fixuphandler = note

def handler(req):
    req.write(req.interpreter)
    return apache.OK
"""}


@pytest.mark.parametrize("path", ["/directory", "/directory/", "/directory/page.txt", "/directory/page.txt/more"])
def test_all_phases_have_the_same_interpreter(httpd: Httpd, path: str) -> None:
    r = httpd.get(path)
    name = f"{httpd.htdocs}/directory/"
    assert r.text == name
    assert [r.headers[f"X-{phase}"] for phase in ("HeaderParser", "Access", "Type", "Fixup")] == [name] * 4
