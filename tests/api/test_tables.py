"""apache.table and the live tables of a request (spec: API, section 4)."""

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd

CONF = CASES_CONF

FILES = {"cases.py": CASES + r'''
def table(*pairs):
    t = apache.table()
    for key, value in pairs:
        t.add(key, value)
    return t

def getting(req):
    t = table(("Key", "1"), ("other", "2"), ("KEY", "3"))
    return [t["key"], t["Other"], raised(lambda: t["absent"])[0], t.get("key"), t.get("absent"), t.get("absent", 5),
            "kEy" in t, "absent" in t, t.has_key("KEY"), t.has_key("x"), len(t), bool(t), bool(apache.table())]

def setting(req):
    t = table(("a", "1"), ("A", "2"), ("b", "3"))
    t["a"] = "4"
    t["c"] = b"5"
    t[b"d"] = "6"
    return [t.items(), raised(t.__setitem__, "x", 5)[0], raised(t.__setitem__, 5, "x")[0],
            raised(t.__setitem__, "x", None)[0], raised(t.__setitem__, "x", "a\0b")[0], raised(t.add, "a\0b", "x")[0]]

def deleting(req):
    t = table(("a", "1"), ("A", "2"), ("b", "3"))
    del t["a"]
    del t["absent"]
    kept = t.items()
    cleared = t.clear()
    return [kept, cleared, t.items()]

def listing(req):
    t = table(("a", "1"), ("b", "2"), ("A", "3"))
    return [t.keys(), t.values(), t.items(), list(t), list(t.iterkeys()), list(t.itervalues()), list(t.iteritems()),
            dict(t), type(t.keys()).__name__]

def changing_while_iterating(req):
    found = []
    for change in (lambda t: t.add("z", "1"), lambda t: t.clear(), lambda t: t.__delitem__("a")):
        for walk in ("__iter__", "iterkeys", "itervalues", "iteritems"):
            t = table(("a", "1"), ("b", "2"), ("c", "3"))
            iterator = getattr(t, walk)()
            next(iterator)
            change(t)
            found.append(raised(next, iterator)[0])
    return sorted(set(found))

def copies(req):
    t = table(("a", "1"), ("a", "2"))
    other = t.copy()
    other["a"] = "3"
    return [t.items(), other.items(), str(type(other))]

def defaults(req):
    t = apache.table()
    return [t.setdefault("a", "1"), t.setdefault("A", "2"), t.setdefault("b"), t.setdefault("c", b"3"), t.items(),
            raised(t.setdefault, "d", 5)[0]]

def updating(req):
    t = table(("a", "1"), ("a", "2"))
    t.update({"a": "3", "b": None, 5: 6})
    class Odd:
        def keys(self):
            raise LookupError("odd keys")
    class OddItem:
        def keys(self):
            return ["x"]
        def __getitem__(self, key):
            raise LookupError("odd item")
    return [sorted(t.items()), raised(t.update, None)[0], raised(t.update, [("a", "b")])[0], raised(t.update, Odd()),
            raised(t.update, OddItem())]

def popping(req):
    t = apache.table()
    for number in range(3000):
        t.add("key%d" % number, "v")
    seen = set()
    while t:
        seen.add(t.popitem()[0])
    other = table(("a", "1"), ("a", "2"))
    return [len(seen), raised(t.popitem)[0], other.pop("A"), other.pop("a", "none"), raised(other.pop, "a")[0]]

def comparing(req):
    t = table(("a", "1"), ("B", "2"))
    return [t == {"a": "1", "B": "2"}, t == {"A": "1", "B": "2"}, t == table(("B", "2"), ("a", "1")), t != {}, t == 5,
            raised(lambda: t < t)[0], raised(hash, t)[0]]

def showing(req):
    t = table(("a", "it's"), ("b", 'say "x", y'))
    return [repr(apache.table()), repr(t), str(t) == repr(t), eval(repr(t)) == dict(t), repr(table(("x", b"\xe9\xff")))]

def making(req):
    return [apache.table({"a": 1, 2: None}).items(), apache.table([("a", "1"), ("A", "2")]).items(),
            apache.table(apache.table({"a": "1"})).items(), apache.table(items={"a": "1"}).items(),
            raised(apache.table, 5)[0], raised(apache.table, [("a",)]), raised(apache.table, [5])[0],
            raised(lambda: apache.table(wrong=1))[0], apache.make_table is apache.table]

def subclassing(req):
    class Loud(apache.table):
        def __getitem__(self, key):
            return apache.table.__getitem__(self, key).upper()
    return [Loud({"a": "b"})["a"], isinstance(Loud(), apache.table)]

def live(req):
    req.headers_out["X-One"] = "1"
    req.headers_out.add("X-One", "2")
    req.headers_out["X-Gone"] = "x"
    del req.headers_out["x-gone"]
    req.err_headers_out["X-Err"] = "e"
    return [req.headers_out["x-one"], req.headers_in["x-repeated"], req.headers_in.get("absent")]

def null_values(req):
    values = []
    for name, value in req.subprocess_env.items():
        values.append((name, value is None))
    return [req.early, repr(req.subprocess_env).startswith("{")]

def post_read(req):
    req.add_common_vars()
    env = req.subprocess_env
    env.values(), env.items(), repr(env)
    req.early = [env.get("SCRIPT_FILENAME"), "SCRIPT_FILENAME" in env]
    return apache.OK

def own_type_cannot_be_made(req):
    return [raised(type(req))[0], raised(type(req.server))[0], raised(type(req.connection))[0]]

def crossing_threads(req):
    import threading
    t = apache.table()
    def work():
        for number in range(500):
            t.add("k%d" % (number % 7), "v")
            t.items(), t.get("k1"), len(t)
            if number % 50 == 0:
                t.clear()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return len(t) < 2500
'''}

CONF += "PythonPostReadRequestHandler cases::post_read\n"


@pytest.mark.parametrize(("name", "result"), [
    ("getting", [["1", "3"], "2", "KeyError", "1", None, 5, True, False, 1, 0, 3, True, False]),
    ("setting", [[("a", "4"), ("b", "3"), ("c", "5"), ("d", "6")], "TypeError", "TypeError", "TypeError", "ValueError",
                 "ValueError"]),
    ("deleting", [[("b", "3")], None, []]),
    ("listing", [["a", "b", "A"], ["1", "2", "3"], [("a", "1"), ("b", "2"), ("A", "3")], ["a", "b", "A"],
                 ["a", "b", "A"], ["1", "2", "3"], [("a", "1"), ("b", "2"), ("A", "3")],
                 {"a": ["1", "3"], "b": "2", "A": ["1", "3"]}, "list"]),
    ("changing_while_iterating", ["RuntimeError"]),
    ("copies", [[("a", "1"), ("a", "2")], [("a", "3")], "<class 'mp_table'>"]),
    ("defaults", ["1", "1", "", b"3", [("a", "1"), ("b", ""), ("c", "3")], "TypeError"]),
    ("updating", [[("5", "6"), ("a", "3"), ("b", "None")], "AttributeError", "AttributeError",
                  ("LookupError", "odd keys"), ("LookupError", "odd item")]),
    ("popping", [3000, "KeyError", ["1", "2"], "none", "KeyError"]),
    ("comparing", [True, False, True, True, False, "TypeError", "TypeError"]),
    ("subclassing", ["B", True]),
    ("own_type_cannot_be_made", ["TypeError"] * 3),
    ("crossing_threads", True),
])
def test_tables(httpd: Httpd, name: str, result: object) -> None:
    assert case(httpd, name) == result


def test_tables_show_like_dicts_in_reverse(httpd: Httpd) -> None:
    empty, full, same, readable, odd = case(httpd, "showing")
    assert empty == "{}" and same and readable
    assert full.index("'b'") < full.index("'a'") and "\\xe9\\xff" in odd


def test_tables_are_made_from_mappings_and_pairs(httpd: Httpd) -> None:
    mapping, pairs, table, keyword, number, short, wrong, unknown, alias = case(httpd, "making")
    assert mapping == [("a", "1"), ("2", "None")] and pairs in ([("a", "2")], [("A", "2")])
    assert table == keyword == [("a", "1")]
    assert number == unknown == "TypeError" and short[0] == "ValueError" and "0" in short[1] and alias
    assert wrong in ("TypeError", "ValueError")


def test_header_tables_are_live(httpd: Httpd) -> None:
    with httpd.raw() as client:
        r = client.send(b"GET /case/live HTTP/1.1\r\nHost: x\r\nX-Repeated: a\r\nX-Repeated: b\r\n\r\n").response()
    assert eval(r.text) == [["1", "2"], "a, b", None]
    assert r.headers.get_all("X-One") == ["1", "2"] and "X-Gone" not in r.headers and r.headers["X-Err"] == "e"


def test_null_values_are_none(httpd: Httpd) -> None:
    early, shown = case(httpd, "null_values")
    assert early == [None, False] and shown
