"""mod_python.httpdconf: objects, their text for httpd, and the Python that makes them again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mod_python import _mime_types, httpdconf

TREE = Path(__file__).resolve().parents[2]

names: dict[str, Any] = {}
exec("from mod_python.httpdconf import *", names)

# Of the specification, in its order: those of one line, each with a constructor of one value.
DIRECTIVES = """
    AddHandler AddOutputFilter AddType AuthBasicAuthoritative AuthBasicProvider AuthType AuthName CustomLog
    DirectoryIndex DocumentRoot ErrorLog KeepAliveTimeout Listen LoadModule LogLevel LogFormat LockFile
    MaxConnectionsPerChild MaxClients MaxRequestsPerChild MaxSpareServers MaxSpareThreads MaxThreadsPerChild
    MinSpareThreads Mutex NameVirtualHost
    NumServers Options PidFile PythonAuthenHandler PythonAuthzHandler PythonCleanupHandler PythonConnectionHandler
    PythonDebug PythonHandler PythonAccessHandler PythonPostReadRequestHandler PythonTransHandler PythonFixupHandler
    PythonImport PythonPath PythonOutputFilter PythonOption Require SetHandler ServerAdmin ServerName ServerPath
    ServerRoot StartServers StartThreads ThreadsPerChild Timeout TypesConfig PythonInterpPerDirectory
    PythonInterpPerDirective
""".split()
SECTIONS = "Directory Files IfModule Location VirtualHost".split()


@pytest.mark.parametrize("name", DIRECTIVES)
def test_a_directive_is_its_name_and_its_value(name: str) -> None:
    directive = names[name]("a b")
    assert isinstance(directive, httpdconf.Directive)
    assert str(directive) == f"{name} a b\n"
    assert repr(directive) == f"{name}('a b')"


def test_there_is_a_class_for_every_directive_of_ours() -> None:
    tables = "".join(file.read_text() for file in (TREE / "src" / "config").glob("*.c"))
    ours = set(re.findall(r'\(\s*"((?:Python|WSGI)\w+)",', tables))
    assert ours and {name for name in ours if not issubclass(names[name], httpdconf.Directive)} == set()


def test_values_may_be_any_objects_and_two_have_defaults() -> None:
    assert str(httpdconf.Listen(8080)) == "Listen 8080\n"
    assert str(httpdconf.Directive("ServerTokens", "Prod")) == "ServerTokens Prod\n"
    assert str(httpdconf.Directive("RewriteEngine", "")) == "RewriteEngine\n"
    assert str(httpdconf.PythonInterpPerDirectory()) == "PythonInterpPerDirectory Off\n"
    assert str(httpdconf.PythonInterpPerDirective()) == "PythonInterpPerDirective Off\n"


def test_backslashes_become_slashes_where_they_are_no_escapes() -> None:
    assert str(httpdconf.DocumentRoot(r"C:\site")) == "DocumentRoot C:/site\n"
    assert str(httpdconf.Directive("X", r"a\b", flipslash=0)) == "X a\\b\n"
    assert str(httpdconf.LogFormat(r'"\"%r\"" short')) == 'LogFormat "\\"%r\\"" short\n'
    assert str(httpdconf.PythonPath(r"['a\b']")) == "PythonPath ['a\\b']\n"
    assert str(httpdconf.Directory(r"C:\site")) == "<Directory C:/site>\n</Directory>\n"
    assert str(httpdconf.ContainerTag("Proxy", r"a\b", [], flipslash=0)) == "<Proxy a\\b>\n</Proxy>\n"


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_has_its_items_two_blanks_in(name: str) -> None:
    section = names[name]("x", httpdconf.Require("all denied"), httpdconf.Comment("one\ntwo"))
    assert str(section) == f"<{name} x>\n  Require all denied\n  # one\n  # two\n</{name}>\n"
    assert str(eval(repr(section), names)) == str(section)


def test_sections_and_containers_nest_to_any_depth() -> None:
    site = httpdconf.Container(
        httpdconf.VirtualHost("*:80",
                              httpdconf.Container(httpdconf.ServerName("a"), httpdconf.Container(
                                  httpdconf.Location("/x", httpdconf.SetHandler("mod_python")))),
                              httpdconf.ServerPath("/b")),
        httpdconf.Listen(80))
    assert str(site) == ("<VirtualHost *:80>\n  ServerName a\n  <Location /x>\n    SetHandler mod_python\n"
                         "  </Location>\n  ServerPath /b\n</VirtualHost>\nListen 80\n")
    assert repr(eval(repr(site), names)) == repr(site)


def test_a_container_may_depend_on_the_version() -> None:
    listen = httpdconf.Listen(80)
    always = httpdconf.Container(listen, only_if="mod_python.version.HTTPD_VERSION.startswith('2.4')")
    assert str(always) == "Listen 80\n"
    never = httpdconf.Container(listen, only_if="mod_python.version.version < '4'")
    assert (str(never), str(httpdconf.Container(never, listen))) == ("", "Listen 80\n")
    assert repr(never) == "Container(\n    Listen(80),\n    only_if=\"mod_python.version.version < '4'\",\n)"


def test_a_container_takes_items_only() -> None:
    container = httpdconf.Container()
    container.append(httpdconf.Listen(80))
    container.append(httpdconf.Container(httpdconf.Comment("x")))
    assert str(container) == "Listen 80\n# x\n"
    for wrong in ("Listen 80", None, 80, httpdconf.Listen):
        with pytest.raises(TypeError, match="a container takes Directive, Comment, Container and ContainerTag"):
            container.append(wrong)     # type: ignore[arg-type]
        with pytest.raises(TypeError, match="a container takes"):
            httpdconf.Location("/", wrong)      # type: ignore[arg-type]


@pytest.mark.parametrize("make", [
    lambda: httpdconf.Listen("80\nLoadModule x y"), lambda: httpdconf.Directive("A\n", 1),
    lambda: httpdconf.Location("/>\n")])
def test_a_line_break_would_be_another_directive(make: Any) -> None:
    with pytest.raises(ValueError, match="line break"):
        make()


def test_quotes_stand_around_blanks() -> None:
    assert [httpdconf.quote_if_space(text) for text in ("a", "a b", "")] == ["a", '"a b"', ""]


words = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",)))
leaves = st.one_of(
    st.builds(httpdconf.Listen, st.one_of(st.integers(), words)), st.builds(httpdconf.PythonPath, words),
    st.builds(httpdconf.Directive, st.just("X"), words, st.sampled_from([0, 1])),
    st.builds(httpdconf.Comment, st.text()))
items = st.recursive(leaves, lambda inner: st.one_of(
    st.lists(inner, max_size=3).map(lambda some: httpdconf.Container(*some)),
    st.lists(inner, max_size=3).map(lambda some: httpdconf.Container(*some, only_if="1 > 2")),
    st.tuples(words, st.lists(inner, max_size=3)).map(lambda pair: httpdconf.Location(pair[0], *pair[1])),
    st.tuples(words, st.lists(inner, max_size=3), st.sampled_from([0, 1])).map(
        lambda three: httpdconf.ContainerTag("X", *three))), max_leaves=8)


@given(items)
def test_repr_makes_the_object_again(item: Any) -> None:
    again = eval(repr(item), names)
    assert (type(again), repr(again), str(again)) == (type(item), repr(item), str(item))


def test_write_basic_config_makes_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "my server"
    script = httpdconf.write_basic_config(
        str(root), "127.0.0.1:8001", pythonpath=["/srv/a", "", "/srv/b b"], pythonoptions=["one 1", "two 2"],
        mp_comments=["mine"])
    assert script == str(root / "conf" / "httpd_conf.py")
    assert sorted(path.name for path in root.iterdir()) == ["conf", "logs", "public"]
    assert "text/css" in (root / "conf" / "mime.types").read_text()
    assert capsys.readouterr().err == ""
    exec(compile(Path(script).read_text(), script, "exec"), {})
    text = capsys.readouterr().out
    for line in ("Listen 127.0.0.1:8001", "ServerName localhost:8001", f'ServerRoot "{root}"', "# mine",
                 "PythonPath \"['/srv/a', '/srv/b b'] + sys.path\"", "PythonOption one 1", "PythonOption two 2",
                 f'<Directory "{root}/public">', "  PythonHandler mod_python.publisher"):
        assert f"{line}\n" in text


def test_write_basic_config_leaves_a_script_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = httpdconf.write_basic_config(str(tmp_path), conf="etc", logs="log", htdocs="www", conf_name="mine.py")
    assert script == str(tmp_path / "etc" / "mine.py")
    assert capsys.readouterr().err == f"mod_python: warning: {tmp_path} exists already\n"
    Path(script).write_text("# mine\n")
    assert httpdconf.write_basic_config(str(tmp_path), conf="etc", conf_name="mine.py") is None
    assert capsys.readouterr().err == f"mod_python: {script} exists and stays as it is\n"
    assert Path(script).read_text() == "# mine\n"
    assert httpdconf.write_basic_config(str(tmp_path), conf="etc", conf_name="mine.py", replace_config=True) == script
    assert "Container(" in Path(script).read_text()


def test_write_basic_config_makes_no_directories_if_told_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        httpdconf.write_basic_config(str(tmp_path / "none"), createdirs=False)
    assert not (tmp_path / "none").exists()


def test_types_of_files_are_known_also_without_a_table_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_mime_types, "_places", list)
    lines = dict(line.split(" ", 1) for line in _mime_types.text().splitlines())
    assert "html" in lines["text/html"].split() and "woff2" in lines["font/woff2"].split()
