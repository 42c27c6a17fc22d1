"""What TARGET is, by names and texts alone (tests/command has those that it refuses)."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from mod_python import _users
from mod_python._serve_target import Target, Unclear, find

TEXTS = {
    "a.wsgi": "raise SystemExit", "app.py": "def application(e, s): ...", "hello.py": "async def handler(req): ...",
    "imported.py": "try:\n    from x import y as handler\nexcept ImportError:\n    pass",
    "assigned.py": "if True:\n    (application, x), y = make()", "annotated.py": "application: object = 1",
    "inner.py": "def f():\n    handler = 1\nclass C:\n    def application(self): ...\nx = [handler for handler in []]",
    "page.psp": "text", "pages/index.psp": "", "pages/helper.py": "", "site/index.py": "", "other.txt": "",
    "pack/__init__.py": "", "pack/web.py": "app = 1", "star.py": "from x import *",
    "lazy.py": "def __getattr__(name): ...", "dynamic.py": "globals()['app'] = 1",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in TEXTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("text", "kind"), [
    ("a.wsgi", "wsgi"), ("app.py", "wsgi"), ("assigned.py", "wsgi"), ("annotated.py", "wsgi"), ("hello.py", "handler"),
    ("imported.py", "handler"), ("page.psp", "psp"), ("pages", "psp"), ("pages/", "psp"), ("site", "publisher"),
    ("./site/../hello.py", "handler"),
])
def test_files_and_directories_tell_what_they_are(here: Path, text: str, kind: str) -> None:
    assert find(text) == Target(kind, Path(here, text).resolve())


def test_names_inside_of_functions_and_classes_do_not_count(here: Path) -> None:
    with pytest.raises(Unclear, match="has neither"):
        find("inner.py")


@pytest.mark.parametrize(("text", "kind"), [
    ("inner.py", "wsgi"), ("inner.py", "handler"), ("other.txt", "wsgi"), ("other.txt", "psp"), ("pages", "publisher"),
    ("site", "psp"),
])
def test_what_is_said_counts(here: Path, text: str, kind: str) -> None:
    assert find(text, kind) == Target(kind, here / text)


@pytest.mark.parametrize(("text", "kind", "says"), [
    ("site", "handler", "--as handler takes a file"), ("site", "wsgi", "takes a file, or module:callable"),
    ("hello.py", "publisher", "takes a directory, such as "), ("other.txt", "handler", "ends in .py"),
    ("pack.web:app", "handler", "neither a file nor a directory"),
])
def test_what_is_said_must_fit(here: Path, text: str, kind: str, says: str) -> None:
    with pytest.raises(Unclear, match=says):
        find(text, kind)


@pytest.mark.parametrize("text", [
    "app:application", "pack.web:app", "pack.web:app.inner", "star:any", "lazy:any", "dynamic:any", "pack:any"])
def test_a_callable_in_a_module_is_looked_for_but_not_imported(here: Path, text: str) -> None:
    module, _, name = text.partition(":")
    assert find(text) == Target("wsgi", here, module, name)
    assert find(text).directory == here


@pytest.mark.parametrize("text", ["pack.none:app", "app.inner:app", "pack.web:none", "none", "pack..web:app", "1a:b"])
def test_what_is_not_there_is_refused(here: Path, text: str) -> None:
    with pytest.raises(Unclear):
        find(text)


def test_a_user_reads_what_the_modes_let_it_read() -> None:
    with TemporaryDirectory() as name:      # pytest's own is for its user only
        file = Path(name).resolve() / "file"
        file.touch()
        file.parent.chmod(0o755)
        status = file.stat()
        nobody = _users.Account("x", "x", status.st_uid + 1, frozenset([status.st_gid + 1]))
        member = nobody._replace(gids=frozenset([status.st_gid]))
        owner = nobody._replace(uid=status.st_uid)
        for mode, who, readable in ((0o604, nobody, True), (0o640, nobody, False), (0o640, member, True),
                                    (0o604, member, False), (0o400, owner, True), (0o044, owner, False)):
            file.chmod(mode)
            assert _users.unreadable(who, file) == (None if readable else file)
        file.chmod(0o644)
        file.parent.chmod(0o700)
        assert _users.unreadable(nobody, file) == file.parent
        assert _users.unreadable(nobody, file.parent / "none") == file.parent
