"""Stacks of handlers: order, when they go on, file extensions, PythonHandlerModule, req.add_handler()."""

import http.client

import pytest
from httpd import Httpd, wait_for

CONF = """
    <Directory "${htdocs}">
        SetHandler mod_python
    </Directory>
    <Directory "${htdocs}/content">
        PythonHandler steps::one steps::two
        PythonHandler steps::three
    </Directory>
    <Directory "${htdocs}/stop">
        PythonHandler steps::one steps::done steps::three
    </Directory>
    <Directory "${htdocs}/decline">
        PythonHandler steps::decline steps::one steps::decline
    </Directory>
    <Directory "${htdocs}/server_return">
        PythonHandler steps::one steps::raise_ok steps::three
    </Directory>
    <Directory "${htdocs}/type">
        PythonTypeHandler steps::mark_a steps::mark_b
        PythonHandler steps::marks
    </Directory>
    <Directory "${htdocs}/type_declined">
        PythonTypeHandler steps::mark_declined steps::mark_b
        PythonHandler steps::marks
    </Directory>
    <Directory "${htdocs}/access">
        PythonAccessHandler steps::mark_a steps::mark_declined steps::mark_b
        PythonHandler steps::marks
    </Directory>
    <Directory "${htdocs}/ext">
        PythonHandler steps::extension_one | .one .uno
        PythonHandler steps::extension_gz | .tar.gz
        PythonHandler steps::extension_any
    </Directory>
    <Directory "${htdocs}/only">
        PythonHandler steps::extension_one | .one
    </Directory>
    <Directory "${htdocs}/bar">
        PythonHandler steps::extension_any |
    </Directory>
    <Directory "${htdocs}/module">
        PythonHandlerModule several
    </Directory>
    <Directory "${htdocs}/added">
        PythonAccessHandler adder
        PythonHandler steps::one
    </Directory>
    <Directory "${htdocs}/added_only">
        SetHandler none
        PythonAccessHandler adder
    </Directory>
    <Directory "${htdocs}/self">
        PythonHandler adder
    </Directory>
    <Directory "${htdocs}/empty">
        PythonHandler steps::one
    </Directory>
    <Directory "${htdocs}/empty/deeper">
        PythonHandler
    </Directory>
"""

FILES = {
    **{f"htdocs/{place}/page.txt": "static" for place in (
        "content", "stop", "decline", "server_return", "type", "type_declined", "access", "module", "added",
        "added_only", "self", "bar", "empty", "empty/deeper")},
    **{f"htdocs/ext/{name}": "static" for name in ("a.one", "b.uno", "c.tar.gz", "d.gz", "plain", "e.ONE")},
    "htdocs/only/a.one": "static", "htdocs/only/b.two": "static two",
    "steps.py": """
from mod_python import apache

def step(name, result=apache.OK):
    def run(req):
        req.write(name + " ")
        return result
    return run

def mark(name, result=apache.OK):
    def run(req):
        req.marked = getattr(req, "marked", "") + name + " "
        return result
    return run

one, two, three = step("one"), step("two"), step("three")
done = step("done", apache.DONE)
mark_a, mark_b, mark_declined = mark("a"), mark("b"), mark("declined", apache.DECLINED)

def decline(req):
    return apache.DECLINED

def raise_ok(req):
    raise apache.SERVER_RETURN(apache.OK)

def marks(req):
    req.write(req.marked)
    return apache.OK

def extension(name):
    def run(req):
        req.write("%s %r" % (name, req.extension))
        return apache.OK
    return run

extension_one, extension_gz, extension_any = extension("one"), extension("gz"), extension("any")
""",
    "several.py": """
from mod_python import apache

def accesshandler(req):
    req.seen = ["access"]
    return apache.OK

def fixuphandler(req):
    req.seen.append("fixup")
    return apache.OK

def handler(req):
    req.seen.append("silent" if req.hlist.silent else "loud")
    req.write(" ".join(req.seen))
    return apache.OK
""",
    "adder.py": """
from urllib.parse import parse_qsl
from mod_python import apache
import steps

def added(req):
    req.write("added ")
    return apache.OK

def add(req):
    for phase, handler in parse_qsl(req.args or "", keep_blank_values=True):
        req.add_handler(phase, added if handler == "callable" else handler)

def accesshandler(req):
    try:
        add(req)
    except (IndexError, ValueError, TypeError) as error:
        text = "%s: %s" % (type(error).__name__, error)
        req.add_handler("PythonHandler", lambda req: req.write(text) or apache.OK)
    if req.handler != "mod_python":
        req.handler = "mod_python"
    return apache.OK

def handler(req):
    req.write("self ")
    add(req)
    return apache.OK
"""}


@pytest.mark.parametrize(("place", "body"), [
    ("content", "one two three "),
    ("stop", "one done "),
    ("decline", "one static"),
    ("server_return", "one three "),
    ("type", "a "),
    ("type_declined", "declined b "),
    ("access", "a declined b "),
])
def test_a_stack_goes_on_as_its_phase_says(httpd: Httpd, place: str, body: str) -> None:
    assert httpd.get(f"/{place}/page.txt").text == body


@pytest.mark.parametrize(("name", "body"), [
    ("ext/a.one", "one '.one'"),
    ("ext/b.uno", "one '.uno'"),
    ("ext/c.tar.gz", "gz '.tar.gz'"),
    ("ext/d.gz", "any None"),
    ("ext/e.ONE", "any None"),
    ("ext/plain", "any ''"),
    ("ext/a.one/more", "one '.one'"),
    ("only/a.one", "one '.one'"),
    ("only/b.two", "static two"),
    ("bar/page.txt", "any None"),
])
def test_the_file_extension_picks_the_stack(httpd: Httpd, name: str, body: str) -> None:
    assert httpd.get(f"/{name}").text == body


def test_a_directive_without_handlers_replaces_nothing(httpd: Httpd) -> None:
    assert httpd.get("/empty/deeper/page.txt").text == "one "


def test_a_handler_module_serves_the_phases_that_it_has(httpd: Httpd) -> None:
    assert httpd.get("/module/page.txt").text == "access fixup silent"


def test_an_added_handler_runs_after_the_configured_ones(httpd: Httpd) -> None:
    assert httpd.get("/added/page.txt?PythonHandler=steps::two").text == "one two "


def test_a_callable_can_be_added(httpd: Httpd) -> None:
    assert httpd.get("/added/page.txt?PythonHandler=callable&PythonHandler=steps::two").text == "one added two "


def test_a_handler_can_be_added_to_a_phase_without_any(httpd: Httpd) -> None:
    assert httpd.get("/added_only/page.txt?PythonHandler=steps::two").text == "two "


def test_a_handler_added_to_the_running_phase_follows(httpd: Httpd) -> None:
    assert httpd.get("/self/page.txt?PythonHandler=steps::two").text == "self two "


def test_a_handler_added_to_a_past_phase_has_no_effect(httpd: Httpd) -> None:
    assert httpd.get("/self/page.txt?PythonAccessHandler=steps::two").text == "self "


@pytest.mark.parametrize("phase", ["PythonCleanupHandler", "PythonConnectionHandler", "pythonhandler", "Nonsense"])
def test_only_the_phases_of_a_request_can_be_added_to(httpd: Httpd, phase: str) -> None:
    r = httpd.get(f"/added/page.txt?{phase}=steps::two")
    assert r.text.startswith("one IndexError:") and phase in r.text


def test_an_empty_handler_name_is_refused_at_once(httpd: Httpd) -> None:
    assert httpd.get("/added/page.txt?PythonHandler=").text.startswith("one ValueError:")


def test_an_added_handler_that_does_not_exist_is_an_error_at_its_turn(httpd: Httpd) -> None:
    with pytest.raises(http.client.IncompleteRead) as cut:
        httpd.get("/added/page.txt?PythonHandler=steps::missing")
    assert cut.value.partial == b"one "
    httpd.claim_failure("PythonHandler steps::missing", "contains no 'missing'")


def test_an_added_log_handler_runs(httpd: Httpd) -> None:
    httpd.get("/added/page.txt?PythonLogHandler=adder::nothing")
    wait_for(lambda: "contains no 'nothing'" in httpd.unclaimed())
    httpd.claim_failure("PythonLogHandler adder::nothing", "contains no 'nothing'")
