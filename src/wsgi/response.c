/* start_response() and write(), and what goes through the gateway to the client. */
#include "wsgi/watch.h"

#include "api/args.h"

static int raise_if_over(const mp_wsgi_call *call, const char *what)
{
    if (call->gateway)
        return 0;
    PyErr_Format(PyExc_RuntimeError, "%s after request completed", what);
    return -1;
}

/* start_response */

static void raise_again(PyObject *exc_info)
{
    PyObject *value = PyTuple_GET_ITEM(exc_info, 1), *traceback = PyTuple_GET_ITEM(exc_info, 2);

    if (traceback == Py_None || PyException_SetTraceback(value, traceback) == 0)
        PyErr_SetObject((PyObject *)Py_TYPE(value), value);
}

/* 1: there is one, 0: there is none; -1 with an exception. */
static int check_exc_info(PyObject *exc_info)
{
    if (!exc_info || exc_info == Py_None)
        return 0;
    if (PyTuple_Check(exc_info) && PyTuple_GET_SIZE(exc_info) == 3)
        return 1;
    PyErr_SetString(PyExc_RuntimeError, "start_response() argument 'exc_info' must be a 3-tuple or None");
    return -1;
}

static PyObject *write_method(PyObject *self, PyObject *data);
static PyMethodDef write_def = { "write", write_method, METH_O, "Sends bytes of the answer." };

static PyObject *start_response(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    static const mp_signature signature = { "start_response()", 2, { "status", "headers", "exc_info" } };
    mp_wsgi_call *call = (mp_wsgi_call *)self;
    PyObject *given[MP_ARGS_MAX];
    apr_array_header_t *headers;
    mp_gateway *gateway;
    const char *line;
    int status, failed, taken;

    if (raise_if_over(call, "start_response() called") < 0 ||
        mp_args_take(&signature, args, PyVectorcall_NARGS(nargsf), kwnames, given) < 0 ||
        (failed = check_exc_info(given[2])) < 0)
        return NULL;
    if (call->head_sent && failed && PyExceptionInstance_Check(PyTuple_GET_ITEM(given[2], 1)))
        return raise_again(given[2]), NULL;
    if (call->head_sent) {
        PyErr_SetString(PyExc_RuntimeError, "start_response() called more than once without exc_info");
        return NULL;
    }
    if (!(gateway = mp_wsgi_enter(call, "start_response() called")))     /* its pool is one thread's at a time */
        return NULL;
    taken = mp_wsgi_status_from(given[0], gateway->pool, &status, &line) == 0 &&
            (headers = mp_wsgi_headers_from(given[1], gateway->pool)) != NULL;
    mp_wsgi_leave(call);
    if (!taken)
        return NULL;
    call->status = status;
    call->line = line;
    call->headers = headers;
    call->head_ready = 0;
    if (call->watch)
        mp_wsgi_watch_response(call, given[0], given[1], given[2]);
    return PyCFunction_New(&write_def, self);
}

/* The answer */

int mp_wsgi_sends_body(const mp_wsgi_call *call)
{
    return !call->gateway->is_head && call->status >= HTTP_OK && !AP_STATUS_IS_HEADER_ONLY(call->status);
}

int mp_wsgi_is_short(const mp_wsgi_call *call)
{
    return call->length >= 0 && call->sent < call->length && mp_wsgi_sends_body(call);
}

int mp_wsgi_prepare_head(mp_wsgi_call *call, apr_off_t known)
{
    mp_pair *pair;

    if (!call->status) {
        PyErr_SetString(PyExc_RuntimeError, "start_response() must be called before response content is produced");
        return -1;
    }
    if (call->head_ready)
        return 0;
    if (mp_wsgi_length_of(call->headers, &call->length) < 0)
        return -1;
    call->head_ready = 1;
    /* Nothing after HEAD says nothing of what GET would give. */
    if (known < 0 || call->length >= 0 || call->status < HTTP_OK || AP_STATUS_IS_HEADER_ONLY(call->status) ||
        (known == 0 && call->gateway->is_head))
        return 0;
    pair = apr_array_push(call->headers);
    pair->name = "Content-Length";
    pair->value = apr_off_t_toa(call->gateway->pool, known);
    call->length = known;
    return 0;
}

/* Detached. */
static apr_status_t send_head(mp_wsgi_call *call, mp_gateway *gateway, int is_sent)
{
    return is_sent ? APR_SUCCESS : gateway->calls->head(gateway, call->status, call->line, call->headers);
}

static apr_off_t within_length(const mp_wsgi_call *call, apr_off_t n)
{
    return call->length >= 0 && n > call->length - call->sent ? call->length - call->sent : n;
}

static void count_write(mp_wsgi_watch *watch, apr_off_t n, apr_time_t time)
{
    watch->output_writes++;
    watch->output_length += n;
    watch->output_time += time;
}

int mp_wsgi_send(mp_wsgi_call *call, const char *data, Py_ssize_t n, mp_push push)
{
    apr_time_t before;
    apr_status_t status;
    mp_gateway *gateway;
    int is_sent;

    if (!(gateway = mp_wsgi_enter(call, "write() called")))
        return -1;
    if (mp_wsgi_prepare_head(call, -1) < 0) {
        mp_wsgi_leave(call);
        return -1;
    }
    n = (Py_ssize_t)within_length(call, n);
    if (call->lost || (n == 0 && push != MP_PUSH_LAST && push != MP_PUSH_END)) {
        mp_wsgi_leave(call);
        return 0;
    }
    is_sent = call->head_sent;
    before = call->watch ? apr_time_now() : 0;
    call->head_sent = 1;
    Py_BEGIN_ALLOW_THREADS
    status = send_head(call, gateway, is_sent);
    if (status == APR_SUCCESS)
        status = gateway->calls->write(gateway, data, (apr_size_t)n, push);
    Py_END_ALLOW_THREADS
    if (call->watch)
        count_write(call->watch, n, apr_time_now() - before);
    call->sent += n;
    call->lost = status;
    mp_wsgi_leave(call);
    return 0;
}

int mp_wsgi_send_file(mp_wsgi_call *call, int fd, apr_off_t offset, apr_off_t n)
{
    apr_time_t before;
    apr_status_t status;
    mp_gateway *gateway;
    int is_sent;

    if (!(gateway = mp_wsgi_enter(call, "write() called")))
        return -1;
    n = within_length(call, n);
    is_sent = call->head_sent;
    before = call->watch ? apr_time_now() : 0;
    call->head_sent = 1;
    Py_BEGIN_ALLOW_THREADS
    status = send_head(call, gateway, is_sent);
    if (status == APR_SUCCESS && n > 0)
        status = gateway->calls->send_file(gateway, fd, offset, n);
    Py_END_ALLOW_THREADS
    if (call->watch)
        count_write(call->watch, n, apr_time_now() - before);
    call->sent += n;
    call->lost = status;
    mp_wsgi_leave(call);
    return 0;
}

int mp_wsgi_check_item(PyObject *item)
{
    if (PyBytes_Check(item))
        return 0;
    PyErr_Format(PyExc_TypeError, "response iterable must yield bytes, not %.200s", Py_TYPE(item)->tp_name);
    return -1;
}

static PyObject *write_method(PyObject *self, PyObject *data)
{
    mp_wsgi_call *call = (mp_wsgi_call *)self;
    char reason[128];

    if (raise_if_over(call, "write() called") < 0)
        return NULL;
    if (!PyBytes_Check(data))
        return PyErr_Format(PyExc_TypeError, "write() argument must be bytes, not %.200s", Py_TYPE(data)->tp_name);
    if (mp_wsgi_send(call, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), MP_PUSH_NOW) < 0)
        return NULL;
    if (!call->lost)
        Py_RETURN_NONE;
    if (APR_STATUS_IS_ECONNABORTED(call->lost) || APR_STATUS_IS_ECONNRESET(call->lost) ||
        APR_STATUS_IS_EPIPE(call->lost))
        mp_wsgi_gateway_failed(call, "mod_wsgi client connection closed");
    else
        mp_wsgi_gateway_failed(call, "mod_wsgi failed to write response data: %s",
                               apr_strerror(call->lost, reason, sizeof(reason)));
    return NULL;
}

/* The type */

static void call_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_XDECREF(((mp_wsgi_call *)self)->capsule);
    Py_XDECREF(((mp_wsgi_call *)self)->gateway_error);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMemberDef call_members[] = {
    { "__vectorcalloffset__", T_PYSSIZET, offsetof(mp_wsgi_call, vectorcall), READONLY, NULL },
    { NULL, 0, 0, 0, NULL }
};

static PyType_Slot call_slots[] = {
    { Py_tp_dealloc, call_dealloc },
    { Py_tp_call, PyVectorcall_Call },
    { Py_tp_members, call_members },
    { Py_tp_doc, "start_response(status, headers, exc_info=None): begins the answer, and returns write()." },
    { 0, NULL }
};

static PyType_Spec call_spec = {
    .name = "mod_wsgi.StartResponse",
    .basicsize = sizeof(mp_wsgi_call),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = call_slots,
};

int mp_wsgi_call_type_add(PyObject *module, mp_wsgi_state *state)
{
    state->Call_Type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &call_spec, NULL);
    state->start_response = start_response;
    return state->Call_Type ? 0 : -1;
}
