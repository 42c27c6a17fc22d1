"""`mod_python serve` with targets other than a handler: a publisher directory, PSP pages, WSGI applications."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from httpd import wait_for
from serving import Serving
from test_serve import change


def write(site: Path, **files: str) -> Path:
    """NAME__py for NAME.py."""
    for name, text in files.items():
        file = site / name.replace("__", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return site


class TestPublisher:
    @pytest.fixture
    def site(self, tmp_path: Path) -> Path:
        write(tmp_path / "site" / "sub", index__py="def index():\n    return 'sub'\n", data__txt="below")
        write(tmp_path / "public", app__css="public css", page__css="public page")
        return write(tmp_path / "site", index__py="def index():\n    return 'home'\n",
                     page__py="import helper\n\ndef show(name='nobody'):\n    return f'{helper.WORD} {name}'\n",
                     helper__py="WORD = 'hello'\n", page__css="css", env__ini="data")

    def test_pages(self, site: Path) -> None:
        with Serving("site", cwd=site.parent) as serving:
            assert serving.said(r"/site \(publisher\) on http")
            assert serving.get("/").text == "home"
            assert serving.get("/page/show?name=ada").text == "hello ada"
            assert serving.get("/page.py/show").text == "hello nobody"
            assert serving.get("/sub/").text == "sub"
            assert [serving.get(path).status for path in ("/page.css", "/sub/data.txt", "/none")] == [404, 404, 404]
            change(site / "page.py", "def show():\n    return 'changed'\n")
            assert serving.get("/page/show").text == "changed"

    def test_a_changed_module_of_a_page(self, site: Path) -> None:
        with Serving("site", cwd=site.parent) as serving:
            assert serving.get("/page/show").text == "hello nobody"
            change(site / "helper.py", "WORD = 'good day'\n")
            wait_for(lambda: serving.get("/page/show").text == "good day nobody")

    def test_files_beside_the_pages(self, site: Path) -> None:
        with Serving("site", "--static", cwd=site.parent) as serving:
            assert serving.get("/").text == "home"
            assert serving.get("/page.css").text == "css"
            assert serving.get("/sub/data.txt").text == "below"
            assert serving.get("/sub/").text == "sub"
            assert serving.get("/page.py").status == 404      # its function index
            assert "WORD" not in serving.get("/helper.py").text

    def test_a_document_root(self, site: Path) -> None:
        write(site.parent / "public" / "docs", index__html="docs")
        with Serving("site", "--document-root", "public", "--alias", "/more", "public", cwd=site.parent) as serving:
            assert serving.get("/app.css").text == "public css"
            assert serving.get("/docs/").text == "docs"
            assert serving.get("/more/page.css").text == "public page"
            assert serving.get("/").text == "home"
            assert serving.get("/page/show").text == "hello nobody"
            assert serving.get("/../site/page.py").status in (400, 404)


class TestPsp:
    @pytest.fixture
    def site(self, tmp_path: Path) -> Path:
        write(tmp_path / "public", app__css="public css")
        return write(tmp_path / "site", index__psp="home <%= 1 + 1 %>", helper__py="WORD = 'hello'\n", page__css="css",
                     other__psp="<%\nimport helper\n%><%= helper.WORD %>")

    def test_pages(self, site: Path) -> None:
        with Serving("site", cwd=site.parent) as serving:
            assert serving.said(r"/site \(PSP\) on http")
            assert serving.get("/").text == "home 2"
            assert serving.get("/other.psp").text.strip() == "hello"
            assert [serving.get(path).status for path in ("/page.css", "/helper.py", "/none")] == [403, 403, 404]
            change(site / "index.psp", "changed <%= 2 + 2 %>")
            assert serving.get("/").text == "changed 4"

    def test_one_page_is_the_index(self, site: Path) -> None:
        with Serving("site/other.psp", cwd=site.parent) as serving:
            assert serving.get("/").text.strip() == "hello"
            assert serving.get("/index.psp").text == "home 2"

    def test_files_beside_the_pages(self, site: Path) -> None:
        with Serving("site", "--static", cwd=site.parent) as serving:
            assert serving.get("/").text == "home 2"
            assert serving.get("/page.css").text == "css"
            assert serving.get("/helper.py").status == 403

    def test_a_document_root(self, site: Path) -> None:
        with Serving("site", "--document-root", "public", cwd=site.parent) as serving:
            assert serving.get("/app.css").text == "public css"
            assert serving.get("/").text == "home 2"

    def test_a_wrong_page_is_shown_on_the_terminal(self, site: Path) -> None:
        with Serving("site", cwd=site.parent) as serving:
            write(site, wrong__psp="<%= 1 / 0 %>")
            assert serving.get("/wrong.psp").status == 500
            wait_for(lambda: serving.complained("ZeroDivisionError"))


APPLICATION = """
import types
import helper

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("%s %r %r" % (helper.WORD, environ["SCRIPT_NAME"], environ["PATH_INFO"])).encode()]

made = types.SimpleNamespace(app=application)
"""


class TestWsgi:
    @pytest.fixture
    def site(self, tmp_path: Path) -> Path:
        write(tmp_path / "static", app__css="css")
        write(tmp_path / "package", web__py=APPLICATION)
        (tmp_path / "package" / "__init__.py").touch()
        return write(tmp_path, shop__wsgi=APPLICATION, helper__py="WORD = 'hello'\n", app__py=APPLICATION)

    @pytest.fixture(params=["shop.wsgi", "app.py", "app:application", "app:made.app", "package.web:application"])
    def target(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def serving(self, site: Path, target: str) -> Iterator[Serving]:
        with Serving(target, cwd=site) as serving:
            yield serving

    def test_an_application_answers_every_url_and_is_loaded_before(self, serving: Serving) -> None:
        assert serving.said(r" \(WSGI application\) on http")
        assert serving.err == []
        assert serving.get("/").text == "hello '' '/'"
        assert serving.get("/a/b").text == "hello '' '/a/b'"

    def test_changed_code_is_loaded_anew(self, site: Path) -> None:
        with Serving("shop.wsgi", cwd=site) as serving:
            assert serving.get("/").text == "hello '' '/'"
            change(site / "helper.py", "WORD = 'two'\n")
            wait_for(lambda: serving.get("/").text.startswith("two"))
            change(site / "shop.wsgi", APPLICATION.replace('"%s %r %r"', '"new %s %r %r"'))
            wait_for(lambda: serving.get("/").text.startswith("new two"))

    def test_a_package_is_loaded_anew(self, site: Path) -> None:
        with Serving("package.web:application", cwd=site) as serving:
            assert serving.get("/").text == "hello '' '/'"
            change(site / "package" / "web.py", APPLICATION.replace('"%s %r %r"', '"new %s %r %r"'))
            wait_for(lambda: serving.get("/").text.startswith("new hello"))

    def test_files_and_aliases(self, site: Path) -> None:
        with Serving("shop.wsgi", "--alias", "/static", "static", "--static", cwd=site) as serving:
            assert serving.get("/static/app.css").text == "css"
            assert serving.get("/a/b").text == "hello '' '/a/b'"
            assert serving.get("/shop.wsgi").text == "hello '' '/shop.wsgi'"
            assert serving.get("/static/none").status == 404

    def test_an_application_that_fails_at_first_is_shown_and_can_be_repaired(self, site: Path) -> None:
        (site / "helper.py").unlink()
        with Serving("shop.wsgi", cwd=site) as serving:
            assert serving.complained("ModuleNotFoundError: No module named 'helper'")
            assert serving.get("/").status == 500
            write(site, helper__py="WORD = 'late'\n")
            assert serving.get("/").text == "late '' '/'"
