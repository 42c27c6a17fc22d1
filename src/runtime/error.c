#include "runtime/error.h"

/* traceback.format_exception()'s text, new reference; NULL with another exception. */
static PyObject *format(PyObject *type, PyObject *value, PyObject *traceback)
{
    PyObject *module = PyImport_ImportModule("traceback");
    PyObject *lines = NULL, *empty = NULL, *text = NULL;

    if (module)
        lines = PyObject_CallMethod(module, "format_exception", "OOO", type, value ? value : Py_None,
                                    traceback ? traceback : Py_None);
    if (lines && (empty = PyUnicode_FromString("")))
        text = PyUnicode_Join(empty, lines);
    Py_XDECREF(empty);
    Py_XDECREF(lines);
    Py_XDECREF(module);
    return text;
}

/* For exceptions that can't be formatted (no memory, a __str__ that fails badly): at least their type. */
static PyObject *format_poorly(PyObject *type)
{
    PyErr_Clear();
    return PyUnicode_FromFormat("%s (its traceback could not be formatted)",
                                PyType_Check(type) ? ((PyTypeObject *)type)->tp_name : "exception");
}

static void log_lines(mp_place where, const char *what, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");

        if (len)
            mp_log(where, APLOG_ERR, "%s: %.*s", what, (int)len, text);
        text += len + (text[len] == '\n');
    }
}

char *mp_error_log(mp_place where, const char *code, const char *what, const char *interpreter, apr_pool_t *p)
{
    PyObject *type, *value, *traceback, *text, *bytes = NULL;
    char *copy = NULL;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    text = format(type, value, traceback);
    if (!text)
        text = format_poorly(type);
    if (text)
        bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    PyErr_Clear();
    mp_log(where, APLOG_ERR, "%s: %s failed in interpreter '%s'", code, what, interpreter);
    if (bytes) {
        log_lines(where, what, PyBytes_AS_STRING(bytes));
        if (p)
            copy = apr_pstrdup(p, PyBytes_AS_STRING(bytes));
    }
    Py_XDECREF(bytes);
    Py_XDECREF(text);
    Py_XDECREF(traceback);
    Py_XDECREF(value);
    Py_XDECREF(type);
    return copy;
}
