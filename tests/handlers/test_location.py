"""A Location with a PythonHandler of its own skips the mapping to files (spec: directives, section 2.2)."""

import pytest
from httpd import Httpd

CONF = """
    <Directory "${htdocs}">
        Require all denied
    </Directory>
    <Location /own>
        SetHandler mod_python
        PythonHandler place
    </Location>
    <LocationMatch "^/match(ed)?">
        SetHandler mod_python
        PythonHandler place
    </LocationMatch>
    <Location ~ "^/tilde[0-9]">
        SetHandler mod_python
        PythonHandler place
    </Location>
    <VirtualHost *>
        ServerName located
    </VirtualHost>
    <VirtualHost *>
        ServerName mapped
        PythonHandler place
        <Location /server_level>
            SetHandler mod_python
        </Location>
        <Directory "${htdocs}">
            Require all granted
        </Directory>
    </VirtualHost>
"""

FILES = {
    "htdocs/own/file.txt": "static", "htdocs/server_level/file.txt": "static",
    "place.py": """
import sys
from mod_python import apache

def handler(req):
    req.write(repr((req.filename, req.canonical_filename, req.path_info, req.hlist.is_location,
                    req.hlist.directory, req.uri, any(entry in sys.path for entry in ("/own/", "/own")))))
    return apache.OK
"""}


@pytest.mark.parametrize(("path", "section"), [
    ("/own", "/own"), ("/own/", "/own"), ("/own/file.txt", "/own"), ("/own/deep/er", "/own"),
    ("/match", "^/match(ed)?"), ("/matched/x", "^/match(ed)?"), ("/tilde7", "^/tilde[0-9]"),
])
def test_nothing_is_mapped_in_a_location_with_its_own_handler(httpd: Httpd, path: str, section: str) -> None:
    r = httpd.get(path, {"Host": "located"})
    assert r.text == repr((None, None, None, 1, section, path, False))
    assert "AH00029" not in httpd.log_text()        # httpd looking for the file all the same


def test_a_location_that_only_sets_the_handler_is_mapped(httpd: Httpd) -> None:
    r = httpd.get("/server_level/file.txt", {"Host": "mapped"})
    filename, _, path_info, is_location, *_ = eval(r.text)
    assert (filename, path_info, is_location) == (str(httpd.htdocs / "server_level" / "file.txt"), "", 0)
