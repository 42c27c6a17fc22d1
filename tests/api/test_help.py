"""help(): inside httpd pydoc shows mod_python.apache and its types, with all public names and their texts."""

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd

CONF = CASES_CONF
FILES = {"cases.py": CASES + """
import pydoc
from types import ModuleType

def render(thing):
    return pydoc.render_doc(thing, renderer=pydoc.plaintext)

def everything(req):
    names = [name for name, value in vars(apache).items() if name[0] != "_" and not isinstance(value, ModuleType)]
    return render(apache), names

def without_text(req):
    return [name for name in apache.__all__ if callable(getattr(apache, name)) and not getattr(apache, name).__doc__]

def exported(req):
    namespace = {}
    exec("from mod_python.apache import *", namespace)
    return sorted(namespace)

def types(req):
    found = {}
    for name in ["Request", "Connection", "Server", "Filter", "FileInfo", "HandlerList", "table"]:
        kind = getattr(apache, name)
        members = [member for member in vars(kind) if member[0] != "_"]
        found[name] = render(kind), members, [m for m in members if not getattr(kind, m).__doc__]
    return found

def methods(req):
    return {"instance": render(req.write), "function": render(apache.log_error), "member": render(type(req).status),
            "python": render(apache.import_module)}
"""}

HELPERS = {"Any", "Iterator", "ModuleType", "TYPE_CHECKING", "TypeAlias"}


def test_help_of_apache_has_every_public_name(httpd: Httpd) -> None:
    text, names = case(httpd, "everything")
    sections = text.partition("\nCLASSES\n")
    assert all(word in sections[0] for word in ("handler(req: apache.Request)", "SERVER_RETURN", "import_module()"))
    assert len(names) > 200
    for name in set(names) - HELPERS:
        lines = [line.strip() for line in sections[2].splitlines()]
        assert any(line.startswith((name + "(", name + " =", f"class {name}(")) or f"class {name}(" in line
                   for line in lines), name


def test_every_public_function_has_a_text(httpd: Httpd) -> None:
    assert case(httpd, "without_text") == []


def test_import_star_gives_names_of_the_api_only(httpd: Httpd) -> None:
    names = case(httpd, "exported")
    assert {"OK", "HTTP_NOT_FOUND", "APR_REG", "Request", "table", "log_error", "import_module"} <= set(names)
    assert not HELPERS & set(names) and not {"os", "sys", "atexit"} & set(names)


def test_help_of_a_type_has_every_member_with_its_text(httpd: Httpd) -> None:
    for name, (text, members, without) in case(httpd, "types").items():
        assert without == [], name
        assert len(members) > 5 and [member for member in members if f" |  {member}" not in text] == [], name


@pytest.mark.parametrize(("what", "line"), [
    ("instance", "write(data, flush=1) method of builtins.mp_request instance"),
    ("function", "log_error(message, level=3, server=None, /)"),
    ("member", "The HTTP status of the answer, 200 at first."),
    ("python", "autoreload: bool | None = None"),
])
def test_help_of_one_thing_starts_with_how_it_is_called(httpd: Httpd, what: str, line: str) -> None:
    assert line in case(httpd, "methods")[what]
