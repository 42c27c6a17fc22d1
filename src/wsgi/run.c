/* One request: the application is called, its result iterated and sent, close() called once, and all failures logged.
 *
 * What fails before the first byte is a status for httpd's error page; what fails later cuts the answer, so that the
 * client, and caches, see that it is no whole one.
 */
#include "wsgi/watch.h"

#include "runtime/bound.h"
#include "runtime/error.h"
#include "runtime/lease.h"

#define WORTH_SENDING 8192      /* smaller items of a list wait for the next ones: httpd copies them */

static void log_failure(mp_wsgi_call *call, const char *code, const char *doing)
{
    const char *what = apr_pstrcat(call->gateway->pool, doing, " WSGI script '", call->target->script, "'", NULL);

    mp_error_log(mp_at_gateway(call->gateway), code, what, call->target->interpreter, NULL);
}

/* The client's doing, not the application's: no error, and no traceback. */
static void log_client_failure(mp_wsgi_call *call, PyObject *error)
{
    PyObject *text = PyObject_Str(error);
    const char *utf8 = text ? PyUnicode_AsUTF8(text) : NULL;

    PyErr_Clear();
    mp_log(mp_at_gateway(call->gateway), APLOG_INFO, "MP0334: WSGI script '%s' gave up: %s", call->target->script,
           utf8 ? utf8 : "OSError");
    Py_XDECREF(text);
}

/* With an exception that the application raised, or let through: the status to answer with. */
static int failed(mp_wsgi_call *call)
{
    PyObject *type, *value, *traceback;
    mp_gateway *gateway = call->gateway;
    int status = HTTP_INTERNAL_SERVER_ERROR, ours;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    ours = call->gateway_error && value == call->gateway_error;
    if (call->watch)
        mp_wsgi_watch_exception(call, type, value, traceback);
    if (PyErr_GivenExceptionMatches(type, call->state->RequestTimeout)) {
        status = HTTP_GATEWAY_TIME_OUT;
        mp_log(mp_at_gateway(gateway), APLOG_INFO, "Request interrupted by RequestTimeout; thread recovered.");
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(traceback);
    }
    else if (ours) {
        if (gateway->read_status)
            status = gateway->read_status;
        log_client_failure(call, value);
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(traceback);
    }
    else {
        PyErr_Restore(type, value, traceback);
        log_failure(call, "MP0332", "processing");
    }
    if (!call->head_sent)
        return status;
    if (!call->lost) {
        Py_BEGIN_ALLOW_THREADS
        gateway->calls->cut(gateway);
        Py_END_ALLOW_THREADS
    }
    return OK;
}

/* The result */

/* All items are there: what is small goes out together, and the end with the last one. */
static int send_sequence(mp_wsgi_call *call, PyObject *items)
{
    Py_ssize_t i;

    for (i = 0; i < PySequence_Fast_GET_SIZE(items) && !call->lost; i++) {
        PyObject *item = Py_NewRef(PySequence_Fast_GET_ITEM(items, i));
        int last = i + 1 == PySequence_Fast_GET_SIZE(items), ret = mp_wsgi_check_item(item);
        Py_ssize_t n = ret == 0 ? PyBytes_GET_SIZE(item) : 0;

        if (ret == 0 && last && i == 0)
            ret = mp_wsgi_prepare_head(call, n);
        if (ret == 0 && last && call->length >= 0 && call->sent + n < call->length)
            last = 0;                   /* too short: finish() will see */
        if (ret == 0)
            ret = mp_wsgi_send(call, PyBytes_AS_STRING(item), n,
                               last ? MP_PUSH_LAST : n >= WORTH_SENDING ? MP_PUSH_NOW : MP_PUSH_LATER);
        Py_DECREF(item);
        if (ret < 0)
            return -1;
        if (last)
            return 0;
    }
    return 0;
}

/* Each item is on its way before the next one is asked for. */
static int send_items(mp_wsgi_call *call, PyObject *result)
{
    PyObject *iterator = PyObject_GetIter(result), *item;
    int ret = iterator ? 0 : -1;

    while (ret == 0 && !call->lost && (item = PyIter_Next(iterator))) {
        ret = mp_wsgi_check_item(item);
        if (ret == 0 && PyBytes_GET_SIZE(item))
            ret = mp_wsgi_send(call, PyBytes_AS_STRING(item), PyBytes_GET_SIZE(item), MP_PUSH_NOW);
        Py_DECREF(item);
    }
    Py_XDECREF(iterator);
    return ret < 0 || PyErr_Occurred() ? -1 : 0;
}

static int is_sequence(PyObject *result)
{
    return PyList_CheckExact(result) || PyTuple_CheckExact(result);
}

static int send_result(mp_wsgi_call *call, PyObject *result)
{
    int done;

    if (is_sequence(result))
        return send_sequence(call, result);
    done = mp_wsgi_send_wrapped(call, result);
    return done ? done : send_items(call, result);
}

/* All was iterated. A short answer must not pass for a whole one. */
static int finish(mp_wsgi_call *call, int is_last)
{
    if (call->lost)
        return 0;
    if (!call->head_sent && mp_wsgi_prepare_head(call, -1) < 0)
        return -1;
    if (!mp_wsgi_is_short(call))
        return call->head_sent ? 0 : mp_wsgi_send(call, "", 0, is_last ? MP_PUSH_LAST : MP_PUSH_END);
    mp_log(mp_at_gateway(call->gateway), APLOG_ERR, "MP0335: WSGI script '%s' gave %" APR_OFF_T_FMT " bytes, and its "
           "Content-Length is %" APR_OFF_T_FMT "; the answer is cut", call->target->script, call->sent, call->length);
    if (!call->head_sent && mp_wsgi_send(call, "", 0, MP_PUSH_NOW) < 0)
        return -1;
    Py_BEGIN_ALLOW_THREADS
    call->gateway->calls->cut(call->gateway);
    Py_END_ALLOW_THREADS
    return 0;
}

/* Once, whatever happened before. */
static void close_result(mp_wsgi_call *call, PyObject *result)
{
    PyObject *method, *value = NULL;

    if (is_sequence(result))
        return;
    method = PyObject_GetAttr(result, call->state->str_close);
    if (!method && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        return;
    }
    if (method)
        value = PyObject_CallNoArgs(method);
    if (!value)
        log_failure(call, "MP0333", "close() of the result of");
    Py_XDECREF(value);
    Py_XDECREF(method);
}

/* The call */

/* A subscriber to events may have put another application there. */
static PyObject *call_application(mp_wsgi_call *call, PyObject **application, mp_wsgi_errors *errors)
{
    PyObject *input = mp_wsgi_input_new(call);
    PyObject *arguments[2] = { input ? mp_wsgi_environ(call, input, errors->text) : NULL, (PyObject *)call };
    PyObject *result = NULL;

    Py_XDECREF(input);
    if (arguments[0] && call->watch)
        mp_wsgi_watch_application(call, arguments[0], application);
    if (arguments[0])
        result = PyObject_Vectorcall(*application, arguments, 2, NULL);
    Py_XDECREF(arguments[0]);
    return result;
}

static int serve(mp_wsgi_call *call, PyObject **application)
{
    mp_wsgi_errors errors;
    PyObject *result;
    int status = OK;

    if (mp_wsgi_errors_take(call, &errors) < 0)
        return failed(call);
    result = call_application(call, application, &errors);
    if (!result || send_result(call, result) < 0 || finish(call, is_sequence(result)) < 0)
        status = failed(call);
    if (result)
        close_result(call, result);
    mp_wsgi_errors_done(call, &errors);
    Py_XDECREF(result);
    return status;
}

/* There is no application: why, and what to answer. */
static int not_loaded(mp_wsgi_call *call)
{
    if (!PyErr_Occurred())
        return DECLINED;
    if (PyErr_ExceptionMatches(call->state->RequestTimeout))
        return failed(call);
    log_failure(call, "MP0331", "loading");
    return HTTP_INTERNAL_SERVER_ERROR;
}

int mp_wsgi_run(mp_gateway *gateway, const mp_wsgi_target *target)
{
    int status = HTTP_INTERNAL_SERVER_ERROR;
    PyObject *application;
    mp_wsgi_state *state;
    mp_wsgi_call *call;
    mp_lease lease;

    apr_time_t before = mp_wsgi_metrics_on() ? apr_time_now() : 0;

    if (!mp_bound_admits(target, mp_at_gateway(gateway)))
        return HTTP_SERVICE_UNAVAILABLE;
    if (mp_lease_take(&lease, target->interpreter, mp_at_gateway(gateway)) != APR_SUCCESS)
        return status;
    state = lease.interp->wsgi;
    call = mp_wsgi_call_new(state, gateway, target);
    if (call) {
        mp_wsgi_watch_begin(call, before ? apr_time_now() - before : 0);
        mp_wsgi_may_interrupt(call);
        application = mp_wsgi_application(state, target);
        if (application) {
            if (gateway->calls->begin)
                gateway->calls->begin(gateway);
            status = serve(call, &application);
        }
        else
            status = not_loaded(call);
        mp_wsgi_may_not_interrupt(call);
        Py_XDECREF(application);
        mp_wsgi_call_end(call);
        mp_wsgi_watch_end(call, gateway);
        Py_DECREF(call);
    }
    else
        mp_error_log(mp_at_gateway(gateway),
                     "MP0336", "making the objects of a WSGI request", target->interpreter, NULL);
    mp_wsgi_lines_finish(state);
    mp_lease_release(&lease);
    return status;
}
