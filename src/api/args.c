#include "api/args.h"

static int name_index(const mp_signature *signature, PyObject *name)
{
    int i;

    for (i = 0; signature->names[i]; i++)
        if (PyUnicode_CompareWithASCIIString(name, signature->names[i]) == 0)
            return i;
    PyErr_Format(PyExc_TypeError, "%s got an unexpected keyword argument '%U'", signature->function, name);
    return -1;
}

static int take_keywords(const mp_signature *signature, PyObject *const *values, PyObject *kwnames, PyObject **out)
{
    Py_ssize_t i, n = PyTuple_GET_SIZE(kwnames);

    for (i = 0; i < n; i++) {
        int at = name_index(signature, PyTuple_GET_ITEM(kwnames, i));

        if (at < 0)
            return -1;
        if (out[at]) {
            PyErr_Format(PyExc_TypeError, "%s got multiple values for argument '%s'", signature->function,
                         signature->names[at]);
            return -1;
        }
        out[at] = values[i];
    }
    return 0;
}

int mp_args_take(const mp_signature *signature, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                 PyObject *out[MP_ARGS_MAX])
{
    Py_ssize_t i;

    for (i = 0; i < MP_ARGS_MAX && signature->names[i]; i++)
        out[i] = i < nargs ? args[i] : NULL;
    if (nargs > i) {
        PyErr_Format(PyExc_TypeError, "%s takes at most %zd arguments (%zd given)", signature->function, i, nargs);
        return -1;
    }
    if (kwnames && take_keywords(signature, args + nargs, kwnames, out) < 0)
        return -1;
    for (i = 0; i < signature->required; i++)
        if (!out[i]) {
            PyErr_Format(PyExc_TypeError, "%s needs the argument '%s'", signature->function, signature->names[i]);
            return -1;
        }
    return 0;
}

int mp_args_none(const char *function, Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs == 0 && (!kwnames || PyTuple_GET_SIZE(kwnames) == 0))
        return 0;
    PyErr_Format(PyExc_TypeError, "%s takes no arguments", function);
    return -1;
}

int mp_args_int(PyObject *value, long long otherwise, long long *number, const char *what)
{
    *number = otherwise;
    if (!value)
        return 0;
    if (!PyLong_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be int, not %.200s", what, Py_TYPE(value)->tp_name);
        return -1;
    }
    *number = PyLong_AsLongLong(value);
    return *number == -1 && PyErr_Occurred() ? -1 : 0;
}

int mp_args_size(PyObject *value, Py_ssize_t otherwise, Py_ssize_t *size, const char *what)
{
    long long number;

    if (mp_args_int(value == Py_None ? NULL : value, otherwise, &number, what) < 0)
        return -1;
    *size = number < 0 ? -1 : number > PY_SSIZE_T_MAX ? PY_SSIZE_T_MAX : (Py_ssize_t)number;
    return 0;
}

int mp_args_limit(const mp_signature *signature, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                  Py_ssize_t *limit)
{
    PyObject *given[MP_ARGS_MAX];

    if (mp_args_take(signature, args, nargs, kwnames, given) < 0)
        return -1;
    return mp_args_size(given[0], -1, limit, signature->names[0]);
}
