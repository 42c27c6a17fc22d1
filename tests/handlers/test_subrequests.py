"""Sub-requests and internal redirects: their phases, and what leads from one request to the other (directives, 2.4)."""

import ast
from typing import Any

import pytest
from httpd import Httpd, at_once, wait_for

MODULES = ("include",)
MPMS = ("event", "prefork")

CONF = """
    PythonPostReadRequestHandler relations::note
    PythonTransHandler relations::note_declined
    PythonInitHandler relations::note
    PythonHeaderParserHandler relations::note
    PythonAccessHandler relations::access
    PythonTypeHandler relations::note_declined
    PythonFixupHandler relations::fixup
    PythonLogHandler relations::log
    PythonCleanupHandler relations::note
    PythonInterpreter one
    ErrorDocument 410 /gone/page.py
    ErrorDocument 404 /gone/page.py?args
    DirectoryIndex index.py index.txt
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
    <Directory "${htdocs}">
        Options +Includes
        AddHandler mod_python .py
        PythonHandler relations
    </Directory>
    <Directory "${htdocs}/failing">
        PythonHandler relations::fails
    </Directory>
    <Location /told>
        SetHandler mod_python
        PythonHandler relations::told
    </Location>
"""

FILES = {
    **{f"htdocs/{name}": "" for name in ("part.py", "page.py", "other.py", "forbidden.py", "gone/page.py",
                                         "failing/page.py", "directory/index.py", "deep/er/index.py",
                                         "static/other.txt")},
    "htdocs/static/index.txt": "static index",
    "htdocs/ssi.shtml": 'before <!--#include virtual="/part.py?included" --> after',
    "htdocs/twice.shtml": '<!--#include virtual="/part.py" --> <!--#include virtual="/other.py" -->',
    "htdocs/guarded.shtml": 'before <!--#include virtual="/forbidden.py" --> after',
    "htdocs/nested.shtml": 'outer <!--#include virtual="/ssi.shtml" -->',
    "relations.py": """
from mod_python import apache

ended = {}
objects = {}

def note(req, result=apache.OK):
    if req.uri.startswith("/told"):
        return result
    phases = ended.setdefault(first(req).unparsed_uri, [])
    phases.append((req.uri, req.phase.removeprefix("Python").removesuffix("Handler")))
    return result

def first(req):
    "The request that the client sent."
    while req.main is not None or req.prev is not None:
        req = req.main if req.main is not None else req.prev
    return req

def access(req):
    return note(req, apache.HTTP_FORBIDDEN if req.uri == "/forbidden.py" else apache.OK)

def note_declined(req):
    return note(req, apache.DECLINED)

def fixup(req):
    req.fixed = getattr(req, "fixed", 0) + 1
    objects[req.uri] = req
    return note(req)

def handler(req):
    note(req)
    req.fixed += 10
    if req.args == "redirect":
        req.passed = "along"
        req.internal_redirect("/other.py?arrived")
        ended["after"] = [req.next is not None, req.next.uri, req.next.prev is req, req.next.fixed, req.uri, req.fixed]
        return apache.OK
    if req.args and req.args.startswith("to="):
        req.internal_redirect(req.args[3:])
        return apache.OK
    req.write(repr(facts(req)))
    return apache.OK

def facts(req):
    req.add_common_vars()
    relatives = {}
    for name in ("main", "prev", "next"):
        other = getattr(req, name)
        relatives[name] = other and [other.uri, other is getattr(req, name), other is objects.get(other.uri),
                                     getattr(other, "fixed", None), getattr(other, "passed", None)]
    return {**relatives, "uri": req.uri, "args": req.args, "fixed": req.fixed, "method": req.method,
            "filename": req.filename.rpartition("htdocs")[2],
            "env": {key: req.subprocess_env.get(key) for key in ("REDIRECT_STATUS", "REDIRECT_URL")},
            "status": req.prev.status if req.prev else None, "same": req is objects[req.uri]}

def fails(req):
    note(req)
    req.passed = "from the failed one"
    return apache.HTTP_GONE

def log(req):
    if req.uri.startswith("/told"):
        return apache.OK
    last = req
    while last.next is not None:
        last = last.next
    ended["log:" + req.unparsed_uri] = [req.uri, last.uri, req is objects.get(req.uri), last is objects.get(last.uri),
                                        getattr(req, "fixed", None), getattr(last, "fixed", None), req.main is None]
    return note(req)

def told(req):
    req.write(repr(ended.pop(req.args, None)))
    return apache.OK
"""}


def get(httpd: Httpd, path: str) -> Any:
    r = httpd.get(path)
    assert r.status in (200, 404, 410), r.text
    return ast.literal_eval(r.text)


def told(httpd: Httpd, key: str) -> Any:
    return ast.literal_eval(httpd.get(f"/told?{key}").text)


def told_later(httpd: Httpd, key: str) -> Any:
    """What was noted when the answer was, or may have been, out."""
    return wait_for(lambda: told(httpd, key))


def phases(httpd: Httpd, path: str) -> list[tuple[str, str]]:
    """The phases that a request and its relatives went through; none more comes when the cleanup was there."""
    found: list[tuple[str, str]] = []

    def ask() -> bool:
        found.extend(told(httpd, path) or [])
        return any(phase == "Cleanup" for _, phase in found)
    wait_for(ask)
    return found


BEFORE = ["Trans", "Init", "HeaderParser", "Access", "Type", "Fixup"]


def test_an_included_page_is_a_sub_request(httpd: Httpd) -> None:
    told(httpd, "/ssi.shtml")
    text = httpd.get("/ssi.shtml").text
    assert text.startswith("before {") and text.endswith("} after")
    facts = ast.literal_eval(text.removeprefix("before ").removesuffix(" after"))
    assert facts["main"] == ["/ssi.shtml", True, True, 1, None] and facts["prev"] is facts["next"] is None
    assert (facts["uri"], facts["args"], facts["fixed"], facts["same"]) == ("/part.py", "included", 11, True)
    phases(httpd, "/ssi.shtml")         # its last ones come after the answer, and are not the next test's


def test_a_sub_request_has_no_log_phase_and_no_post_read(httpd: Httpd) -> None:
    told(httpd, "/ssi.shtml")
    httpd.get("/ssi.shtml")
    seen = phases(httpd, "/ssi.shtml")
    assert [phase for uri, phase in seen if uri == "/part.py" and phase != "Cleanup"] == [
        *(phase for phase in BEFORE if phase not in ("Init", "HeaderParser")), ""]
    assert [phase for uri, phase in seen if uri == "/ssi.shtml"] == [
        "Init", "PostReadRequest", "Trans", *BEFORE[2:], "Log", "Cleanup"]


def test_an_access_handler_decides_about_each_of_them(httpd: Httpd) -> None:
    assert httpd.get("/forbidden.py").status == 403
    assert httpd.get("/guarded.shtml").text == "before [an error occurred while processing this directive] after"
    assert httpd.get("/page.py?to=/forbidden.py").status == 403
    httpd.claim(r"unable to include .*/forbidden\.py")


def test_several_and_nested_sub_requests(httpd: Httpd) -> None:
    first, _, second = httpd.get("/twice.shtml").text.partition("} {")
    facts = [ast.literal_eval(first + "}"), ast.literal_eval("{" + second)]
    assert [entry["uri"] for entry in facts] == ["/part.py", "/other.py"]
    assert [entry["main"][:3] for entry in facts] == [["/twice.shtml", True, True]] * 2
    inner = ast.literal_eval(httpd.get("/nested.shtml").text.partition("before ")[2].removesuffix(" after"))
    assert inner["main"] == ["/ssi.shtml", True, True, 1, None]


def test_an_internal_redirect_is_a_new_request_that_knows_the_old_one(httpd: Httpd) -> None:
    facts = get(httpd, "/page.py?redirect")
    assert facts["prev"] == ["/page.py", True, True, 11, "along"] and facts["main"] is facts["next"] is None
    assert (facts["uri"], facts["args"], facts["fixed"], facts["method"]) == ("/other.py", "arrived", 11, "GET")
    assert facts["env"]["REDIRECT_URL"] == "/page.py"
    assert told_later(httpd, "after") == [True, "/other.py", True, 11, "/page.py", 11]
    assert told_later(httpd, "log:/page.py?redirect") == ["/page.py", "/other.py", True, True, 11, 11, True]
    phases(httpd, "/page.py?redirect")


def test_all_phases_after_the_reading_run_in_a_redirect(httpd: Httpd) -> None:
    told(httpd, "/page.py?redirect")
    httpd.get("/page.py?redirect")
    seen = phases(httpd, "/page.py?redirect")
    assert [phase for uri, phase in seen if uri == "/other.py" and phase != "Cleanup"] == [
        *BEFORE, ""]
    assert [phase for uri, phase in seen if uri == "/page.py"] == [
        "Init", "PostReadRequest", "Trans", "HeaderParser", "Access", "Type", "Fixup", "", "Log", "Cleanup"]


def test_the_target_of_a_redirect_need_not_be_there(httpd: Httpd) -> None:
    facts = get(httpd, "/page.py?to=/nowhere.py")
    assert (facts["uri"], facts["filename"], facts["prev"][0]) == ("/nowhere.py", "/nowhere.py", "/page.py")


@pytest.mark.parametrize(("path", "failed", "passed", "status", "args"), [
    ("/failing/page.py?x", "/failing/page.py", "from the failed one", 410, None),
    ("/nowhere", "/nowhere", None, 404, "args"),
])
def test_an_error_document_is_a_redirect_from_the_failed_request(
        httpd: Httpd, path: str, failed: str, passed: str | None, status: int, args: str | None) -> None:
    r = httpd.get(path)
    facts = ast.literal_eval(r.text)
    assert r.status == status and facts["uri"] == "/gone/page.py" and facts["status"] == status
    assert facts["prev"] == [failed, True, True, 1, passed] and facts["method"] == "GET" and facts["args"] == args
    assert facts["env"] == {"REDIRECT_STATUS": str(status), "REDIRECT_URL": failed}


def test_a_directory_has_the_index_that_mod_dir_finds(httpd: Httpd) -> None:
    facts = get(httpd, "/directory/")
    assert (facts["uri"], facts["filename"]) == ("/directory/index.py", "/directory/index.py")
    assert facts["main"] is facts["prev"] is facts["next"] is None
    log = told_later(httpd, "log:/directory/")
    assert log[0] == log[1] == "/directory/index.py" and log[6] is True
    assert httpd.get("/static/").body == b"static index"


def test_many_requests_for_a_directory(httpd: Httpd) -> None:
    pids = httpd.child_pids()

    def work(index: int) -> set[object]:
        seen = set()
        with httpd.session() as ask:
            for number in range(100):
                path = ("/directory/", "/deep/er/", "/static/")[number % 3]
                r = ask("GET", path)
                seen.add((path, r.status, r.text if path == "/static/" else ast.literal_eval(r.text)["uri"]))
        return seen
    assert set().union(*at_once(5, work)) == {
        ("/directory/", 200, "/directory/index.py"), ("/deep/er/", 200, "/deep/er/index.py"),
        ("/static/", 200, "static index")}
    assert httpd.child_pids() == pids
