"""File information: members, indexes, repr; and the list of handlers (spec: API, sections 3.3 and 3.4)."""

import os
from typing import Any

from cases import CASES, CASES_CONF, case
from httpd import Httpd

CONF = CASES_CONF + """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler cases::by_query
        PythonDebug On
    </Directory>
    <Directory "${htdocs}/several">
        PythonHandler cases::walk cases::after
    </Directory>
    <Directory "${htdocs}/silent">
        PythonHandlerModule silent
    </Directory>
    <Directory "${htdocs}/wild*">
        PythonHandler cases::by_query
    </Directory>
    <Files only.txt>
        PythonHandler cases::by_query
    </Files>
"""

FILES = {
    "htdocs/page.txt": "static", "htdocs/several/page.txt": "", "htdocs/silent/page.txt": "",
    "htdocs/wildlife/deep/page.txt": "", "htdocs/only.txt": "",
    "silent.py": "from mod_python import apache\ndef handler(req):\n"
                 "    req.write(repr([req.hlist.silent, req.hlist.handler, req.hlist.is_location]))\n"
                 "    return apache.OK\n",
    "cases.py": CASES + r'''
import os

root = os.path.dirname(__file__)
NAMES = ("fname", "filetype", "valid", "protection", "user", "group", "size", "inode", "device", "nlink", "atime",
         "mtime", "ctime", "name")
INDEXES = ("FINFO_MODE", "FINFO_INO", "FINFO_DEV", "FINFO_NLINK", "FINFO_UID", "FINFO_GID", "FINFO_SIZE",
           "FINFO_ATIME", "FINFO_MTIME", "FINFO_CTIME", "FINFO_FNAME", "FINFO_NAME", "FINFO_FILETYPE")

def by_query(req):
    req.write(repr(globals()[req.args](req)))
    return apache.OK

def page(req):
    return apache.stat(root + "/htdocs/page.txt", apache.APR_FINFO_NORM)

def members(req):
    return {name: getattr(page(req), name) for name in NAMES}

def same_as_request(req):
    of_request = {name: getattr(req.finfo, name) for name in NAMES if name not in ("valid", "atime")}
    return [(name, value, getattr(page(req), name)) for name, value in of_request.items()
            if value != getattr(page(req), name)]

def indexes(req):
    info = page(req)
    return {name: info[getattr(apache, name)] for name in INDEXES}

def sequence(req):
    info = page(req)
    return [len(info), tuple(info) == tuple(info[index] for index in range(12)), info[-1] == info[11],
            info[-12] == info[0], raised(lambda: info[13])[0], raised(lambda: info[-13])[0],
            raised(lambda: info["x"])[0], isinstance(info, tuple), raised(lambda: info.absent)[0],
            raised(info.__class__)[0]]

def shown(req):
    info = page(req)
    text = repr(info)
    return [list(eval(text)) == list(NAMES), eval(text) == {name: getattr(info, name) for name in NAMES}]

def missing(req):
    info = apache.stat(root + "/absent", apache.APR_FINFO_NORM)
    return [info.filetype, [name for name in NAMES if name != "filetype" and getattr(info, name) is not None],
            tuple(info), info[apache.FINFO_FILETYPE]]

def kinds(req):
    os.mkfifo(root + "/fifo")
    os.symlink(root + "/absent", root + "/link")
    return [apache.stat(root, 0).filetype, apache.stat(root + "/fifo", 0).filetype,
            apache.stat("/dev/null", 0).filetype, apache.stat(root + "/link", apache.APR_FINFO_LINK).filetype,
            apache.stat(root + "/link", 0).filetype]

def assigned(req):
    req.finfo = apache.stat(root + "/cases.py", apache.APR_FINFO_NORM)
    return [req.finfo.fname == root + "/cases.py", req.finfo.size == os.stat(__file__).st_size]

def kept(req):
    return [kept_info.append(req.finfo), len(kept_info)][1]

def still_there(req):
    return [info.size for info in kept_info]
kept_info = []

# hlist

def walk(req):
    hlist = req.hlist
    seen = [hlist.handler, hlist.next(), hlist.handler, hlist.next(), hlist.handler, hlist.directory, hlist.silent,
            hlist.is_location, hlist.location, hlist.next(), hlist.handler]
    req.write(repr([seen, req.hlist is hlist, raised(hlist.next, 1)[0]]))
    return apache.OK

def after(req):
    req.write(" and %s" % req.hlist.handler)
    return apache.OK

def place(req):
    hlist = req.hlist
    return [hlist.handler, hlist.silent, hlist.is_location, hlist.directory, hlist.location, hlist.parent]

def directory(req):
    return req.hlist.directory
'''}


def ask(httpd: Httpd, query: str, path: str = "/page.txt") -> Any:
    r = httpd.get(f"{path}?{query}")
    assert r.status == 200, r.text
    return eval(r.text)


def test_members_of_a_file(httpd: Httpd) -> None:
    page = httpd.htdocs / "page.txt"
    page.chmod(0o644)
    facts, found = page.stat(), ask(httpd, "members")
    assert found.pop("valid") & 0x73b170 & ~0x10000 & ~0x20000      # what APR could find out of APR_FINFO_NORM
    user, group = found.pop("user"), found.pop("group")
    assert isinstance(user, int) and isinstance(group, int)         # as the server sees them, in its user namespace
    assert found == {
        "fname": str(page), "filetype": 1, "protection": 0x644, "size": 6, "inode": facts.st_ino,
        "device": facts.st_dev, "nlink": 1, "atime": int(facts.st_atime), "mtime": int(facts.st_mtime),
        "ctime": int(facts.st_ctime), "name": None}


def test_the_request_knows_its_file(httpd: Httpd) -> None:
    assert ask(httpd, "same_as_request") == []


def test_indexes_are_members(httpd: Httpd) -> None:
    found, members = ask(httpd, "indexes"), ask(httpd, "members")
    assert list(found.values()) == [members[name] for name in (
        "protection", "inode", "device", "nlink", "user", "group", "size", "atime", "mtime", "ctime", "fname", "name",
        "filetype")]


def test_it_is_a_sequence_of_twelve_and_no_tuple(httpd: Httpd) -> None:
    assert ask(httpd, "sequence") == [12, True, True, True, "IndexError", "IndexError", "TypeError", False,
                                      "AttributeError", "TypeError"]


def test_it_shows_like_a_dict(httpd: Httpd) -> None:
    assert ask(httpd, "shown") == [True, True]


def test_a_missing_file_has_a_type_and_nothing_else(httpd: Httpd) -> None:
    assert ask(httpd, "missing") == [0, [], (None,) * 12, 0]


def test_types_of_files(httpd: Httpd) -> None:
    assert ask(httpd, "kinds") == [2, 5, 3, 6, 0]
    os.unlink(httpd.root / "fifo")


def test_it_can_be_given_to_a_request(httpd: Httpd) -> None:
    assert ask(httpd, "assigned") == [True, True]


def test_it_is_a_copy_that_outlives_its_request(httpd: Httpd) -> None:
    assert ask(httpd, "kept") == 1
    assert ask(httpd, "still_there") == [6]


def test_a_list_of_handlers_is_walked_in_place(httpd: Httpd) -> None:
    text, _, after = httpd.get("/several/page.txt").text.partition(" and ")
    assert eval(text) == [["cases::walk", None, "cases::after", None, None, None, 0, 0, None, None, None], True,
                          "TypeError"]
    assert after == "cases::after"


def test_where_a_handler_stands(httpd: Httpd) -> None:
    assert ask(httpd, "place") == ["cases::by_query", 0, 0, f"{httpd.htdocs}/", None, None]
    assert case(httpd, "place") == ["cases::dispatch", 0, 1, "/case", "/case", None]
    assert ask(httpd, "directory", "/wildlife/deep/page.txt") == f"{httpd.htdocs}/wildlife/"
    assert ask(httpd, "directory", "/only.txt") is None


def test_handlers_of_a_handler_module_are_silent(httpd: Httpd) -> None:
    assert ask(httpd, "", "/silent/page.txt") == [1, "silent", 0]
