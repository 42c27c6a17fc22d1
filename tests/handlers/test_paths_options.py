"""sys.path and PythonPath, PythonOption, PythonOptimize (spec: directives, sections 7.1, 7.4, 7.6)."""

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd

CONF = CASES_CONF + """
    PythonOptimize On
    PythonOption Server.Level yes
    PythonOption removed
    <Directory "${htdocs}">
        SetHandler mod_python
    </Directory>
    <Directory "${htdocs}/local">
        PythonHandler only_here
    </Directory>
    <Directory "${htdocs}/path">
        PythonPath "sys.path + [os.path.join('${root}', 'extra')]"
        PythonInterpreter with_path
        PythonHandler extra_module
    </Directory>
    <Directory "${htdocs}/path_two">
        PythonPath "['${root}/extra_two'] + sys.path"
        PythonInterpreter with_path
        PythonHandler second_module
    </Directory>
    <Directory "${htdocs}/path_local">
        PythonPath "list(sys.path)"
        PythonInterpreter with_path
        PythonHandler only_local
    </Directory>
    <Directory "${htdocs}/path_wrong">
        PythonPath "sys.path + nonsense"
        PythonHandler cases::dispatch
    </Directory>
    <Directory "${htdocs}/path_syntax">
        PythonPath "sys.path +"
        PythonHandler cases::dispatch
    </Directory>
    <Directory "${htdocs}/path_value">
        PythonPath "42"
        PythonHandler cases::dispatch
    </Directory>
    <Location /case>
        PythonOption Some.Key "a value with blanks"
        PythonOption some.KEY "a value with blanks"
        PythonOption bytes h\xe9
    </Location>
"""

FILES = {
    **{f"htdocs/{place}/page.txt": "" for place in (
        "local", "path", "path_two", "path_local", "path_wrong", "path_syntax", "path_value")},
    "htdocs/local/only_here.py": "import sys\ndef handler(req):\n"
                                 "    found = [p.rstrip('/') + '/' for p in sys.path].count(req.hlist.directory)\n"
                                 "    req.write(str(found))\n    return 0\n",
    "extra/extra_module.py": "import sys\ndef handler(req):\n    req.write('%s %s' % "
                             "(sum(p.endswith('/extra') for p in sys.path), "
                             "sum('htdocs' in p for p in sys.path)))\n    return 0\n",
    "extra_two/second_module.py": "def handler(req):\n    req.write('second')\n    return 0\n",
    "htdocs/path_local/only_local.py": "def handler(req):\n    return 0\n",
    "cases.py": CASES + '''
import sys

def options(req):
    table = req.get_options()
    return [table["some.key"], table["SOME.KEY"], table["bytes"], table["server.level"], "absent" in table]

def option_names(req):
    return sorted(req.get_options().keys())

def options_are_live(req):
    req.get_options()["later"] = "1"
    return req.get_options()["later"]

def later_option(req):
    return req.get_options().get("later")

def server_options(req):
    first = req.server.get_options().get("set_before")
    req.server.get_options()["set_before"] = "yes"
    return first

def removed_option(req):
    return ["removed" in req.get_options(), req.server.get_options()["removed"]]

def config(req):
    table = req.get_config()
    return sorted((key, table[key]) for key in table.keys())

def optimized(req):
    """A docstring."""
    assert False
    return [sys.flags.optimize, optimized.__doc__]
'''}


def test_the_handler_directory_is_on_sys_path_once(httpd: Httpd) -> None:
    for _ in range(5):
        assert httpd.get("/local/page.txt").text == "1"


def test_python_path_is_evaluated_once_and_replaces_the_directory_rule(httpd: Httpd) -> None:
    for _ in range(5):
        assert httpd.get("/path/page.txt").text == "1 0"


def test_a_second_python_path_keeps_the_first(httpd: Httpd) -> None:
    for _ in range(3):
        assert httpd.get("/path_two/page.txt").text == "second"
        assert httpd.get("/path/page.txt").text.startswith("1 ")


def test_under_python_path_the_handler_directory_is_not_searched(httpd: Httpd) -> None:
    assert httpd.get("/path_local/page.txt").status == 500
    httpd.claim_failure("PythonHandler only_local", "No module named 'only_local'", "with_path")


def test_a_python_path_that_does_not_compile_is_told_when_a_child_starts(httpd: Httpd) -> None:
    told = httpd.claim(r"MP0021: PythonPath sys\.path \+ \(.*conf:\d+\) failed(?:.*\n.*PythonPath sys\.path \+ \(.*)+")
    assert "SyntaxError" in told[0]


@pytest.mark.parametrize(("place", "error"), [("path_wrong", "nonsense"), ("path_syntax", "SyntaxError"),
                                          ("path_value", "PythonPath")])
def test_a_python_path_that_does_not_evaluate_fails_its_requests(httpd: Httpd, place: str, error: str) -> None:
    for _ in range(2):
        assert httpd.get(f"/{place}/page.txt").status == 500
        httpd.claim_failure("PythonHandler cases::dispatch", error)


def test_options_are_a_table_without_case(httpd: Httpd) -> None:
    assert case(httpd, "options") == ["a value with blanks", "a value with blanks", "h\xe9", "yes", False]


def test_the_spelling_of_an_option_that_came_first_is_kept(httpd: Httpd) -> None:
    assert case(httpd, "option_names") == ["Server.Level", "Some.Key", "bytes"]


def test_options_of_a_request_can_be_changed_for_that_request(httpd: Httpd) -> None:
    assert case(httpd, "options_are_live") == "1"
    assert case(httpd, "later_option") is None


def test_options_of_the_server_stay_changed(httpd: Httpd) -> None:
    assert case(httpd, "server_options") is None
    assert case(httpd, "server_options") == "yes"


def test_a_removed_option_is_empty_at_the_server_and_gone_in_a_request(httpd: Httpd) -> None:
    assert case(httpd, "removed_option") == [False, ""]


def test_the_configuration_can_be_read(httpd: Httpd) -> None:
    assert case(httpd, "config") == [("PythonDebug", "1")]


def test_optimize_drops_asserts_and_docstrings(httpd: Httpd) -> None:
    assert case(httpd, "optimized") == [2, None]
