"""The directive table: contexts, argument shapes, and errors that name the directive and say what to write."""

from pathlib import Path

import pytest
from directives import SECTIONS, accepted, refused, section
from httpd import Httpd

CONF = ""
MODULES = ("filter", "deflate", "ext_filter")
FILES: dict[str, str] = {}

HANDLERS = ("HeaderParser", "Init", "Access", "Authen", "Authz", "Type", "Fixup", "", "Log", "Cleanup")
EARLY = ("PostReadRequest", "Trans", "Connection")
FLAGS = ("AutoReload", "Debug", "EnablePdb", "InterpPerDirectory", "InterpPerDirective")
IN_DIRECTORY = [*(f"Python{name}Handler a" for name in HANDLERS), "PythonHandlerModule a",
                *(f"Python{name} On" for name in FLAGS), "PythonInterpreter a", "PythonPath sys.path",
                "PythonOption a b"]
IN_SECTIONS = ["PythonInputFilter a", "PythonInputFilter a b", "PythonOutputFilter a", "PythonOutputFilter a b"]
SERVER_ONLY = [*(f"Python{name}Handler a" for name in EARLY), "PythonImport a b", "PythonOptimize On",
               'PythonHome "${root}"', 'PythonEngine "${root}"', "PythonInterpreterOptions a gil=own",
               "WSGIImportScript /a process-group=%{GLOBAL} application-group=a", 'WSGIPythonHome "${root}"']
@pytest.mark.parametrize("line", IN_DIRECTORY)
def test_directory_directives_may_stand_anywhere(httpd: Httpd, line: str) -> None:
    limited = section("Limit GET", line) + section("LimitExcept GET", line)
    accepted(httpd, "\n".join([line, section("VirtualHost *", line), *(section(kind, line) for kind in SECTIONS),
                               section("Directory /x", limited)]))


@pytest.mark.parametrize("line", IN_SECTIONS)
def test_filters_may_stand_anywhere_but_in_htaccess(httpd: Httpd, line: str) -> None:
    accepted(httpd, "\n".join([line, section("VirtualHost *", line), *(section(kind, line) for kind in SECTIONS),
                               section("Directory /x", line + "\n" + line)]))


@pytest.mark.parametrize("line", SERVER_ONLY)
def test_server_directives_may_not_stand_in_sections(httpd: Httpd, line: str) -> None:
    for kind in SECTIONS:
        refused(httpd, section(kind, line), f"{line.split()[0]} not allowed")


@pytest.mark.parametrize("line", ["PythonPostReadRequestHandler a b", "PythonTransHandler a",
                                  "PythonConnectionHandler a::b c",
                                  "PythonImport a b", "PythonImport a::b.c b", "PythonOptimize Off",
                                  "WSGIImportScript /a process-group=%{GLOBAL} application-group=%{GLOBAL}"])
def test_server_directives_may_stand_in_a_vhost(httpd: Httpd, line: str) -> None:
    accepted(httpd, line + "\n" + section("VirtualHost *", line))


@pytest.mark.parametrize("line", ['PythonHome "${root}"', 'PythonEngine "${root}"',
                                  "PythonInterpreterOptions a gil=own", 'WSGIPythonHome "${root}"'])
def test_settings_of_the_process_may_not_stand_in_a_vhost(httpd: Httpd, line: str) -> None:
    refused(httpd, section("VirtualHost *", line), line.split()[0], "VirtualHost")


@pytest.mark.parametrize("name", [*FLAGS, "Optimize"])
def test_flags_are_on_or_off(httpd: Httpd, name: str) -> None:
    for value in ("on", "OFF", "oN"):
        accepted(httpd, f"Python{name} {value}")
    for value in ("1", "true", "yes", '""', ""):
        refused(httpd, f"Python{name} {value}", f"Python{name} must be On or Off")


@pytest.mark.parametrize("name", [*FLAGS, "Optimize"])
def test_flags_refuse_a_second_word(httpd: Httpd, name: str) -> None:
    refused(httpd, f"Python{name} On Off", f"Python{name}")


@pytest.mark.parametrize("line", [
    "PythonInterpreter", "PythonInterpreter a b", 'PythonInterpreter ""', "PythonPath", "PythonPath a b",
    'PythonPath ""', "PythonHome", "PythonEngine", "WSGIPythonHome a b",
])
def test_directives_of_one_word_refuse_none_and_two(httpd: Httpd, line: str) -> None:
    refused(httpd, line, f"{line.split()[0]} takes one argument")


@pytest.mark.parametrize("line", ["PythonImport", "PythonImport a", "PythonImport a b c", 'PythonImport "" b',
                                  'PythonImport a ""'])
def test_python_import_takes_two_words(httpd: Httpd, line: str) -> None:
    refused(httpd, line, "PythonImport takes two arguments")


@pytest.mark.parametrize("line", ["PythonOption", 'PythonOption ""', 'PythonOption "" b', "PythonOption a b c"])
def test_python_option_takes_one_or_two_words(httpd: Httpd, line: str) -> None:
    refused(httpd, line, "PythonOption takes 1-2 arguments")


@pytest.mark.parametrize("line", ["PythonOption a", 'PythonOption a ""', 'PythonOption a "b c"'])
def test_python_option_may_have_an_empty_value(httpd: Httpd, line: str) -> None:
    accepted(httpd, line)


@pytest.mark.parametrize("line", ["PythonTransHandler a | .py", "PythonPostReadRequestHandler a|.py",
                                  "PythonTransHandler |"])
def test_phases_before_the_file_name_refuse_extensions(httpd: Httpd, line: str) -> None:
    refused(httpd, line, line.split()[0], "the file name is not known yet")


@pytest.mark.parametrize("line", ["PythonConnectionHandler a | .py", "PythonConnectionHandler a|"])
def test_connections_have_no_extensions(httpd: Httpd, line: str) -> None:
    refused(httpd, line, "PythonConnectionHandler", "no file name", "write the line without it")


@pytest.mark.parametrize("line", ["PythonHandler a | .py .psp", "PythonHandler a|.py", "PythonHandler | .py",
                                  "PythonHandler a | .py | .x", "PythonHandler a |", "PythonHandler",
                                  'PythonHandler ""', "PythonHandlerModule a | .py",
                                  "PythonFixupHandler a::b c::d.e | .x"])
def test_other_handler_lines_are_accepted(httpd: Httpd, line: str) -> None:
    accepted(httpd, line)


@pytest.mark.parametrize(("line", "words"), [
    ("PythonInputFilter", ["takes 1-2 arguments"]),
    ("PythonOutputFilter a b c", ["takes 1-2 arguments"]),
    ('PythonOutputFilter ""', ["takes 1-2 arguments"]),
    ("PythonOutputFilter a Deflate", ["has an output filter 'deflate'", "PythonOutputFilter HANDLER NAME"]),
    ("PythonInputFilter a DEFLATE", ["has an input filter 'deflate'", "PythonInputFilter HANDLER NAME"]),
    ("PythonOutputFilter a http_header", ["another module has an output filter 'http_header'"]),
    ("PythonImport ::f a", ["'::f' has no module name", "MODULE::FUNCTION"]),
    ("PythonImport m:: a", ["'m::' has no function name", "MODULE::FUNCTION"]),
    ("PythonInterpreterOptions", ["no interpreter is named", "gil=own"]),
    ("PythonInterpreterOptions gil=own", ["no interpreter is named"]),
    ("PythonInterpreterOptions a", ["no option is given for 'a'", "gil=shared"]),
    ("PythonInterpreterOptions a gil", ["'gil'"]),
    ("PythonInterpreterOptions a gil=", ["'gil' has no value"]),
    ("PythonInterpreterOptions a gil=mine", ["gil=mine is unknown", "gil=own or gil=shared"]),
    ("PythonInterpreterOptions a gil = own", ["'gil'"]),
    ("PythonInterpreterOptions a threads=2", ["'threads' is unknown"]),
    ("PythonInterpreterOptions main_interpreter gil=own", ["main_interpreter", "another interpreter"]),
    ("PythonHome relative", ["'relative' is a relative path"]),
    ("PythonHome /nowhere/at/all", ["/nowhere/at/all is not a directory", "sys.prefix"]),
    ("PythonHome ${root}/conf", ["no Python 3 is in", "pyvenv.cfg"]),
    ("PythonEngine relative.so", ["'relative.so' is a relative path"]),
    ("PythonEngine /nowhere/engine.so", ["/nowhere/engine.so is not there"]),
    ("PythonEngine ${root}/conf/mime.types", ["is no engine of mod_python", "make"]),
    ("PythonEngine ${root}/conf", ["no engine of mod_python", "configure"]),
    ("WSGIImportScript /a", ["process-group", "application-group"]),
    ("WSGIImportScript /a process-group=%{GLOBAL}", ["application-group is missing"]),
    ("WSGIImportScript /a application-group=b", ["process-group is missing"]),
    ("WSGIImportScript /a process-group=group application-group=b", ["'group'", "process-group=%{GLOBAL}"]),
    ("WSGIImportScript /a process-group=%{ENV:x} application-group=b", ["process-group=%{ENV:x}"]),
    ("WSGIImportScript /a process-group=%{GLOBAL} application-group=%{RESOURCE}", ["application-group=%{RESOURCE}"]),
    ("WSGIImportScript /a process-group=%{GLOBAL} application-group=b more=c", ["'more' is unknown"]),
    ("WSGIImportScript a process-group=%{GLOBAL} application-group=b", ["'a' is no absolute path"]),
    ("WSGIImportScript", ["absolute path"]),
])
def test_errors_name_the_directive_and_the_way_out(httpd: Httpd, line: str, words: list[str]) -> None:
    refused(httpd, line, line.split()[0], *words)


def test_names_of_filters_are_counted_by_direction(httpd: Httpd) -> None:
    accepted(httpd, "PythonInputFilter a same\nPythonOutputFilter b SAME\nPythonOutputFilter c Same")


def test_more_filters_than_have_functions_of_their_own(httpd: Httpd) -> None:
    lines = "\n".join(f"PythonOutputFilter a name{number}" for number in range(100))
    accepted(httpd, lines + "\nAddOutputFilterByType name99 text/plain")


def test_a_name_that_another_module_takes_away_later_is_told(httpd: Httpd) -> None:
    refused(httpd, "PythonOutputFilter a mine\nExtFilterDefine mine mode=output cmd=/bin/cat", "the filter 'mine' of "
            "PythonOutputFilter", "configtest.conf:", "ExtFilterDefine", "another name")


def test_two_homes_are_one_too_many(httpd: Httpd) -> None:
    refused(httpd, 'PythonHome "${root}"\nWSGIPythonHome "${htdocs}"', "WSGIPythonHome", "PythonHome", "already")


@pytest.mark.parametrize("name", ["PythonInterpPerServer", "PythonAuthoritative", "PythonChildInitHandler",
                                  "PythonMapToStorageHandler", "PythonInsertFilterHandler", "PythonNoReload",
                                  "PythonLoadModule"])
def test_directives_that_never_were_are_unknown(httpd: Httpd, name: str) -> None:
    refused(httpd, f"{name} On", "Invalid command")


@pytest.mark.parametrize("name", ["mod_python.c", "python_module"])
def test_ifmodule_knows_the_module(httpd: Httpd, name: str) -> None:
    refused(httpd, f"<IfModule {name}>\nPythonDebug maybe\n</IfModule>", "PythonDebug must be On or Off")


def test_mod_wsgi_beside_us_keeps_its_directives(tmp_path: Path) -> None:
    server = Httpd(tmp_path, modules=("wsgi",))
    status, output = server.configtest(
        f"WSGIDaemonProcess group\nWSGIImportScript {tmp_path}/a.wsgi process-group=group application-group=a\n")
    assert status == 0, output


def test_a_configuration_can_be_tested_without_running_python(httpd: Httpd) -> None:
    status, output = httpd.configtest("PythonImport no_such_module main_interpreter\nPythonHandler no_such_module\n"
                                      'PythonPath "not a python expression ("')
    assert status == 0, output
