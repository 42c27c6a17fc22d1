"""What mod_negotiation and mod_mime found out about a file, as a request has it."""

from typing import Any

from httpd import Httpd

MODULES = ("negotiation",)

CONF = """
    AddLanguage en .en
    AddLanguage de .de
    AddEncoding x-gzip .gz
    AddHandler type-map .var
    <Directory "${htdocs}">
        Options +MultiViews
        <Files "choice*">
            SetHandler mod_python
            PythonHandler facts
        </Files>
        <Files "*.var">
            SetHandler type-map
        </Files>
    </Directory>
"""

FILES = {
    "htdocs/choice.txt.en": "english", "htdocs/choice.txt.de": "deutsch", "htdocs/choice-packed.txt.gz": "",
    "htdocs/list.var": "URI: list\n\nURI: choice.txt.en\nContent-Type: text/plain\nContent-Language: en\n",
    "facts.py": """
from mod_python import apache

def handler(req):
    text = repr([req.vlist_validator, req.content_languages, req.content_encoding, req.content_type,
                 req.filename.rpartition("/")[2], req.uri])
    req.content_encoding = None
    req.write(text)
    return apache.OK
"""}


def facts(httpd: Httpd, path: str, language: str = "en") -> Any:
    r = httpd.get(path, {"Accept-Language": language})
    assert r.status == 200, r.text
    return eval(r.text)


def test_a_file_has_languages_encoding_and_type(httpd: Httpd) -> None:
    assert facts(httpd, "/choice.txt.de") == [None, ("de",), None, "text/plain", "choice.txt.de", "/choice.txt.de"]
    assert facts(httpd, "/choice-packed.txt.gz")[2:4] == ["x-gzip", "text/plain"]


def test_a_chosen_file_has_the_validator_of_the_list(httpd: Httpd) -> None:
    for language in ("en", "de"):
        validator, languages, _, _, name, _ = facts(httpd, "/choice", language)
        assert (languages, name) == ((language,), f"choice.txt.{language}") and '"' in validator
    validator, _, _, _, name, _ = facts(httpd, "/list.var")
    assert name == "choice.txt.en" and '"' in validator
