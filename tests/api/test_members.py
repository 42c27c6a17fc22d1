"""Every member of the objects: its type, who may set it to what, and what `del` does (spec: API, sections 3 to 6)."""

from typing import Any

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd

CONF = CASES_CONF + """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler cases::by_query
        PythonDebug On
    </Directory>
"""

FILES = {
    "htdocs/page.txt": "static",
    "cases.py": CASES + r'''
def by_query(req):
    req.write(repr(globals()[req.args](req)))
    return apache.OK

def objects(req):
    return {"req": req, "conn": req.connection, "server": req.server, "hlist": req.hlist, "finfo": req.finfo}

def said(function, *args):
    try:
        function(*args)
    except Exception as error:
        return type(error).__name__
    return "done"

def probe(of, name):
    "Type of the value; what becomes of setting that value, another type, a text with NUL, and of del."
    try:
        value = getattr(of, name)
    except AttributeError:
        return "absent"
    found = [type(value).__name__, said(setattr, of, name, value), said(setattr, of, name, object()),
             said(setattr, of, name, "a\0b"), said(delattr, of, name)]
    after = getattr(of, name)
    if found[-1] == "done":
        found[-1] = "cleared" if after is None else "done"
        said(setattr, of, name, value)
    return found

def probes(req):
    names = req.headers_in["X-Names"].split(",")
    return {"%s.%s" % (prefix, name): probe(objects(req)[prefix], name)
            for prefix, name in (entry.split(".") for entry in names)}

def others(req):
    "What happens to names that no object has."
    found = {}
    for prefix, of in objects(req).items():
        seen = [hasattr(of, "shop"), said(getattr, of, "shop"), said(delattr, of, "shop"), said(setattr, of, "shop", 1)]
        if seen[-1] == "done":
            seen.append(of.shop)
            seen.append(said(delattr, of, "shop"))
        found[prefix] = seen
    return found

def what_is_said(req):
    return [raised(getattr, of, "shop")[1] for of in objects(req).values()]

def none_for(req):
    "Which of the members take None, and are None then."
    found = []
    for name in req.headers_in["X-Names"].split(","):
        before = getattr(req, name)
        if said(setattr, req, name, None) == "done" and getattr(req, name) is None:
            found.append(name)
        setattr(req, name, before)
    return found

def same_object(req):
    c, s = req.connection, req.server
    return [req.connection is c, req.server is s, c.base_server is c.base_server, c.notes is c.notes,
            s.get_config() is s.get_config(), s.get_options() is s.get_options(),
            req.get_config() is req.get_config(), req.get_options() is req.get_options(),
            *(getattr(req, name) is getattr(req, name) for name in ("headers_in", "headers_out", "err_headers_out",
                                                                   "subprocess_env", "notes", "hlist"))]

def bytes_are_text(req):
    req.content_type, req.user, req.filename, req.args = b"text/x-own", b"\xe9", b"/tmp/\xff", b"a=b"
    return [req.content_type, req.user, req.filename == "/tmp/\udcff", req.args]

def limits(req):
    return [said(setattr, req, "status", 2**31), said(setattr, req, "status", -2**63),
            said(setattr, req, "no_cache", True), req.no_cache, said(setattr, req.connection, "keepalive", 2**70),
            said(setattr, req.connection, "keepalive", 7)]
'''}

READ_ONLY = ("AttributeError", "AttributeError", "AttributeError", "AttributeError")
NUMBER = ("done", "TypeError", "TypeError", "AttributeError")       # an int member that may be set
TEXT = ("done", "TypeError", "ValueError", "AttributeError")        # never None
NULLABLE = ("done", "TypeError", "ValueError", "cleared")           # None and del clear it

# Of a request for a file, by GET.
MEMBERS = {
    "req.connection": ("mp_conn", *READ_ONLY), "req.server": ("mp_server", *READ_ONLY),
    "req.next": ("NoneType", *READ_ONLY), "req.prev": ("NoneType", *READ_ONLY), "req.main": ("NoneType", *READ_ONLY),
    "req.the_request": ("str", *READ_ONLY), "req.assbackwards": ("int", *NUMBER), "req.proxyreq": ("int", *NUMBER),
    "req.header_only": ("int", *READ_ONLY), "req.protocol": ("str", *READ_ONLY), "req.proto_num": ("int", *READ_ONLY),
    "req.hostname": ("str", *READ_ONLY), "req.request_time": ("float", *READ_ONLY),
    "req.status_line": ("NoneType", *NULLABLE), "req.status": ("int", *NUMBER), "req.method": ("str", *READ_ONLY),
    "req.method_number": ("int", *READ_ONLY), "req.allowed": ("int", *READ_ONLY),
    "req.allowed_xmethods": ("tuple", *READ_ONLY), "req.allowed_methods": ("tuple", *READ_ONLY),
    "req.sent_bodyct": ("int", *READ_ONLY), "req.bytes_sent": ("int", *READ_ONLY), "req.mtime": ("float", *READ_ONLY),
    "req.chunked": ("int", *NUMBER), "req.range": ("NoneType", *READ_ONLY), "req.clength": ("int", *READ_ONLY),
    "req.remaining": ("int", *READ_ONLY), "req.read_length": ("int", *READ_ONLY), "req.read_body": ("int", *READ_ONLY),
    "req.read_chunked": ("int", *READ_ONLY), "req.expecting_100": ("int", *READ_ONLY),
    "req.headers_in": ("mp_table", *READ_ONLY), "req.headers_out": ("mp_table", *READ_ONLY),
    "req.err_headers_out": ("mp_table", *READ_ONLY), "req.subprocess_env": ("mp_table", *READ_ONLY),
    "req.notes": ("mp_table", *READ_ONLY), "req.phase": ("str", *READ_ONLY), "req.interpreter": ("str", *READ_ONLY),
    "req.content_type": ("str", *NULLABLE), "req._content_type_set": ("int", *READ_ONLY),
    "req.content_languages": ("tuple", "done", "TypeError", "TypeError", "done"), "req.handler": ("str", *NULLABLE),
    "req.content_encoding": ("NoneType", *NULLABLE), "req.vlist_validator": ("NoneType", *READ_ONLY),
    "req.user": ("NoneType", *NULLABLE), "req.ap_auth_type": ("NoneType", *NULLABLE), "req.no_cache": ("int", *NUMBER),
    "req.no_local_copy": ("int", *NUMBER), "req.unparsed_uri": ("str", *READ_ONLY), "req.uri": ("str", *TEXT),
    "req.filename": ("str", *NULLABLE), "req.canonical_filename": ("str", *NULLABLE),
    "req.path_info": ("str", *NULLABLE),
    "req.args": ("str", *NULLABLE), "req.finfo": ("mp_finfo", "done", "TypeError", "TypeError", "AttributeError"),
    "req.parsed_uri": ("tuple", *READ_ONLY), "req.used_path_info": ("int", *NUMBER),
    "req.eos_sent": ("int", *READ_ONLY),
    "req.useragent_addr": ("tuple", *READ_ONLY), "req.useragent_ip": ("str", *READ_ONLY),
    "req.extension": ("NoneType", *READ_ONLY), "req.hlist": ("mp_hlist", *READ_ONLY),
    "req._bytes_queued": ("int", *READ_ONLY), "req._request_rec": ("PyCapsule", *READ_ONLY),

    "hlist.handler": ("str", *READ_ONLY), "hlist.silent": ("int", *READ_ONLY), "hlist.is_location": ("int", *READ_ONLY),
    "hlist.directory": ("str", *READ_ONLY), "hlist.parent": ("NoneType", *READ_ONLY),
    "hlist.location": ("NoneType", *READ_ONLY),

    "finfo.fname": ("str", *READ_ONLY), "finfo.filetype": ("int", *READ_ONLY), "finfo.valid": ("int", *READ_ONLY),
    "finfo.protection": ("int", *READ_ONLY), "finfo.user": ("int", *READ_ONLY), "finfo.group": ("int", *READ_ONLY),
    "finfo.size": ("int", *READ_ONLY), "finfo.inode": ("int", *READ_ONLY), "finfo.device": ("int", *READ_ONLY),
    "finfo.nlink": ("int", *READ_ONLY), "finfo.atime": ("int", *READ_ONLY), "finfo.mtime": ("int", *READ_ONLY),
    "finfo.ctime": ("int", *READ_ONLY), "finfo.name": ("NoneType", *READ_ONLY),

    "conn.base_server": ("mp_server", *READ_ONLY), "conn.local_addr": ("tuple", *READ_ONLY),
    "conn.client_addr": ("tuple", *READ_ONLY), "conn.client_ip": ("str", *READ_ONLY),
    "conn.local_ip": ("str", *READ_ONLY), "conn.remote_host": ("NoneType", *READ_ONLY),
    "conn.remote_logname": ("NoneType", *READ_ONLY), "conn.local_host": ("NoneType", *READ_ONLY),
    "conn.aborted": ("int", *READ_ONLY), "conn.keepalive": ("int", *NUMBER),
    "conn.double_reverse": ("int", *READ_ONLY), "conn.keepalives": ("int", *READ_ONLY), "conn.id": ("int", *READ_ONLY),
    "conn.notes": ("mp_table", *READ_ONLY), "conn.hlist": ("NoneType", *READ_ONLY),
    "conn._conn_rec": ("PyCapsule", *READ_ONLY),

    "server.defn_name": ("NoneType", *READ_ONLY), "server.defn_line_number": ("int", *READ_ONLY),
    "server.server_admin": ("str", *READ_ONLY), "server.server_hostname": ("str", *READ_ONLY),
    "server.names": ("tuple", *READ_ONLY), "server.wild_names": ("tuple", *READ_ONLY),
    "server.port": ("int", *READ_ONLY), "server.error_fname": ("str", *READ_ONLY),
    "server.loglevel": ("int", *READ_ONLY), "server.is_virtual": ("int", *READ_ONLY),
    "server.timeout": ("float", *READ_ONLY), "server.keep_alive_timeout": ("float", *READ_ONLY),
    "server.keep_alive_max": ("int", *READ_ONLY), "server.keep_alive": ("int", *READ_ONLY),
    "server.path": ("NoneType", *READ_ONLY), "server.pathlen": ("int", *READ_ONLY),
    "server.limit_req_line": ("int", *READ_ONLY), "server.limit_req_fieldsize": ("int", *READ_ONLY),
    "server.limit_req_fields": ("int", *READ_ONLY), "server.my_generation": ("int", *READ_ONLY),
    "server.restart_time": ("float", *READ_ONLY), "server.next": ("NoneType", *READ_ONLY),
    "server._server_rec": ("PyCapsule", *READ_ONLY),
}


def ask(httpd: Httpd, query: str, names: list[str] | None = None) -> Any:
    r = httpd.get(f"/page.txt?{query}", {"X-Names": ",".join(names or [])})
    assert r.status == 200, r.text
    return eval(r.text)


@pytest.mark.parametrize("prefix", ["req", "conn", "server", "hlist", "finfo"])
def test_every_member_has_its_type_and_may_be_set_or_not(httpd: Httpd, prefix: str) -> None:
    names = [name for name in MEMBERS if name.startswith(f"{prefix}.")]
    found = ask(httpd, "probes", names)
    assert {name: tuple(found[name]) for name in names} == {name: MEMBERS[name] for name in names}


def test_a_request_and_a_server_take_any_other_attribute(httpd: Httpd) -> None:
    kept = [False, "AttributeError", "AttributeError", "done", 1, "done"]
    refused = [False, "AttributeError", "AttributeError", "AttributeError"]
    assert ask(httpd, "others") == {"req": kept, "server": kept, "conn": refused, "hlist": refused, "finfo": refused}


def test_a_missing_attribute_is_told_with_the_type(httpd: Httpd) -> None:
    for kind, text in zip(("request", "conn", "server", "hlist", "finfo"), ask(httpd, "what_is_said"), strict=True):
        assert f"mp_{kind}" in text and "shop" in text


def test_which_members_may_be_none(httpd: Httpd) -> None:
    names = [name.removeprefix("req.") for name, row in MEMBERS.items() if row[1:] == NULLABLE]
    assert ask(httpd, "none_for", names) == names


def test_objects_stay_the_same(httpd: Httpd) -> None:
    assert ask(httpd, "same_object") == [True] * 14


def test_bytes_may_be_given_where_text_is(httpd: Httpd) -> None:
    assert ask(httpd, "bytes_are_text") == ["text/x-own", "\xe9", True, "a=b"]


def test_numbers_that_do_not_fit_are_refused(httpd: Httpd) -> None:
    assert ask(httpd, "limits") == ["OverflowError", "OverflowError", "done", 1, "ValueError", "ValueError"]


def test_old_names_of_addresses_work_and_warn(httpd: Httpd) -> None:
    assert case(httpd, "old_names") == [True, True]
    httpd.claim(r"\[python:warn\].*MP0050: connection\.remote_addr is deprecated: write connection\.client_addr")
    httpd.claim(r"\[python:warn\].*MP0050: connection\.remote_ip is deprecated: write connection\.client_ip")


FILES["cases.py"] += r'''
def old_names(req):
    conn = req.connection
    return [conn.remote_addr == conn.client_addr, conn.remote_ip == conn.client_ip]
'''
