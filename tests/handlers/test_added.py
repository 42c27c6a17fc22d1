"""req.add_handler(): when the handler runs, in which directory and interpreter (spec: directives, section 4)."""

from urllib.parse import quote

import pytest
from httpd import Httpd

CONF = """
    PythonPostReadRequestHandler adding
    PythonTransHandler adding
    <Directory "${htdocs}">
        SetHandler mod_python
    </Directory>
    <Directory "${htdocs}/all">
        PythonHeaderParserHandler adding
        PythonInitHandler adding
        PythonAccessHandler adding
        PythonTypeHandler adding
        PythonFixupHandler adding
        PythonHandler adding::content
        PythonLogHandler adding
    </Directory>
    <Directory "${htdocs}/user">
        AuthType Basic
        AuthName "x"
        Require valid-user
        PythonHeaderParserHandler adding
        PythonHandler adding::content
    </Directory>
    <Directory "${htdocs}/restricted">
        PythonAccessHandler adding
        PythonHandler adding::content | .other
    </Directory>
    <Directory "${htdocs}/nothing">
        PythonAccessHandler adding
    </Directory>
    <Directory "${htdocs}/static">
        SetHandler none
        PythonAccessHandler adding
    </Directory>
    <Directory "${htdocs}/per_directory">
        PythonInterpPerDirectory On
        PythonAccessHandler adding
    </Directory>
    <Directory "${htdocs}/per_directive">
        PythonInterpPerDirective On
        PythonAccessHandler adding
    </Directory>
    <Directory "${htdocs}/per_directive/deeper">
        PythonHandler adding::content
    </Directory>
"""

FILES = {
    **{f"htdocs/{place}/page.txt": "static" for place in (
        "all", "user", "restricted", "nothing", "static", "per_directory", "per_directive", "per_directive/deeper")},
    "htdocs/dir/local_only.py": "def handler(req):\n    req.write('local of %s' % req.hlist.directory)\n    return 0\n",
    "adding.py": """
from urllib.parse import unquote
from mod_python import apache

def note(req, text):
    req.noted = [*getattr(req, "noted", []), text]

def added(req):
    note(req, "added in " + (req.phase or "none"))
    if req.phase == "PythonAuthenHandler":
        req.user = "ann"
    return apache.DECLINED if req.phase in ("PythonTransHandler", "PythonTypeHandler") else apache.OK

def second(req):
    note(req, "second")
    return apache.OK

def place(req):
    note(req, "%s in %s" % (req.hlist.directory, req.interpreter))
    req.write("; ".join(req.noted))
    return apache.OK

def run(req):
    "The query is PHASE:code, run in that phase."
    phase, _, code = unquote(req.args or "").partition(":")
    if req.phase == phase:
        exec(code, {"req": req, "apache": apache, "added": added, "second": second, "note": note})
    return apache.OK if req.phase not in ("PythonTransHandler", "PythonTypeHandler") else apache.DECLINED

postreadrequesthandler = transhandler = inithandler = headerparserhandler = accesshandler = typehandler = run
fixuphandler = loghandler = run

def content(req):
    run(req)
    note(req, "content")
    if unquote(req.args or "").startswith("PythonHandler:"):
        return apache.OK
    req.write("; ".join(req.noted))
    return apache.OK

def show(req):
    req.write("; ".join(req.noted))
    return apache.OK
"""}


def add(httpd: Httpd, place: str, phase: str, code: str) -> str:
    r = httpd.get(f"/{place}/page.txt?{quote(f'{phase}:{code}')}")
    assert r.status == 200, r.text
    return r.text


PHASES = ["Trans", "HeaderParser", "Access", "Type", "Fixup"]


@pytest.mark.parametrize("phase", PHASES)
def test_every_later_phase_runs_what_was_added(httpd: Httpd, phase: str) -> None:
    code = f"req.add_handler('Python{phase}Handler', 'adding::added')"
    assert add(httpd, "all", "PythonPostReadRequestHandler", code) == f"added in Python{phase}Handler; content"


def test_the_phases_of_the_user_run_what_was_added(httpd: Httpd) -> None:
    code = "[req.add_handler('Python%sHandler' % name, added) for name in ('Authen', 'Authz')]"
    assert add(httpd, "user", "PythonHeaderParserHandler", code) == (
        "added in PythonAuthenHandler; added in PythonAuthzHandler; content")


def test_init_handlers_can_be_added_until_the_headers_are_parsed(httpd: Httpd) -> None:
    assert add(httpd, "all", "PythonTransHandler", "req.add_handler('PythonInitHandler', added)") == (
        "added in PythonInitHandler; content")


def test_what_is_added_to_the_running_phase_follows(httpd: Httpd) -> None:
    code = "req.add_handler('PythonAccessHandler', second); note(req, 'first')"
    assert add(httpd, "all", "PythonAccessHandler", code) == "first; second; content"


def test_several_run_in_the_order_in_which_they_were_added(httpd: Httpd) -> None:
    code = "[req.add_handler('PythonFixupHandler', name) for name in (added, 'adding::second', added)]"
    assert add(httpd, "all", "PythonAccessHandler", code) == (
        "added in PythonFixupHandler; second; added in PythonFixupHandler; content")


@pytest.mark.parametrize("phase", ["PythonTransHandler", "PythonPostReadRequestHandler", "PythonAccessHandler"])
def test_a_phase_that_is_over_stays_so(httpd: Httpd, phase: str) -> None:
    assert add(httpd, "all", "PythonFixupHandler", f"req.add_handler('{phase}', added)") == "content"


def test_an_extension_that_does_not_match_does_not_keep_it_from_running(httpd: Httpd) -> None:
    code = "note(req, req.phase); req.add_handler('PythonHandler', 'adding::show')"
    assert add(httpd, "restricted", "PythonAccessHandler", code) == "PythonAccessHandler"


def test_content_handlers_need_the_handler_name(httpd: Httpd) -> None:
    code = "note(req, 'x'); req.add_handler('PythonHandler', 'adding::show')"
    assert add(httpd, "static", "PythonAccessHandler", code) == "static"
    assert add(httpd, "static", "PythonAccessHandler", code + "; req.handler = 'mod_python'") == "x"
    assert add(httpd, "nothing", "PythonAccessHandler", code) == "x"


@pytest.mark.parametrize(("given", "directory"), [
    ("", "{htdocs}/nothing/"), (", None", "{htdocs}/nothing/"), (", '{htdocs}/dir'", "{htdocs}/dir/"),
    (", '{htdocs}/dir/'", "{htdocs}/dir/"), (", '{htdocs}/x/../dir/.'", "{htdocs}/dir/"),
    (", '{htdocs}//dir'", "{htdocs}/dir/"),
])
def test_the_directory_is_canonical_or_that_of_the_handler_that_adds(
        httpd: Httpd, given: str, directory: str) -> None:
    given, directory = given.format(htdocs=httpd.htdocs), directory.format(htdocs=httpd.htdocs)
    text = add(httpd, "nothing", "PythonAccessHandler", f"note(req, 'x'); req.add_handler('PythonHandler',"
                                                        f" 'adding::place'{given})")
    assert text == f"x; {directory} in localhost"


def test_modules_are_found_in_the_directory(httpd: Httpd) -> None:
    code = f"req.add_handler('PythonHandler', 'local_only', '{httpd.htdocs}/dir')"
    assert add(httpd, "nothing", "PythonAccessHandler", code) == f"local of {httpd.htdocs}/dir/"


@pytest.mark.parametrize(("place", "given", "interpreter"), [
    ("per_directory", "", "{htdocs}/per_directory/"),
    ("per_directive", ", '{htdocs}/dir'", "{htdocs}/dir/"),
    ("per_directive", "", "main_interpreter"),
    ("per_directive/deeper", "", "{htdocs}/per_directive/deeper/"),
])
def test_the_interpreter_is_chosen_as_for_a_directive(
        httpd: Httpd, place: str, given: str, interpreter: str) -> None:
    given, interpreter = given.format(htdocs=httpd.htdocs), interpreter.format(htdocs=httpd.htdocs)
    r = httpd.get(f"/{place}/page.txt?" + quote(
        f"PythonAccessHandler:req.add_handler('PythonHandler', 'where'{given})"))
    assert r.text.rpartition(" ")[2] == interpreter


def test_a_callable_runs_where_it_was_added(httpd: Httpd) -> None:
    code = "req.add_handler('PythonHandler', lambda req: req.write(req.interpreter) or apache.OK)"
    assert add(httpd, "per_directive", "PythonAccessHandler", code) == f"{httpd.htdocs}/per_directive/"


FILES["where.py"] = """
from mod_python import apache

def handler(req):
    req.write(" " + req.interpreter)
    return apache.OK
"""
