"""What a table does at the edges of a mapping: other types and mappings, copies, NULL values (spec: API, section 4)."""

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd

CONF = CASES_CONF + "PythonPostReadRequestHandler cases::post_read\n"

FILES = {"cases.py": CASES + r'''
import copy, pickle

def table(*pairs):
    t = apache.table()
    for key, value in pairs:
        t.add(key, value)
    return t

def order_is_not_defined(req):
    t, other = table(("a", "1")), table(("a", "1"))
    return [raised(lambda: t < other)[0], raised(lambda: t <= other)[0], raised(lambda: t > {})[0],
            raised(lambda: t >= other)[0], raised(lambda: {t})[0], raised(lambda: {t: 1})[0]]

def a_mapping(req):
    t = table(("a", "1"), ("b", "2"))
    def keywords(**given):
        return given
    match t:
        case {"A": value}:
            matched = value
        case _:
            matched = None
    return [matched, keywords(**t), {**t}, sorted(t), list(reversed(list(t))),
            max(t), "a" in list(t), [*t]]

def keys_of_other_types(req):
    t = table(("a", "1"))
    return [raised(lambda: t[5])[0], raised(lambda: 5 in t)[0], raised(t.get, 5)[0], raised(t.has_key, None)[0],
            raised(t.__delitem__, 5)[0], raised(t.setdefault, 5)[0], raised(t.pop, 5)[0], t[b"a"], b"A" in t,
            t.get(b"a"), t.setdefault(b"a", "x"), t.pop(b"a"), raised(lambda: t["a\0b"])[0],
            raised(lambda: "a\0b" in t)[0], raised(t.add, "a", "b\0c")[0]]

def first_spelling(req):
    t = table(("Content-Type", "1"))
    t["CONTENT-TYPE"] = "2"
    t.add("content-type", "3")
    return t.items()

def replaced_in_place(req):
    t = table(("a", "1"), ("b", "2"), ("A", "3"), ("c", "4"))
    t["a"] = "5"
    return t.items()

def repeated(req):
    t = table(*(("k", str(number)) for number in range(5)))
    return [t["K"], t.get("k"), t.values(), len(t), list(t.iteritems())[-1], t.setdefault("k", "x")]

def deterministic_pops(req):
    def build():
        return table(*(("key%d" % (number * 7 % 100), "v") for number in range(100)))
    first, second = build(), build()
    return [[first.popitem() for _ in range(100)] == [second.popitem() for _ in range(100)], len(first), first.items()]

def copies(req):
    t = table(("a", "1"), ("a", "2"))
    shallow, deep = copy.copy(t), None
    shallow.add("b", "3")
    return [t.items(), shallow.items(), type(shallow).__name__, raised(copy.deepcopy, t)]

def pickling(req):
    found = [raised(pickle.dumps, t) for t in (apache.table(), req.headers_in, apache.table({"a": "b"}))]
    return found + [raised(pickle.dumps, apache.table(), protocol) for protocol in (0, 2)]

def updates(req):
    t = table(("a", "1"), ("A", "2"), ("b", "3"))
    t.update(table(("A", "4"), ("c", "5"), ("c", "6")))
    t.update({b"d": b"7", 8: 9.5, None: None})
    t.update({})
    t.update(t)
    return [sorted(t.items()), raised(lambda: t.update())[0], raised(lambda: t.update({}, {}))[0],
            raised(lambda: t.update(a="b"))[0]]

def update_errors(req):
    class Keys:
        def __init__(self, keys):
            self.result = keys
        def keys(self):
            return self.result
        def __getitem__(self, key):
            return "value"
    def failing():
        yield "a"
        raise LookupError("from the iterator")
    class BadText:
        def __str__(self):
            raise LookupError("from str()")
    t = apache.table()
    return [raised(t.update, Keys(failing())), t.items(), raised(t.update, Keys(5))[0],
            raised(t.update, {"x": BadText()}), raised(t.update, {BadText(): "x"}), raised(t.update, Keys(["y"])),
            t.items()]

def made_of(req):
    return [apache.table({"a": 1, "A": 2}).items(), apache.table([("a", "1"), ["b", b"2"], "c3"]).items(),
            apache.table(iter([("a", "1")])).items(), apache.table(()).items(), raised(apache.table, None)[0],
            raised(apache.table, [("a", "b"), ("c", "d", "e")]), raised(apache.table, [("a", "b"), 5])[0],
            raised(apache.table, {}, {})[0], apache.table(req.headers_in) == req.headers_in]

def compared(req):
    t = table(("a", "1"), ("a", "2"))
    return [t == {"a": ["1", "2"]}, t == {"a": "1"}, t == table(("a", "1"), ("a", "2")),
            t != table(("a", "2"), ("a", "1")),
            t == None, t != [], apache.table() == {}, {} == apache.table()]

def subclass(req):
    class Counting(apache.table):
        def __init__(self, first, more=None):
            super().__init__({"first": first})
            self.more = more
        def __missing__(self, key):
            return "missing"
        def keys(self):
            return ["only"]
    counting = Counting("1", more=2)
    return [type(counting).__name__, counting["first"], counting.more, counting.keys(), list(counting),
            type(counting.copy()).__name__, isinstance(counting, apache.table)]

def odd_text(req):
    t = table((b"k\xff", b"v\xfe"), ("\u20ac", "\u20ac"))
    return [r"'k\xff': 'v\xfe'" in repr(t), [(ascii(key), ascii(value)) for key, value in t.items()],
            "\xe2\x82\xac" in t, "\u20ac" in t]

def cleared_while_iterating(req):
    t = table(("a", "1"), ("b", "2"))
    iterator = t.iteritems()
    t.clear()
    first = raised(next, iterator)
    t.update({"a": "1", "b": "2"})
    iterator = iter(t)
    next(iterator)
    t["a"] = "changed, not more"
    return [first[0], next(iterator), list(iterator), iter(iterator) is iterator]

# NULL values: httpd puts one into subprocess_env for a request that has no file yet.

def post_read(req):
    if req.args == "null":
        req.add_common_vars()
        t, name = req.subprocess_env, "SCRIPT_FILENAME"
        other = t.copy()
        req.seen = [t[name], name in t, t.get(name), t.get(name, "default"), t.has_key(name), (name, None) in t.items(),
                    None in t.values(), "'SCRIPT_FILENAME': None" in repr(t), dict(t)[name], name in t.keys(),
                    list(t.itervalues()).count(None) == 1, other[name], t == other, t.setdefault(name, "set"), t[name],
                    other.pop(name), len(other) + 1 == len(t)]
    return apache.OK

def null_values(req):
    return req.seen
'''}


@pytest.mark.parametrize(("name", "result"), [
    ("order_is_not_defined", ["TypeError"] * 6),
    ("a_mapping", ["1", {"a": "1", "b": "2"}, {"a": "1", "b": "2"}, ["a", "b"], ["b", "a"], "b", True, ["a", "b"]]),
    ("keys_of_other_types", ["TypeError"] * 7 + ["1", True, "1", "1", "1", "ValueError", "ValueError", "ValueError"]),
    ("first_spelling", [("Content-Type", "2"), ("content-type", "3")]),
    ("replaced_in_place", [("a", "5"), ("b", "2"), ("c", "4")]),
    ("repeated", [["0", "1", "2", "3", "4"], "0", ["0", "1", "2", "3", "4"], 5, ("k", "4"), "0"]),
    ("deterministic_pops", [True, 0, []]),
    ("compared", [True, False, True, True, False, True, True, True]),
    ("subclass", ["Counting", "1", 2, ["only"], ["first"], "mp_table", True]),
    ("cleared_while_iterating", ["RuntimeError", "b", [], True]),
    ("null_values?null", [None, False, None, "default", 0, True, True, True, None, True, True, None, True, "set", "set",
                          None, True]),
])
def test_rows(httpd: Httpd, name: str, result: object) -> None:
    assert case(httpd, name) == result


def test_copies_are_shallow_and_of_the_plain_type(httpd: Httpd) -> None:
    first, second, kind, deep = case(httpd, "copies")
    assert first == [("a", "1"), ("a", "2")] and second == [*first, ("b", "3")] and kind == "mp_table"
    assert deep is None or deep[0] == "TypeError"


def test_pickling_is_refused_with_a_way_out(httpd: Httpd) -> None:
    for error in case(httpd, "pickling"):
        assert error[0] == "TypeError" and "pickle" in error[1] and "items()" in error[1]


def test_updates_take_text_of_anything_and_replace(httpd: Httpd) -> None:
    items, none, two, keyword = case(httpd, "updates")
    assert items == [("8", "9.5"), ("A", "4"), ("None", "None"), ("b", "3"), ("c", "5"), ("c", "6"), ("d", "7")]
    assert none == two == keyword == "TypeError"


def test_errors_of_what_is_given_pass_through_unchanged(httpd: Httpd) -> None:
    iterator, kept, number, value, key, fine, items = case(httpd, "update_errors")
    assert iterator == ("LookupError", "from the iterator") and kept == [("a", "value")] and number == "TypeError"
    assert value == key == ("LookupError", "from str()") and fine is None and items == [("a", "value"), ("y", "value")]


def test_what_a_table_is_made_of(httpd: Httpd) -> None:
    mapping, pairs, iterator, nothing, none, long, number, two, headers = case(httpd, "made_of")
    assert mapping == [("a", "2")] and pairs == [("a", "1"), ("b", "2"), ("c", "3")] and iterator == [("a", "1")]
    assert nothing == [] and none == two == "TypeError" and number in ("TypeError", "ValueError") and headers is True
    assert long[0] == "ValueError" and "1" in long[1] and "3" in long[1]


def test_odd_bytes_are_shown_and_read(httpd: Httpd) -> None:
    shown, items, as_bytes, there = case(httpd, "odd_text")
    assert shown and items == [(ascii("k\xff"), ascii("v\xfe")), (ascii("\u20ac"), ascii("\u20ac"))]
    assert as_bytes and there
