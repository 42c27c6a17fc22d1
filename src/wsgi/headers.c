/* The status line and the headers that an application gives to start_response(), checked before anything is sent.
 *
 * CPython keeps text whose characters all fit Latin-1 as exactly these bytes: no encoding is needed to look at it.
 */
#include "wsgi/wsgi.h"

#include "apr_lib.h"

/* The bytes of Latin-1 text, borrowed; NULL with TypeError or the codec's UnicodeEncodeError. */
static const char *latin1(PyObject *text, Py_ssize_t *n)
{
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "must be str, not %.200s", Py_TYPE(text)->tp_name);
        return NULL;
    }
    if (PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND) {
        PyObject *bytes = PyUnicode_AsLatin1String(text);

        if (bytes) {                    /* can't be: such text is kept in one byte a character */
            Py_DECREF(bytes);
            PyErr_SetString(PyExc_ValueError, "text is not in its shortest form");
        }
        return NULL;
    }
    *n = PyUnicode_GET_LENGTH(text);
    return (const char *)PyUnicode_1BYTE_DATA(text);
}

static int refuse(const char *what, const char *s, Py_ssize_t n)
{
    PyObject *bytes = PyBytes_FromStringAndSize(s, n);

    if (bytes)
        PyErr_Format(PyExc_ValueError, "%s: %R", what, bytes);
    Py_XDECREF(bytes);
    return -1;
}

static int is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

int mp_wsgi_status_from(PyObject *status, apr_pool_t *p, int *number, const char **line)
{
    Py_ssize_t n, i;
    const char *s = latin1(status, &n);

    if (!s)
        return -1;
    if (n < 3 || !apr_isdigit(s[0]) || s[0] == '0' || !apr_isdigit(s[1]) || !apr_isdigit(s[2]) ||
        (n > 3 && apr_isdigit(s[3])))
        return refuse("status code must be a 3 digit integer", s, n);
    if (n > 3 && s[3] != ' ')
        return refuse("no space following status code", s, n);
    for (i = 4; i < n; i++)
        if (is_control((unsigned char)s[i]))
            return refuse("control character in status reason phrase", s, n);
    *number = (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
    *line = apr_pstrmemdup(p, s, (apr_size_t)n);
    return 0;
}

/* What httpd, or whoever reads the answer, would take for something else (RFC 9110: a token). */
static int check_name(const char *s, Py_ssize_t n)
{
    Py_ssize_t i;

    if (n == 0)
        return PyErr_SetString(PyExc_ValueError, "header name is empty"), -1;
    for (i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        if (apr_isalnum(c) || c == '-')
            continue;
        if (is_control(c))
            return refuse("control character in header name", s, n);
        if (c == ' ')
            return refuse("space character in header name", s, n);
        if (c >= 0x80 || !strchr("!#$%&'*+.^_`|~", c))
            return refuse("invalid character in header name", s, n);
    }
    return 0;
}

static int check_value(const char *s, Py_ssize_t n)
{
    Py_ssize_t i;

    for (i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        if (!is_control(c) || c == '\t')
            continue;
        if (c == '\r' || c == '\n')
            return refuse("carriage return/line feed character in header value", s, n);
        return refuse("control character in header value", s, n);
    }
    return 0;
}

/* How the body is delimited is httpd's business, and the status is said already. */
static int is_dropped(const char *name)
{
    return !ap_cstr_casecmp(name, "Transfer-Encoding") || !ap_cstr_casecmp(name, "Status");
}

static int take(apr_array_header_t *headers, PyObject *item, apr_pool_t *p)
{
    Py_ssize_t name_length, value_length;
    const char *name, *value;
    mp_pair *pair;

    if (!PyTuple_Check(item))
        return PyErr_Format(PyExc_TypeError, "each header must be a 2-tuple, not %.200s", Py_TYPE(item)->tp_name), -1;
    if (PyTuple_GET_SIZE(item) != 2)
        return PyErr_Format(PyExc_ValueError, "each header must be a 2-tuple, got length %zd",
                            PyTuple_GET_SIZE(item)), -1;
    if (!(name = latin1(PyTuple_GET_ITEM(item, 0), &name_length)) ||
        !(value = latin1(PyTuple_GET_ITEM(item, 1), &value_length)) || check_name(name, name_length) < 0 ||
        check_value(value, value_length) < 0)
        return -1;
    if (is_dropped(name))
        return 0;
    pair = apr_array_push(headers);
    pair->name = apr_pstrmemdup(p, name, (apr_size_t)name_length);
    pair->value = apr_pstrmemdup(p, value, (apr_size_t)value_length);
    return 0;
}

apr_array_header_t *mp_wsgi_headers_from(PyObject *list, apr_pool_t *p)
{
    apr_array_header_t *headers;
    Py_ssize_t i;

    if (!PyList_Check(list)) {
        PyErr_Format(PyExc_TypeError, "start_response() argument 2 must be list, not %.200s", Py_TYPE(list)->tp_name);
        return NULL;
    }
    headers = apr_array_make(p, (int)PyList_GET_SIZE(list) + 1, sizeof(mp_pair));    /* one for Content-Length */
    for (i = 0; i < PyList_GET_SIZE(list); i++)
        if (take(headers, PyList_GET_ITEM(list, i), p) < 0)
            return NULL;
    return headers;
}

/* As C reads a number: blanks and a '+' before it; nothing at all is 0. */
static int parse_length(const char *value, apr_off_t *length)
{
    const char *s = value;
    char *end;

    while (*s == ' ' || *s == '\t')
        s++;
    if (*s == '+')
        s++;
    if (!*s) {
        *length = 0;
        return s == value || s[-1] != '+' ? 0 : -1;
    }
    if (!apr_isdigit(*s) || apr_strtoff(length, s, &end, 10) != APR_SUCCESS)
        return -1;
    return *end ? -1 : 0;
}

int mp_wsgi_length_of(const apr_array_header_t *headers, apr_off_t *length)
{
    int i;

    *length = -1;
    for (i = 0; i < headers->nelts; i++) {
        const mp_pair *pair = &APR_ARRAY_IDX(headers, i, mp_pair);
        PyObject *text;

        if (ap_cstr_casecmp(pair->name, "Content-Length") || parse_length(pair->value, length) == 0)
            continue;
        text = PyUnicode_DecodeLatin1(pair->value, (Py_ssize_t)strlen(pair->value), NULL);
        if (text)
            PyErr_Format(PyExc_ValueError, "invalid Content-Length header value: %R", text);
        Py_XDECREF(text);
        return -1;
    }
    return 0;
}
