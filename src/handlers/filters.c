#include "handlers/filters.h"

#include "handlers/answer.h"
#include "handlers/debugger.h"
#include "handlers/modules.h"
#include "runtime/error.h"
#include "runtime/lease.h"

static mp_stream *stream_of(ap_filter_t *f, mp_filtering *filtering)
{
    mp_stream *s = filtering->stream;

    if (!s) {
        filtering->stream = s = apr_pcalloc(f->r->pool, sizeof(*s));
        s->kind = filtering->is_input ? MP_STREAM_INPUT : MP_STREAM_OUTPUT;
        s->out = apr_brigade_create(f->r->pool, f->c->bucket_alloc);
        if (filtering->is_input)
            s->in = apr_brigade_create(f->r->pool, f->c->bucket_alloc);
    }
    s->f = f;
    return s;
}

/* A callable runs in the interpreter that it came from. */
static apr_status_t enter(mp_lease *lease, mp_filtering *filtering, request_rec *r)
{
    const mp_handler *handler = filtering->handler;

    if (handler->callable)
        return mp_lease_take_interp(lease, handler->interp, mp_at_request(r));
    return mp_lease_take(lease, filtering->interpreter, mp_at_request(r));
}

const char *mp_filters_failed(mp_lease *lease, const mp_stream *s, const char *code, const char *what)
{
    request_rec *r = s->f->r;
    int debug = mp_host->flag(r, "PythonDebug", mp_host->dir_conf(r)->debug, 0);
    const char *traceback;

    if (s->status && PyErr_ExceptionMatches(PyExc_OSError)) {
        char reason[128];

        PyErr_Clear();
        mp_log(mp_at_request(r), APLOG_INFO, "MP0081: %s: the stream broke off: %s", what,
               mp_stream_reason(s, reason, sizeof(reason)));
        return NULL;
    }
    traceback = mp_error_log(mp_at_request(r), code, what, lease->interp->name, debug ? r->pool : NULL);
    return traceback ? mp_answer_report(r->pool, what, traceback) : NULL;
}

/* Attached: calls the function once. When it fails, the rest of the data goes by unchanged. */
static void run(mp_lease *lease, mp_stream *s, mp_filtering *filtering)
{
    mp_state *state = lease->interp->api;
    const mp_handler *handler = filtering->handler;
    mp_phase place = filtering->is_input ? MP_INPUT_FILTER : MP_OUTPUT_FILTER;
    request_rec *r = s->f->r;
    PyObject *filter, *function = NULL, *result = NULL;
    const char *report = NULL;

    s->fetched = s->again = s->used = 0;
    filter = mp_filter_from(state, s, filtering);
    if (filter)
        function = mp_modules_function(state, r, r->server, handler, place, filter);
    if (function)
        result = mp_debugger_call(mp_at_request(r), function, filter);
    if (!result) {
        report = mp_filters_failed(lease, s, "MP0080",
                                   apr_pstrcat(r->pool, filtering->name, " ", handler->callable ? "(callable)"
                                               : handler->text, NULL));
        filtering->off = 1;
    }
    Py_XDECREF(result);
    Py_XDECREF(function);
    if (filter)
        mp_filter_done(filter);
    if (report && !s->closed) {
        Py_BEGIN_ALLOW_THREADS
        mp_stream_write(s, report, strlen(report));
        Py_END_ALLOW_THREADS
    }
}

static int goes_on(const mp_stream *s, const mp_filtering *filtering)
{
    return !filtering->off && !s->closed && !s->status && mp_stream_has_work(s->in);
}

/* Attached. Batch by batch: what comes after a FLUSH bucket may be a long time in coming. What the function does not
 * read of a batch is dropped: it has put something else in its place. */
static void run_batches(mp_lease *lease, mp_stream *s, mp_filtering *filtering)
{
    do {
        run(lease, s, filtering);
        Py_BEGIN_ALLOW_THREADS
        mp_stream_forward(s, filtering->off, !filtering->off);
        if (goes_on(s, filtering))
            mp_stream_pass(s, 0);
        Py_END_ALLOW_THREADS
    } while (goes_on(s, filtering));
}

apr_status_t mp_filters_output(ap_filter_t *f, mp_filtering *filtering, apr_bucket_brigade *bb)
{
    mp_stream *s = stream_of(f, filtering);
    mp_lease lease;

    s->in = bb;
    if (goes_on(s, filtering)) {
        if (enter(&lease, filtering, f->r) != APR_SUCCESS) {
            filtering->refused = 1;
            return APR_EGENERAL;
        }
        run_batches(&lease, s, filtering);
        mp_lease_release(&lease);
    }
    mp_stream_forward(s, 1, 0);
    s->in = NULL;
    return mp_stream_pass(s, 0);
}

/* Until there is something for the consumer. Each turn takes something out of the neighbour's stream, or ends. */
static void run_until_ready(mp_lease *lease, mp_stream *s, mp_filtering *filtering, ap_input_mode_t mode)
{
    int ready;

    do {
        run(lease, s, filtering);
        Py_BEGIN_ALLOW_THREADS
        if (s->ended && !s->closed)
            mp_stream_forward(s, 0, 0);
        if (!s->used)                   /* the function was not interested */
            mp_stream_pass_on(s);
        ready = mp_stream_ready(s, mode);
        Py_END_ALLOW_THREADS
    } while (!ready && !filtering->off && !s->status && !s->again);
}

/* Detached: as run_until_ready, without the function. */
static void pass_until_ready(mp_stream *s, ap_input_mode_t mode)
{
    mp_stream_forward(s, 1, 0);
    while (!mp_stream_ready(s, mode) && !s->status && !s->again) {
        mp_stream_fetch(s);
        mp_stream_forward(s, 1, 0);
    }
}

apr_status_t mp_filters_input(ap_filter_t *f, mp_filtering *filtering, apr_bucket_brigade *bb, ap_input_mode_t mode,
                              apr_read_type_e block, apr_off_t readbytes)
{
    mp_stream *s = stream_of(f, filtering);
    apr_status_t status;
    mp_lease lease;

    if (mode == AP_MODE_EATCRLF)
        return ap_get_brigade(f->next, bb, mode, block, readbytes);
    s->block = block;
    s->wanted = readbytes > 0 ? readbytes : HUGE_STRING_LEN;
    s->again = 0;
    if (!mp_stream_ready(s, mode) && !filtering->off && !s->status) {
        if (enter(&lease, filtering, f->r) != APR_SUCCESS) {
            filtering->refused = 1;
            return APR_EGENERAL;
        }
        run_until_ready(&lease, s, filtering, mode);
        mp_lease_release(&lease);
    }
    if (filtering->off)
        pass_until_ready(s, mode);
    if (mp_stream_ready(s, mode) || (s->status && !APR_BRIGADE_EMPTY(s->out)))
        status = mp_stream_deliver(s, bb, mode);
    else
        status = s->status ? s->status : APR_EAGAIN;
    if (mp_stream_set_aside(s) != APR_SUCCESS && status == APR_SUCCESS)
        status = s->status;
    return status;
}
