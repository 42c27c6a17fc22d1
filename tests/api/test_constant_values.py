"""Every constant of mod_python.apache has its documented value, inside httpd (spec: API, section 2).

The values are those of tests/spec_names.ini. httpd's own headers made some of the numbers; where httpd can be asked, it
is asked whether it means the same.
"""

import ast
import configparser

from cases import CASES, CASES_CONF, case
from httpd import TREE, Httpd

CONF = CASES_CONF

FILES = {"cases.py": CASES + r'''
import _apache

def constants(req):
    return {name: value for name, value in vars(apache).items() if type(value) in (int, str) and name[:1].isupper()}

def of_the_c_module(req):
    return {name: getattr(apache, name, None) for name, value in vars(_apache).items()
            if type(value) is int and getattr(apache, name, None) != value}

def magic(req):
    return [apache.MODULE_MAGIC_NUMBER_MAJOR, apache.MODULE_MAGIC_NUMBER_MINOR]

def mpm(req):
    known = {}
    for name, value in vars(apache).items():
        if name.startswith("AP_MPMQ_") and name not in ("AP_MPMQ_NOT_SUPPORTED", "AP_MPMQ_STATIC", "AP_MPMQ_DYNAMIC"):
            known[name] = apache.mpm_query(value)
    return known

def statuses(req):
    """What httpd makes of each status: a phrase behind the number."""
    req.status = int(req.args)
    return None
'''}


def documented() -> dict[str, object]:
    parser = configparser.ConfigParser(allow_no_value=True, delimiters=("=",), comment_prefixes=("#",),
                                       interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    with open(TREE / "tests" / "spec_names.ini", encoding="utf-8") as file:
        parser.read_file(file)
    return {name: ast.literal_eval(value) for name, value in parser["constants"].items()}


def test_every_constant_has_its_value(httpd: Httpd) -> None:
    real = case(httpd, "constants")
    expected = documented()
    assert len(expected) == 200
    assert {name: real.get(name) for name in expected} == expected


def test_the_c_module_has_the_same_values(httpd: Httpd) -> None:
    assert case(httpd, "of_the_c_module") == {}


def test_the_magic_number_is_that_of_httpd_2_4(httpd: Httpd) -> None:
    major, minor = case(httpd, "magic")
    assert major == 20120211 and minor > 0


def test_httpd_answers_the_questions_by_these_numbers(httpd: Httpd) -> None:
    known = case(httpd, "mpm")
    assert len(known) == 12
    assert (known["AP_MPMQ_MAX_THREADS"], known["AP_MPMQ_HARD_LIMIT_THREADS"]) == (httpd.threads, httpd.threads)
    assert known["AP_MPMQ_HARD_LIMIT_DAEMONS"] == httpd.children + 4
    assert (known["AP_MPMQ_IS_THREADED"], known["AP_MPMQ_IS_FORKED"]) != (0, 0)


def test_statuses_are_httpds(httpd: Httpd) -> None:
    phrases = {"HTTP_CREATED": "Created", "HTTP_NON_AUTHORITATIVE": "Non-Authoritative Information",
               "HTTP_GONE": "Gone", "HTTP_LOCKED": "Locked",
               "HTTP_UNAVAILABLE_FOR_LEGAL_REASONS": "Unavailable For Legal Reasons",
               "HTTP_NETWORK_AUTHENTICATION_REQUIRED": "Network Authentication Required"}
    with httpd.session() as ask:
        for name, phrase in phrases.items():
            r = ask("GET", f"/case/statuses?{documented()[name]}")
            assert (r.status, r.reason) == (documented()[name], phrase)
