/* Text between httpd and Python.
 *
 * CPython keeps strings whose characters all fit Latin-1 as exactly these bytes, with a NUL behind them: such text goes
 * to httpd without a conversion.
 */
#include "api/convert.h"

PyObject *mp_text_from_n(const char *s, Py_ssize_t n)
{
    PyObject *text = PyUnicode_DecodeUTF8(s, n, NULL);     /* ASCII: one pass and one copy */

    if (!text && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        text = PyUnicode_DecodeLatin1(s, n, NULL);
    }
    return text;
}

PyObject *mp_text_from(const char *s)
{
    return s ? mp_text_from_n(s, (Py_ssize_t)strlen(s)) : Py_NewRef(Py_None);
}

PyObject *mp_latin1_from(const char *s)
{
    return s ? PyUnicode_DecodeLatin1(s, (Py_ssize_t)strlen(s), NULL) : Py_NewRef(Py_None);
}

PyObject *mp_path_from(const char *s)
{
    return s ? PyUnicode_DecodeFSDefault(s) : Py_NewRef(Py_None);
}

PyObject *mp_tuple_from(const apr_array_header_t *strings)
{
    int i, n = strings ? strings->nelts : 0;
    PyObject *tuple = PyTuple_New(n);

    for (i = 0; tuple && i < n; i++) {
        PyObject *text = mp_text_from(APR_ARRAY_IDX(strings, i, const char *));

        if (text)
            PyTuple_SET_ITEM(tuple, i, text);
        else
            Py_CLEAR(tuple);
    }
    return tuple;
}

/* httpd would take the text up to the NUL for all of it. */
static const char *without_nul(const char *s, Py_ssize_t n, const char *what)
{
    if (strlen(s) == (size_t)n)
        return s;
    PyErr_Format(PyExc_ValueError, "%s must not contain a NUL character", what);
    return NULL;
}

const char *mp_text_borrow(PyObject *value, PyObject **owned, const char *what)
{
    PyObject *bytes = value;

    *owned = NULL;
    if (PyUnicode_Check(value)) {
        if (PyUnicode_KIND(value) == PyUnicode_1BYTE_KIND)
            return without_nul((const char *)PyUnicode_1BYTE_DATA(value), PyUnicode_GET_LENGTH(value), what);
        bytes = *owned = PyUnicode_AsEncodedString(value, "utf-8", "surrogateescape");
        if (!bytes)
            return NULL;
    }
    else if (!PyBytes_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be str or bytes, not %.200s", what, Py_TYPE(value)->tp_name);
        return NULL;
    }
    const char *s = without_nul(PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes), what);
    if (!s)
        Py_CLEAR(*owned);
    return s;
}

char *mp_text_to(PyObject *value, apr_pool_t *p, const char *what)
{
    PyObject *owned;
    const char *s = mp_text_borrow(value, &owned, what);
    char *copy = s ? apr_pstrdup(p, s) : NULL;

    Py_XDECREF(owned);
    return copy;
}

char *mp_path_to(PyObject *value, apr_pool_t *p, const char *what)
{
    PyObject *path = PyOS_FSPath(value);        /* str and bytes come back as they are */
    PyObject *bytes = NULL;
    char *copy = NULL;
    const char *s;

    if (!path)
        goto done;
    bytes = PyUnicode_Check(path) ? PyUnicode_EncodeFSDefault(path) : Py_NewRef(path);
    if (!bytes)
        goto done;
    s = without_nul(PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes), what);
    if (s)
        copy = apr_pstrdup(p, s);
done:
    Py_XDECREF(bytes);
    Py_XDECREF(path);
    return copy;
}

int mp_body_data(PyObject *value, Py_buffer *view, PyObject **owned)
{
    *owned = NULL;
    if (PyUnicode_Check(value)) {
        if (PyUnicode_IS_ASCII(value))
            return PyBuffer_FillInfo(view, value, PyUnicode_1BYTE_DATA(value), PyUnicode_GET_LENGTH(value), 1,
                                     PyBUF_SIMPLE);
        value = *owned = PyUnicode_AsEncodedString(value, "utf-8", "surrogateescape");
        if (!value)
            return -1;
    }
    else if (!PyObject_CheckBuffer(value)) {
        PyErr_Format(PyExc_TypeError, "body data must be str or bytes-like, not %.200s", Py_TYPE(value)->tp_name);
        return -1;
    }
    if (PyObject_GetBuffer(value, view, PyBUF_SIMPLE) == 0)
        return 0;
    Py_CLEAR(*owned);
    return -1;
}
