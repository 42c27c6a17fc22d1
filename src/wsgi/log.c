/* wsgi.errors: an io.TextIOWrapper over a mod_wsgi.Log, which makes lines of bytes and gives them to the gateway's log.
 *
 * The wrapper hands every piece of text down at once (write_through), so what the Log has is all that there is; it does
 * not flush at line ends, which would log what stands behind them as a line of its own. Making a wrapper costs more
 * than a small request, and few applications write to it: a pair that was not touched, and that nobody else refers to,
 * serves a later request. All others are dead after their request.
 */
#include "wsgi/wsgi.h"

typedef struct {
    PyObject_HEAD
    mp_wsgi_call *call;         /* borrowed: NULL when the request is over */
    int touched;
    int warned;                 /* of text that came where bytes belong */
    int dying;                  /* the wrapper is being freed, and flushes first */
    char *partial;              /* the line in the making */
    size_t length, size;
} mp_wsgi_log;

static mp_gateway *gateway_of(PyObject *self, const char *what)
{
    mp_wsgi_log *log = (mp_wsgi_log *)self;

    log->touched = 1;
    if (log->call && log->call->gateway)
        return log->call->gateway;
    PyErr_Format(PyExc_RuntimeError, "%s called on wsgi.errors after request completed", what);
    return NULL;
}

/* One line; a NUL would end it early. */
static void put(mp_gateway *gateway, const char *line, size_t n)
{
    char text[MAX_STRING_LEN], *to = text;          /* httpd cuts its lines there, too */

    for (; n > 0 && to < text + sizeof(text) - 5; line++, n--) {
        if (*line)
            *to++ = *line;
        else {
            memcpy(to, "\\x00", 4);
            to += 4;
        }
    }
    if (to > text && to[-1] == '\r')
        to--;
    *to = '\0';
    gateway->calls->log(gateway, APLOG_ERR, text);
}

static int keep(mp_wsgi_log *log, const char *data, size_t n)
{
    if (log->length + n > log->size) {
        size_t size = 2 * (log->length + n);
        char *partial = PyMem_Realloc(log->partial, size);

        if (!partial) {
            PyErr_NoMemory();
            return -1;
        }
        log->partial = partial;
        log->size = size;
    }
    if (n)
        memcpy(log->partial + log->length, data, n);
    log->length += n;
    return 0;
}

static void put_partial(mp_wsgi_log *log, mp_gateway *gateway)
{
    if (log->length)
        put(gateway, log->partial, log->length);
    log->length = 0;
}

static int write_bytes(mp_wsgi_log *log, mp_gateway *gateway, const char *data, size_t n)
{
    const char *end;

    while (n && (end = memchr(data, '\n', n))) {
        size_t line = (size_t)(end - data);

        if (log->length) {
            if (keep(log, data, line) < 0)
                return -1;
            put_partial(log, gateway);
        }
        else
            put(gateway, data, line);
        data += line + 1;
        n -= line + 1;
    }
    while (log->length + n > MAX_STRING_LEN) {      /* a client's data must not fill the memory */
        size_t part = log->length < MAX_STRING_LEN ? MAX_STRING_LEN - log->length : 0;

        if (keep(log, data, part) < 0)
            return -1;
        put_partial(log, gateway);
        data += part;
        n -= part;
    }
    return keep(log, data, n);
}

static PyObject *encoded(mp_wsgi_log *log, PyObject *data)
{
    if (!PyUnicode_Check(data))
        return Py_NewRef(data);
    if (!log->warned && PyErr_WarnEx(PyExc_DeprecationWarning, "wsgi.errors.buffer takes bytes, not str", 1) < 0)
        return NULL;
    log->warned = 1;
    return PyUnicode_AsEncodedString(data, "utf-8", "replace");
}

static PyObject *write_data(PyObject *self, PyObject *data, const char *what)
{
    mp_wsgi_log *log = (mp_wsgi_log *)self;
    PyObject *bytes, *result = NULL;
    mp_gateway *gateway;
    Py_buffer view;

    if (!gateway_of(self, what) || !(bytes = encoded(log, data)))
        return NULL;
    if (PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) == 0) {
        if ((gateway = gateway_of(self, what)) && write_bytes(log, gateway, view.buf, (size_t)view.len) == 0)
            result = PyLong_FromSsize_t(view.len);
        PyBuffer_Release(&view);
    }
    Py_DECREF(bytes);
    return result;
}

static PyObject *log_write(PyObject *self, PyObject *data)
{
    return write_data(self, data, "write()");
}

static PyObject *log_writelines(PyObject *self, PyObject *lines)
{
    PyObject *iterator = gateway_of(self, "writelines()") ? PyObject_GetIter(lines) : NULL, *line;

    while (iterator && (line = PyIter_Next(iterator))) {
        PyObject *written = write_data(self, line, "writelines()");

        Py_DECREF(line);
        Py_XDECREF(written);
        if (!written)
            break;
    }
    Py_XDECREF(iterator);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *log_flush(PyObject *self, PyObject *Py_UNUSED(nothing))
{
    mp_gateway *gateway;

    if (((mp_wsgi_log *)self)->dying)
        Py_RETURN_NONE;
    if (!(gateway = gateway_of(self, "flush()")))
        return NULL;
    put_partial((mp_wsgi_log *)self, gateway);
    Py_RETURN_NONE;
}

/* The log stays open for what is still to be said. */
static PyObject *log_close(PyObject *self, PyObject *Py_UNUSED(nothing))
{
    ((mp_wsgi_log *)self)->touched = 1;
    Py_RETURN_NONE;
}

/* io.TextIOWrapper calls this when it is freed without having been closed. */
static PyObject *log_dealloc_warn(PyObject *self, PyObject *Py_UNUSED(wrapper))
{
    ((mp_wsgi_log *)self)->dying = 1;
    Py_RETURN_NONE;
}

static PyObject *log_no(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(nothing))
{
    Py_RETURN_FALSE;
}

static PyObject *log_yes(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(nothing))
{
    Py_RETURN_TRUE;
}

static PyObject *log_fileno(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(nothing))
{
    PyErr_SetString(PyExc_OSError, "wsgi.errors goes to httpd's error log: it has no file descriptor");
    return NULL;
}

static PyObject *get_closed(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure))
{
    Py_RETURN_FALSE;
}

static PyObject *get_text(PyObject *Py_UNUSED(self), void *text)
{
    return PyUnicode_FromString(text);
}

static PyMethodDef log_methods[] = {
    { "write", log_write, METH_O, "write(data): bytes for the log, which has lines." },
    { "writelines", log_writelines, METH_O, "writelines(pieces): each of them as write()." },
    { "flush", log_flush, METH_NOARGS, "Logs an unfinished line." },
    { "close", log_close, METH_NOARGS, "Does nothing." },
    { "_dealloc_warn", log_dealloc_warn, METH_O, NULL },
    { "isatty", log_no, METH_NOARGS, NULL },
    { "readable", log_no, METH_NOARGS, NULL },
    { "seekable", log_no, METH_NOARGS, NULL },
    { "writable", log_yes, METH_NOARGS, NULL },
    { "fileno", log_fileno, METH_NOARGS, NULL },
    { NULL, NULL, 0, NULL }
};

static PyGetSetDef log_members[] = {
    { "closed", get_closed, NULL, NULL, NULL },
    { "name", get_text, NULL, NULL, "<wsgi.errors>" },
    { "mode", get_text, NULL, NULL, "wb" },
    { NULL, NULL, NULL, NULL, NULL }
};

static void log_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyMem_Free(((mp_wsgi_log *)self)->partial);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyType_Slot log_slots[] = {
    { Py_tp_dealloc, log_dealloc },
    { Py_tp_methods, log_methods },
    { Py_tp_getset, log_members },
    { Py_tp_doc, "The error log of the request, as a stream of bytes." },
    { 0, NULL }
};

static PyType_Spec log_spec = {
    .name = "mod_wsgi.Log",
    .basicsize = sizeof(mp_wsgi_log),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = log_slots,
};

int mp_wsgi_log_type_add(PyObject *module, mp_wsgi_state *state)
{
    state->Log_Type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &log_spec, NULL);
    return state->Log_Type ? 0 : -1;
}

/* Pairs */

static int make(mp_wsgi_state *state, mp_wsgi_errors *errors)
{
    mp_wsgi_log *log = PyObject_New(mp_wsgi_log, state->Log_Type);
    PyObject *arguments = NULL, *options = NULL;

    *errors = (mp_wsgi_errors){ 0 };
    if (!log)
        return -1;
    memset((char *)log + sizeof(PyObject), 0, sizeof(*log) - sizeof(PyObject));
    errors->log = (PyObject *)log;
    arguments = PyTuple_Pack(1, errors->log);
    options = Py_BuildValue("{s:s,s:s,s:O}", "encoding", "utf-8", "errors", "replace", "write_through", Py_True);
    if (arguments && options)
        errors->text = PyObject_Call(state->text_wrapper, arguments, options);
    Py_XDECREF(options);
    Py_XDECREF(arguments);
    if (!errors->text)
        Py_CLEAR(errors->log);
    return errors->text ? 0 : -1;
}

int mp_wsgi_errors_take(mp_wsgi_call *call, mp_wsgi_errors *errors)
{
    mp_wsgi_state *state = call->state;
    mp_wsgi_log *log;

    if (state->spare_used)
        *errors = state->spare[--state->spare_used];
    else if (make(state, errors) < 0)
        return -1;
    log = (mp_wsgi_log *)errors->log;
    log->call = call;
    log->touched = 0;
    return 0;
}

/* Whether the application may have put something into the wrapper's own dictionary. */
static int has_attributes(PyObject *text)
{
    PyObject **dict = _PyObject_GetDictPtr(text);

    return dict && *dict && PyDict_GET_SIZE(*dict) > 0;
}

void mp_wsgi_errors_done(mp_wsgi_call *call, mp_wsgi_errors *errors)
{
    mp_wsgi_state *state = call->state;
    mp_wsgi_log *log = (mp_wsgi_log *)errors->log;

    put_partial(log, call->gateway);
    log->call = NULL;
    /* The log is referred to by the wrapper and by us, the wrapper by us. */
    if (!log->touched && Py_REFCNT(errors->text) == 1 && Py_REFCNT(errors->log) == 2 &&
        state->spare_used < MP_WSGI_SPARE_LOGS && !has_attributes(errors->text))
        state->spare[state->spare_used++] = *errors;
    else {
        Py_DECREF(errors->text);
        Py_DECREF(errors->log);
    }
}
