#include "handlers/phases.h"

#include "api/types.h"
#include "handlers/answer.h"
#include "handlers/debugger.h"
#include "handlers/modules.h"
#include "handlers/result.h"
#include "runtime/error.h"
#include "runtime/lease.h"

/* With which results a stack goes on to its next handler; every other result is the phase's. */
static int goes_on(mp_phase phase, int result)
{
    switch (phase) {
    case MP_TRANS:
    case MP_AUTHEN:
    case MP_AUTHZ:
    case MP_TYPE:
        return result == DECLINED;
    case MP_CLEANUP:
        return 1;
    default:
        return result == OK || result == DECLINED;
    }
}

/* A handler that failed: log lines, and a 500 or the report of PythonDebug. Attached, with the exception set. */
static int failed(request_rec *r, const mp_visit *visit, const mp_handler *handler)
{
    const char *what = apr_pstrcat(r->pool, mp_host->phase_directive(visit->phase), " ",
                                   handler->callable ? "(callable)" : handler->text, NULL);
    int to_client = visit->phase != MP_LOG && visit->phase != MP_CLEANUP;
    int debug = to_client && mp_host->flag(r, "PythonDebug", mp_host->dir_conf(r)->debug, 0);
    char *traceback = mp_error_log(mp_at_request(r), "MP0010", what, visit->interpreter, debug ? r->pool : NULL);
    int status = HTTP_INTERNAL_SERVER_ERROR;

    if (to_client) {
        Py_BEGIN_ALLOW_THREADS
        status = mp_answer_failure(r, what, traceback);
        Py_END_ALLOW_THREADS
    }
    return status;
}

/* Attached. 0 with *result, 1 if a silent handler has nothing for this phase, -1 with an exception. */
static int call(mp_state *state, request_rec *r, const mp_handler *handler, mp_phase phase, PyObject *req, int *result)
{
    PyObject *function = mp_modules_function(state, r, r->server, handler, phase, req);
    PyObject *value = NULL;
    int ret = -1;

    if (!function && !PyErr_Occurred())
        return 1;
    if (function == Py_None && handler->silent) {       /* resolve_object's way to say so */
        Py_DECREF(function);
        return 1;
    }
    if (function)
        value = mp_debugger_call(mp_at_request(r), function, req);
    if (value && phase == MP_CLEANUP)
        ret = 0;                        /* whatever it returns */
    else
        ret = mp_result_take(state, r, handler, value, result);
    Py_XDECREF(value);
    Py_XDECREF(function);
    return ret;
}

/* What req.add_handler() added to this phase, also in the handler that just ran. */
static mp_handler *added(const request_rec *r, mp_phase phase)
{
    const mp_request_conf *conf = mp_host->request_conf_find(r);

    return conf ? conf->added[phase] : NULL;
}

static int run_stack(mp_state *state, request_rec *r, const mp_visit *visit, PyObject *req)
{
    mp_running now = { (int)visit->phase, NULL, visit->extension }, before;
    mp_handler *handler = visit->stack;
    int configured = handler != NULL, result = DECLINED;

    mp_request_running(req, &now, &before);
    if (!configured)
        handler = added(r, visit->phase);
    while (handler) {
        mp_running ignored;
        int answer;

        now.handler = handler;
        mp_request_running(req, &now, &ignored);
        answer = call(state, r, handler, visit->phase, req, &result);
        if (answer < 0) {
            result = failed(r, visit, handler);
            break;
        }
        if (answer == 0 && !goes_on(visit->phase, result))
            break;
        handler = handler->next;
        if (!handler && configured) {
            configured = 0;
            handler = added(r, visit->phase);
        }
    }
    mp_request_running(req, &before, &now);
    return result;
}

int mp_phases_run(request_rec *r, const mp_visit *visit)
{
    int result = HTTP_INTERNAL_SERVER_ERROR;
    PyObject *req;
    mp_lease lease;

    if (mp_lease_take(&lease, visit->interpreter, mp_at_request(r)) != APR_SUCCESS)
        return result;
    req = mp_request_from(lease.interp->api, r);
    if (req) {
        result = run_stack(lease.interp->api, r, visit, req);
        mp_request_done(req);
    }
    else
        mp_error_log(mp_at_request(r), "MP0011", "making the request object", visit->interpreter, NULL);
    mp_lease_release(&lease);
    if (visit->phase != MP_CONTENT)
        return result;
    if (result == HTTP_OK) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "MP0012: %s returned apache.HTTP_OK, which is taken as "
                      "apache.OK; the status of the answer is req.status", mp_host->phase_directive(visit->phase));
        result = OK;
    }
    /* httpd has ended the answer itself, as it does for a body that breaks LimitRequestBody: no second error page. */
    return r->eos_sent && result >= HTTP_BAD_REQUEST ? DONE : result;
}
