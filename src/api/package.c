#include "api/package.h"

#include "api/convert.h"
#include "api/types.h"
#include "runtime/settings.h"

#ifndef MP_PYTHON_PURELIB
#error "the build says where the package is installed: -DMP_PYTHON_PURELIB=\"/usr/lib/python3/dist-packages\""
#endif

/* Imports mod_python.apache with that directory in front of sys.path for the moment; afterwards the package finds its
 * own modules by its __path__, whatever PythonPath says. New reference, or NULL with an exception. */
static PyObject *import_from(const char *directory)
{
    PyObject *path = PySys_GetObject("path");           /* borrowed */
    PyObject *entry = PyUnicode_DecodeFSDefault(directory);
    PyObject *module = NULL, *removed;

    if (entry && path && PyList_Check(path) && PyList_Insert(path, 0, entry) == 0) {
        PyObject *type, *value, *traceback;

        module = PyImport_ImportModule("mod_python.apache");
        PyErr_Fetch(&type, &value, &traceback);
        removed = PyObject_CallMethod(path, "remove", "O", entry);
        if (!removed)
            PyErr_Clear();
        Py_XDECREF(removed);
        PyErr_Restore(type, value, traceback);
    }
    else if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ImportError, "sys.path is no list");
    Py_XDECREF(entry);
    return module;
}

static int has_package(const char *directory, apr_pool_t *p)
{
    apr_finfo_t finfo;

    return apr_stat(&finfo, apr_pstrcat(p, directory, "/mod_python/__init__.py", NULL), APR_FINFO_TYPE, p)
           == APR_SUCCESS;
}

/* Beside mod_python.so: in the source tree (build/ or build/asan/) or in the package that pip installed. Else where
 * Python finds it; else where `make install` put it, which a virtual environment does not see. */
static PyObject *import_package(apr_pool_t *p)
{
    const char *beside[] = { "../python", "../../python", ".." };
    const char *library = ap_make_dirstr_parent(p, mp_host->library);
    PyObject *module;
    size_t i;

    for (i = 0; i < sizeof(beside) / sizeof(*beside); i++) {
        char *directory;

        if (apr_filepath_merge(&directory, library, beside[i], APR_FILEPATH_NOTRELATIVE, p) == APR_SUCCESS &&
            has_package(directory, p))
            return import_from(directory);
    }
    module = PyImport_ImportModule("mod_python.apache");
    if (!module && PyErr_ExceptionMatches(PyExc_ModuleNotFoundError) && has_package(MP_PYTHON_PURELIB, p)) {
        PyErr_Clear();
        module = import_from(MP_PYTHON_PURELIB);
    }
    return module;
}

/* The interval belongs to a GIL: for an interpreter that shares one it is the main interpreter's to set. */
static int sets_interval(const mp_interp *interp, const mp_settings *settings)
{
    mp_settings main;

    if (settings->switch_interval <= 0)
        return 0;
    if (interp->own_gil || !strcmp(interp->name, MP_MAIN_INTERPRETER))
        return 1;
    mp_settings_find(MP_MAIN_INTERPRETER, NULL, &main);
    if (main.switch_interval != settings->switch_interval)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, ap_server_conf, "MP0362: WSGISwitchInterval has no effect for "
                     "interpreter '%s', which shares its GIL with others; write it outside of "
                     "<WSGIInterpreterOptions>, or give the interpreter a GIL of its own", interp->name);
    return 0;
}

static int keep_functions(mp_state *state, PyObject *apache)
{
    PyObject *importer = PyImport_ImportModule("mod_python.importer");

    state->apache = Py_NewRef(apache);
    if (importer)
        state->import_handler = PyObject_GetAttrString(importer, "import_handler");
    state->resolve_object = PyObject_GetAttrString(apache, "resolve_object");
    Py_XDECREF(importer);
    return state->import_handler && state->resolve_object ? 0 : -1;
}

/* The arguments of mod_python._settings.apply(). New reference. */
static PyObject *settings_of(mp_interp *interp)
{
    mp_settings settings;
    PyObject *home, *path, *interval;

    mp_settings_find(interp->name, interp->pool, &settings);
    home = mp_host->home ? PyUnicode_DecodeFSDefault(mp_host->home) : Py_NewRef(Py_None);
    path = PyUnicode_DecodeFSDefault(settings.python_path);
    interval = sets_interval(interp, &settings) ? PyFloat_FromDouble(settings.switch_interval) : Py_NewRef(Py_None);
    if (home && path && interval)
        return Py_BuildValue("NNOOON", home, path, settings.restrict_stdin ? Py_True : Py_False,
                             settings.restrict_stdout ? Py_True : Py_False,
                             settings.restrict_signal ? Py_True : Py_False, interval);
    Py_XDECREF(home);
    Py_XDECREF(path);
    Py_XDECREF(interval);
    return NULL;
}

int mp_package_start(mp_interp *interp)
{
    PyObject *builtin = PyImport_ImportModule("_apache");
    PyObject *apache = NULL, *server = NULL, *settings = NULL, *result = NULL;
    mp_state *state;
    int ret = -1;

    if (!builtin)
        goto done;
    state = mp_state_of_module(builtin);
    state->interp = interp;
    interp->api = state;
    if (!(apache = import_package(interp->pool)) || keep_functions(state, apache) < 0 ||
        !(server = mp_server_from(state, ap_server_conf)) || !(settings = settings_of(interp)) ||
        !(result = PyObject_CallMethod(apache, "init", "NOO", mp_text_from(interp->name), server, settings)))
        goto done;
    ret = 0;
done:
    Py_XDECREF(result);
    Py_XDECREF(settings);
    Py_XDECREF(server);
    Py_XDECREF(apache);
    if (ret < 0)
        Py_XDECREF(builtin);    /* else kept as long as the interpreter: the state is its memory */
    return ret;
}

int mp_package_finish(mp_interp *interp, int step)
{
    mp_state *state = interp->api;
    PyObject *result = PyObject_CallMethod(state->apache, step ? "_atexit" : "_threading_shutdown", NULL);

    Py_XDECREF(result);
    return result ? 0 : -1;
}
