/* The door between a request's objects and its gateway. */
#include "wsgi/wsgi.h"

#include <stdarg.h>

mp_wsgi_call *mp_wsgi_call_new(mp_wsgi_state *state, mp_gateway *gateway, const mp_wsgi_target *target)
{
    mp_wsgi_call *call = PyObject_New(mp_wsgi_call, state->Call_Type);

    if (!call)
        return NULL;
    memset((char *)call + sizeof(PyObject), 0, sizeof(*call) - sizeof(PyObject));
    call->vectorcall = state->start_response;
    call->state = state;
    call->gateway = gateway;
    call->target = target;
    call->length = -1;
    return call;
}

/* Detached pauses: whoever is inside comes out when its client has sent, or taken, something. */
static void wait_until_free(mp_wsgi_call *call)
{
    while (call->busy) {
        Py_BEGIN_ALLOW_THREADS
        apr_sleep(apr_time_from_msec(1));
        Py_END_ALLOW_THREADS
    }
}

void mp_wsgi_call_end(mp_wsgi_call *call)
{
    wait_until_free(call);
    call->gateway = NULL;
    call->target = NULL;
    call->headers = NULL;
    call->line = NULL;
    if (call->capsule)          /* who kept it must not find the request any more */
        PyCapsule_SetName(call->capsule, "apache.request_rec of a request that is over");
    Py_CLEAR(call->capsule);
    Py_CLEAR(call->gateway_error);
}

mp_gateway *mp_wsgi_enter(mp_wsgi_call *call, const char *what)
{
    if (call->busy)
        wait_until_free(call);
    if (!call->gateway) {
        PyErr_Format(PyExc_RuntimeError, "%s after request completed", what);
        return NULL;
    }
    call->busy = 1;
    return call->gateway;
}

void mp_wsgi_leave(mp_wsgi_call *call)
{
    call->busy = 0;
}

void mp_wsgi_gateway_failed(mp_wsgi_call *call, const char *format, ...)
{
    PyObject *text, *error;
    va_list arguments;

    va_start(arguments, format);
    text = PyUnicode_FromFormatV(format, arguments);
    va_end(arguments);
    error = text ? PyObject_CallOneArg(PyExc_OSError, text) : NULL;
    Py_XDECREF(text);
    if (!error)
        return;
    PyErr_SetObject(PyExc_OSError, error);
    Py_XSETREF(call->gateway_error, error);
}
