#include "handlers/include.h"

#include "api/convert.h"
#include "api/types.h"
#include "handlers/filters.h"
#include "runtime/lease.h"

/* The request's own dict, which a handler may have put there, else a new one. New reference. */
static PyObject *namespace_of(PyObject *req)
{
    PyObject *names = PyObject_GetAttrString(req, "ssi_globals");

    if (!names && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        names = PyDict_New();
        if (names && PyObject_SetAttrString(req, "ssi_globals", names) < 0)
            Py_CLEAR(names);
    }
    if (names && !PyDict_Check(names)) {
        PyErr_Format(PyExc_TypeError, "req.ssi_globals must be a dict, not %.200s", Py_TYPE(names)->tp_name);
        Py_CLEAR(names);
    }
    return names;
}

static int set_path(request_rec *r)
{
    PyObject *importer = PyImport_ImportModule("mod_python.importer");
    PyObject *path = mp_path_from(mp_host->dir_conf(r)->path), *result = NULL;

    if (importer && path)
        result = PyObject_CallMethod(importer, "prepare_page", "O", path);
    Py_XDECREF(result);
    Py_XDECREF(path);
    Py_XDECREF(importer);
    return result ? 0 : -1;
}

/* The file's name is shown as what it is not: the lines of the code are not those of the page. */
static PyObject *compile_code(const mp_include *element)
{
    PyCompilerFlags flags = { PyCF_SOURCE_IS_UTF8 | PyCF_IGNORE_COOKIE, PY_MINOR_VERSION };
    PyObject *page = mp_path_from(element->page);
    PyObject *name = page ? PyUnicode_FromFormat("<python in %U>", page) : NULL;
    PyObject *text = mp_text_from(element->code);
    const char *utf8 = text ? PyUnicode_AsUTF8(text) : NULL;
    PyObject *code = NULL;

    if (name && utf8)
        code = Py_CompileStringObject(utf8, name, element->is_expression ? Py_eval_input : Py_file_input, &flags, -1);
    Py_XDECREF(text);
    Py_XDECREF(name);
    Py_XDECREF(page);
    return code;
}

static int write_result(PyObject *value, PyObject *filter)
{
    PyObject *text = PyObject_Str(value), *result = NULL;

    if (text)
        result = PyObject_CallMethod(filter, "write", "O", text);
    Py_XDECREF(result);
    Py_XDECREF(text);
    return result ? 0 : -1;
}

/* Attached. 0, or -1 with an exception. */
static int execute(mp_state *state, request_rec *r, const mp_include *element, PyObject *filter)
{
    PyObject *req = mp_request_share(state, r), *file = mp_path_from(r->filename);
    PyObject *names = NULL, *code = NULL, *value = NULL;
    int status = -1;

    if (!req || !file || set_path(r) < 0 || !(names = namespace_of(req)) ||
        PyDict_SetItemString(names, "filter", filter) < 0 || PyDict_SetItemString(names, "__file__", file) < 0 ||
        !(code = compile_code(element)) || !(value = PyEval_EvalCode(code, names, names)))
        goto done;
    status = element->is_expression && value != Py_None ? write_result(value, filter) : 0;
done:
    if (names) {
        PyObject *type, *error, *traceback;

        PyErr_Fetch(&type, &error, &traceback);
        if (PyDict_SetItemString(names, "filter", Py_None) < 0)     /* it is over: nobody should keep it */
            PyErr_Clear();
        PyErr_Restore(type, error, traceback);
    }
    Py_XDECREF(value);
    Py_XDECREF(code);
    Py_XDECREF(names);
    Py_XDECREF(file);
    Py_XDECREF(req);
    return status;
}

apr_status_t mp_include_run(ap_filter_t *f, const mp_include *element, apr_bucket_brigade *bb)
{
    mp_stream s = { .kind = MP_STREAM_INCLUDE, .f = f, .out = bb };
    const char *instead = NULL;
    PyObject *filter;
    mp_lease lease;

    if (mp_lease_take(&lease, element->interpreter, mp_at_request(f->r)) != APR_SUCCESS)
        return mp_stream_write(&s, element->error, strlen(element->error));
    filter = mp_filter_from(lease.interp->api, &s, NULL);
    if (!filter || execute(lease.interp->api, f->r, element, filter) < 0)
        instead = mp_filters_failed(&lease, &s, "MP0082", apr_pstrcat(f->r->pool, "includes ", element->page, NULL));
    else
        instead = "";
    if (filter)
        mp_filter_done(filter);
    mp_lease_release(&lease);
    instead = instead ? instead : element->error;
    return mp_stream_write(&s, instead, strlen(instead));
}
