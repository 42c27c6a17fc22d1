"""PythonCleanupHandler and req.register_cleanup() at the end of a request (spec: directives, section 12)."""

from httpd import Httpd, wait_for

MODULES = ("include",)

CONF = """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler ending
        PythonCleanupHandler ending ending::second
        PythonInterpreter ending
    </Directory>
    <Directory "${htdocs}/static">
        SetHandler none
    </Directory>
    <Directory "${htdocs}/raising">
        PythonCleanupHandler ending::raises ending::second
    </Directory>
    <Directory "${htdocs}/results">
        PythonCleanupHandler ending::returns_text ending::second
    </Directory>
    <Directory "${htdocs}/extension">
        PythonCleanupHandler ending | .one
    </Directory>
    <Location /ended>
        SetHandler mod_python
        PythonHandler ending::ended
        PythonInterpreter ending
    </Location>
"""

FILES = {
    **{f"htdocs/{place}page.txt": "static" for place in ("", "static/", "raising/", "results/", "extension/")},
    "htdocs/extension/page.one": "",
    "ending.py": """
from mod_python import apache

events = {}

def note(req, text):
    events.setdefault(req.args, []).append(text)

def handler(req):
    for number in (1, 2, 3):
        req.register_cleanup(lambda data: note(req, "registered %s %s" % (data, req.phase)), number)
    req.register_cleanup(nested, req)
    req.register_cleanup(fails, req)
    if req.args == "declined":
        return apache.DECLINED
    if req.args == "refused":
        return apache.HTTP_FORBIDDEN
    if req.args == "gone":
        try:
            while True:
                req.write("x" * 10000)
        except OSError:
            return apache.OK
    req.write("answer")
    return apache.OK

def nested(req):
    req.register_cleanup(lambda data: note(req, "nested"))
    note(req, "nesting")

def fails(req):
    note(req, "failing")
    if req.args == "failing":
        raise LookupError("a cleanup that fails")

def loghandler(req):
    note(req, "log")
    return apache.OK

def cleanuphandler(req):
    said = []
    for use in (lambda: req.write("x"), req.read, req.flush, lambda: req.sendfile(__file__)):
        try:
            use()
            said.append("worked")
        except OSError:
            said.append("OSError")
    note(req, "%s %s %s" % (req.phase, req.status, "".join(sorted(set(said)))))
    req.register_cleanup(lambda data: note(req, "after the handler"))
    return apache.OK

def second(req):
    note(req, "second")
    return apache.OK

def raises(req):
    note(req, "raising")
    raise LookupError("a cleanup handler that fails")

def returns_text(req):
    note(req, "text")
    return "text"

def ended(req):
    req.write(repr(events.pop(req.args, None)))
    return apache.OK
"""}

REGISTERED = ["failing", "nesting", "nested", "registered 3 None", "registered 2 None", "registered 1 None"]
HANDLER = "PythonCleanupHandler 200 OSError"


def events(httpd: Httpd, key: str, last: str) -> list[str]:
    """What happened after the answer; the event `last` is the last one."""
    found: list[str] = []

    def ask() -> bool:
        found.extend(eval(httpd.get(f"/ended?{key}").text) or [])
        return last in found
    wait_for(ask, what=f"{last!r} in the events of {key}")
    return found


def test_registered_functions_run_first_and_the_last_one_of_them_before_all(httpd: Httpd) -> None:
    assert httpd.get("/page.txt?plain").body == b"answer"
    seen = events(httpd, "plain", "after the handler")
    assert seen[:7] == [*REGISTERED, HANDLER] and sorted(seen[7:]) == ["after the handler", "second"]


def test_a_cleanup_that_raises_does_not_keep_the_others_from_running(httpd: Httpd) -> None:
    assert httpd.get("/page.txt?failing").body == b"answer"
    assert events(httpd, "failing", "after the handler")[:7] == [*REGISTERED, HANDLER]
    httpd.claim(r"MP0040: .*failed in interpreter 'ending'\n(?:.*\n)*?.*LookupError: a cleanup that fails.*")


def test_they_run_after_refusals_and_for_static_files_too(httpd: Httpd) -> None:
    assert httpd.get("/page.txt?refused").status == 403
    assert events(httpd, "refused", "after the handler")[6] == HANDLER.replace("200", "403")
    assert httpd.get("/page.txt?declined").body == b"static"
    assert events(httpd, "declined", "after the handler")[6] == HANDLER


def test_no_other_python_phase_is_needed(httpd: Httpd) -> None:
    assert httpd.get("/static/page.txt?static").body == b"static"
    assert events(httpd, "static", "after the handler")[0] == HANDLER
    assert httpd.get("/static/missing.txt?missing").status == 404
    assert events(httpd, "missing", "after the handler")[0] == HANDLER.replace("200", "404")


def test_an_exception_is_only_logged(httpd: Httpd) -> None:
    assert httpd.get("/raising/page.txt?raising").body == b"answer"
    httpd.claim_failure("PythonCleanupHandler ending::raises", "LookupError: a cleanup handler that fails")
    assert events(httpd, "raising", "raising")[:7] == [*REGISTERED, "raising"]


def test_results_are_ignored(httpd: Httpd) -> None:
    assert httpd.get("/results/page.txt?results").body == b"answer"
    assert events(httpd, "results", "second")[6:8] == ["text", "second"]


def test_the_extension_chooses_here_too(httpd: Httpd) -> None:
    httpd.get("/extension/page.one?one")
    assert HANDLER in events(httpd, "one", "after the handler")
    httpd.get("/extension/page.txt?txt")
    assert events(httpd, "txt", "after the handler")


def test_clients_that_hang_up_do_not_stop_it(httpd: Httpd) -> None:
    with httpd.raw() as client:
        assert client.send_request("GET", "/page.txt?gone").receive(1000)
        client.hang_up()
    assert HANDLER in events(httpd, "gone", "after the handler")
