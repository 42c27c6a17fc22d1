"""Which settings and handlers a request sees: server, vhost, directory, location, files, <If>, .htaccess."""

import pytest
from httpd import Httpd

CONF = """
    PythonOption Top server
    PythonOption both server
    PythonInterpreter plain
    PythonHandler show::server
    <Directory "${htdocs}">
        SetHandler mod_python
    </Directory>
    <Directory "${htdocs}/dir">
        PythonHandler show::directory
        PythonOption BOTH directory
        PythonOption own dir
        PythonDebug On
    </Directory>
    <Directory "${htdocs}/dir/sub">
        PythonOption own
        PythonDebug Off
        <Files special.txt>
            PythonHandler show::files
        </Files>
        <If "%{QUERY_STRING} == 'if'">
            PythonHandler show::condition
            PythonOption both condition
        </If>
    </Directory>
    <Directory "${htdocs}/twice">
        PythonHandler show::directory
        PythonHandler show::more
    </Directory>
    <Directory "${htdocs}/reopened">
        PythonHandler show::directory
    </Directory>
    <Directory "${htdocs}/reopened">
        PythonHandler show::files
    </Directory>
    <Directory "${htdocs}/keyed">
        PythonHandler show::directory | .txt
        PythonHandler show::server
    </Directory>
    <Directory "${htdocs}/keyed/deeper">
        PythonHandler show::files
    </Directory>
    <DirectoryMatch "/match/[ab]/">
        PythonHandler show::match
    </DirectoryMatch>
    <Directory "${htdocs}/wild*">
        PythonHandler show::match
    </Directory>
    <Location /dir/located>
        PythonOption both location
        SetHandler mod_python
        PythonHandler show::location
    </Location>
    <Location /options_only>
        PythonOption both location
    </Location>
    <VirtualHost *>
        ServerName first
    </VirtualHost>
    <VirtualHost *>
        ServerName second
        PythonOption both vhost
        PythonHandler show::vhost
    </VirtualHost>
"""

FILES = {
    **{f"htdocs/{place}/page.txt": "static" for place in (
        "dir", "dir/sub", "twice", "reopened", "keyed", "keyed/deeper", "match/a", "match/c", "wildlife",
        "options_only", "access", "access/none", "plain")},
    "htdocs/page.txt": "static", "htdocs/dir/sub/special.txt": "static", "htdocs/keyed/page.htm": "static",
    "htdocs/access/.htaccess": "PythonHandler show::htaccess\nPythonOption both htaccess\nPythonInterpreter own\n",
    "show.py": """
from mod_python import apache

def shower(name):
    def run(req):
        options = req.get_options()
        directory = req.hlist.directory
        if directory and not req.hlist.is_location:
            directory = directory.replace(req.document_root(), "")
        req.write("%s top=%s both=%s own=%s debug=%s interpreter=%s directory=%s\\n" % (
            name, options.get("top"), options.get("both"), options.get("own"),
            req.get_config().get("PythonDebug"), req.interpreter, directory))
        return apache.OK
    return run

server, directory, more, files, condition, match, location, vhost, htaccess = map(shower, (
    "server", "directory", "more", "files", "condition", "match", "location", "vhost", "htaccess"))
"""}


def seen(httpd: Httpd, path: str, host: str = "first") -> list[dict[str, str]]:
    found = []
    for line in httpd.get(path, {"Host": host}).lines:
        name, *rest = line.split(" ")
        found.append({"handler": name, **dict(item.split("=", 1) for item in rest)})
    return found


def handlers(httpd: Httpd, path: str, host: str = "first") -> list[str]:
    return [entry["handler"] for entry in seen(httpd, path, host)]


@pytest.mark.parametrize(("path", "names"), [
    ("/page.txt", ["server"]),
    ("/dir/page.txt", ["directory"]),
    ("/dir/sub/page.txt", ["directory"]),
    ("/dir/sub/special.txt", ["files"]),
    ("/dir/sub/page.txt?if", ["condition"]),
    ("/twice/page.txt", ["directory", "more"]),
    ("/reopened/page.txt", ["files"]),
    ("/keyed/page.txt", ["directory"]),
    ("/keyed/page.htm", ["server"]),
    ("/keyed/deeper/page.txt", ["directory"]),
    ("/match/a/page.txt", ["match"]),
    ("/match/c/page.txt", ["server"]),
    ("/wildlife/page.txt", ["match"]),
    ("/dir/located", ["location"]),
    ("/access/page.txt", ["htaccess"]),
    ("/access/none/page.txt", ["htaccess"]),
])
def test_the_most_specific_section_names_the_handlers(httpd: Httpd, path: str, names: list[str]) -> None:
    assert handlers(httpd, path) == names


def test_a_vhost_has_its_own_handlers_and_inherits_the_rest(httpd: Httpd) -> None:
    assert handlers(httpd, "/page.txt", "second") == ["vhost"]
    entry, = seen(httpd, "/page.txt", "second")
    assert (entry["top"], entry["both"]) == ("server", "vhost")
    assert handlers(httpd, "/dir/page.txt", "second") == ["directory"]


@pytest.mark.parametrize(("path", "both"), [
    ("/page.txt", "server"), ("/dir/page.txt", "directory"), ("/dir/sub/page.txt?if", "condition"),
    ("/options_only/page.txt", "location"), ("/access/page.txt", "htaccess"),
])
def test_options_merge_key_by_key_without_case(httpd: Httpd, path: str, both: str) -> None:
    entry, = seen(httpd, path)
    assert (entry["top"], entry["both"]) == ("server", both)


def test_an_empty_option_removes_an_inherited_one(httpd: Httpd) -> None:
    assert seen(httpd, "/dir/page.txt")[0]["own"] == "dir"
    assert seen(httpd, "/dir/sub/page.txt")[0]["own"] == "None"


def test_a_flag_off_overrides_on(httpd: Httpd) -> None:
    assert [seen(httpd, path)[0]["debug"] for path in ("/page.txt", "/dir/page.txt", "/dir/sub/page.txt")] == [
        "None", "1", "0"]


def test_htaccess_chooses_the_interpreter(httpd: Httpd) -> None:
    assert seen(httpd, "/page.txt")[0]["interpreter"] == "plain"
    assert seen(httpd, "/access/page.txt")[0]["interpreter"] == "own"


@pytest.mark.parametrize(("path", "directory"), [
    ("/page.txt", "None"), ("/dir/page.txt", "/dir/"), ("/dir/sub/special.txt", "/dir/sub/"),
    ("/dir/sub/page.txt?if", "/dir/sub/"), ("/match/a/page.txt", "/match/a/"), ("/wildlife/page.txt", "/wildlife/"),
    ("/access/none/page.txt", "/access/"), ("/dir/located", "/dir/located"),
])
def test_the_handler_directory_is_that_of_the_section(httpd: Httpd, path: str, directory: str) -> None:
    assert seen(httpd, path)[0]["directory"] == directory


@pytest.mark.parametrize("line", ["PythonTransHandler show", "PythonPostReadRequestHandler show",
                                  "PythonImport show main_interpreter", "PythonOptimize On", "PythonInputFilter show",
                                  "PythonOutputFilter show name"])
def test_htaccess_refuses_what_belongs_to_the_server(httpd: Httpd, line: str) -> None:
    httpd.write("htdocs/plain/.htaccess", line + "\n")
    assert httpd.get("/plain/page.txt").status == 500
    httpd.claim(rf":alert\].*{line.split()[0]} not allowed here")
    httpd.write("htdocs/plain/.htaccess", "")


def test_a_wrong_flag_in_htaccess_is_told(httpd: Httpd) -> None:
    httpd.write("htdocs/plain/.htaccess", "PythonDebug maybe\n")
    assert httpd.get("/plain/page.txt").status == 500
    httpd.claim(r":alert\].*PythonDebug.*On or Off")
    httpd.write("htdocs/plain/.htaccess", "")
