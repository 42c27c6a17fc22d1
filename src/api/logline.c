/* Text for the error log is UTF-8; what cannot be encoded is shown escaped, so that logging does not fail. */
#include "api/logline.h"

static const char *encode(mp_logline *line, PyObject *message)
{
    Py_ssize_t n;
    const char *s;

    if (PyUnicode_IS_ASCII(message)) {
        s = (const char *)PyUnicode_1BYTE_DATA(message);
        n = PyUnicode_GET_LENGTH(message);
    }
    else {
        line->owned = PyUnicode_AsEncodedString(message, "utf-8", "backslashreplace");
        if (!line->owned)
            return NULL;
        s = PyBytes_AS_STRING(line->owned);
        n = PyBytes_GET_SIZE(line->owned);
    }
    if (strlen(s) == (size_t)n)
        return s;
    PyErr_SetString(PyExc_ValueError, "a log message must not contain a NUL character");
    return NULL;
}

int mp_logline_from(mp_logline *line, PyObject *message, PyObject *level)
{
    long number = 0;

    *line = (mp_logline){ 0 };
    if (level) {
        number = PyLong_AsLong(level);
        if (number == -1 && PyErr_Occurred())
            return -1;
        if (number < 0)
            return PyErr_Format(PyExc_ValueError, "the log level must be one of apache.APLOG_*, not %ld", number), -1;
    }
    line->level = (int)(number & APLOG_LEVELMASK);
    if (line->level == 0)
        line->level = APLOG_ERR;                /* APLOG_EMERG is not for applications; absent and 0 mean ERR */
    if (message == Py_None)
        return 0;
    if (!PyUnicode_Check(message))
        return PyErr_Format(PyExc_TypeError, "the log message must be str, not %.200s", Py_TYPE(message)->tp_name), -1;
    line->text = encode(line, message);
    if (line->text)
        return 0;
    mp_logline_done(line);
    return -1;
}

void mp_logline_done(mp_logline *line)
{
    Py_CLEAR(line->owned);
}

int mp_logline_parse(mp_logline *line, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "message", "level", NULL };
    PyObject *message, *level = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:log_error", names, &message, &level))
        return -1;
    return mp_logline_from(line, message, level);
}
