/* mp_request: its life, dynamic attributes, cleanups. */
#include "api/request.h"
#include "runtime/error.h"
#include "runtime/lease.h"

int mp_request_traverse(PyObject *self, visitproc visit, void *arg)
{
    mp_request *req = (mp_request *)self;

    Py_VISIT(Py_TYPE(self));
    for (int i = 0; i < MP_REQUEST_TABLES; i++)
        Py_VISIT(req->tables[i]);
    Py_VISIT(req->dict);
    Py_VISIT(req->connection);
    Py_VISIT(req->server);
    Py_VISIT(req->hlist);
    Py_VISIT(req->cleanups);
    Py_VISIT(req->callables);
    return 0;
}

/* What hangs on the request's pool must not outlive this object: nobody else would expire it. */
int mp_request_clear(PyObject *self)
{
    mp_request *req = (mp_request *)self;

    for (int i = 0; i < MP_REQUEST_TABLES; i++)
        if (req->tables[i]) {
            mp_table_expire(req->tables[i]);
            Py_CLEAR(req->tables[i]);
        }
    if (req->hlist) {
        mp_hlist_expire(req->hlist);
        Py_CLEAR(req->hlist);
    }
    Py_CLEAR(req->dict);
    Py_CLEAR(req->connection);
    Py_CLEAR(req->server);
    Py_CLEAR(req->cleanups);
    Py_CLEAR(req->callables);
    return 0;
}

static void leave_place(mp_request *req)
{
    if (req->place)
        req->place->object = NULL;
    req->place = NULL;
    req->conf = NULL;
}

void mp_request_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    leave_place((mp_request *)self);
    mp_request_clear(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static mp_request_place *place_of(mp_request_conf *conf, request_rec *r, const mp_interp *interp)
{
    mp_request_place *place;

    for (place = conf->objects; place; place = place->next)
        if (place->interp == interp)
            return place;
    place = apr_palloc(r->pool, sizeof(*place));
    place->interp = interp;
    place->object = NULL;
    place->next = conf->objects;
    return conf->objects = place;
}

PyObject *mp_request_from(mp_state *state, request_rec *r)
{
    mp_request_conf *conf = mp_host->request_conf(r);
    mp_request_place *place = place_of(conf, r, state->interp);
    mp_request *req;

    if (place->object)
        return Py_NewRef(place->object);
    req = PyObject_GC_New(mp_request, state->Request_Type);
    if (!req)
        return NULL;
    memset((char *)req + sizeof(PyObject), 0, sizeof(*req) - sizeof(PyObject));
    req->head.state = state;
    req->head.rec = r;
    req->conf = conf;
    req->place = place;
    req->running.phase = -1;
    place->object = (PyObject *)req;
    PyObject_GC_Track(req);
    return (PyObject *)req;
}

PyObject *mp_request_share(mp_state *state, request_rec *r)
{
    PyObject *req = mp_request_from(state, r);

    if (req)
        mp_request_keep((mp_request *)req);
    return req;
}

/* The text of what failed, for the log; never fails. */
static const char *name_of(PyObject *callable, apr_pool_t *p)
{
    PyObject *repr = PyObject_Repr(callable);
    const char *text = repr ? PyUnicode_AsUTF8(repr) : NULL;
    const char *name = apr_pstrcat(p, "cleanup ", text ? text : "function", NULL);

    if (!text)
        PyErr_Clear();
    Py_XDECREF(repr);
    return name;
}

/* Last in, first out; what a function registers runs next. req.phase is None meanwhile. */
static void run_cleanups(mp_request *req)
{
    const mp_running none = { -1, NULL, NULL };
    mp_running before;
    Py_ssize_t n;

    if (!req->cleanups)
        return;
    mp_request_running((PyObject *)req, &none, &before);
    while (req->cleanups && (n = PyList_GET_SIZE(req->cleanups)) > 0) {
        PyObject *entry = Py_NewRef(PyList_GET_ITEM(req->cleanups, n - 1));
        PyObject *callable = PyTuple_GET_ITEM(entry, 0), *result = NULL;
        request_rec *r = req->head.rec;

        if (PyList_SetSlice(req->cleanups, n - 1, n, NULL) == 0)
            result = PyObject_CallOneArg(callable, PyTuple_GET_ITEM(entry, 1));
        if (!result) {
            PyObject *type, *value, *traceback;

            PyErr_Fetch(&type, &value, &traceback);
            const char *what = name_of(callable, r->pool);
            PyErr_Restore(type, value, traceback);
            mp_error_log(mp_at_request(r), "MP0040", what, req->head.state->interp->name, NULL);
        }
        Py_XDECREF(result);
        Py_DECREF(entry);
    }
    mp_request_running((PyObject *)req, &before, &before);
}

/* Attached: nobody reaches the record any more. A kept object's place gives its reference back. */
static void end(mp_request *req)
{
    int kept = req->kept;

    mp_object_expire((PyObject *)req);
    leave_place(req);
    memset(&req->body, 0, sizeof(req->body));
    memset(&req->before_response, 0, sizeof(req->before_response));
    req->running = (mp_running){ -1, NULL, NULL };
    mp_request_clear((PyObject *)req);
    req->kept = 0;
    if (kept)
        Py_DECREF(req);
}

static apr_status_t end_late(void *req_)
{
    mp_request *req = req_;
    request_rec *r = req->head.rec;
    mp_lease lease;

    if (mp_lease_take_interp(&lease, req->head.state->interp, mp_at_request(r)) == APR_SUCCESS) {
        end(req);
        mp_lease_release(&lease);
    }
    return APR_SUCCESS;
}

/* Pre-cleanup of the request's pool, for a kept object; detached or not.
 *
 * There is no lease when the process is ending. Then the object is left as it is: without the GIL nothing of it may
 * be changed, and interpreters are not torn down, so nothing visits it either. Only a thread of the application's that
 * runs on into the end of its process could still use it, in the moments until exit(). */
static apr_status_t close_request(void *req_)
{
    mp_request *req = req_;
    request_rec *r = req->head.rec;
    mp_lease lease;

    if (mp_lease_take_interp(&lease, req->head.state->interp, mp_at_request(r)) != APR_SUCCESS) {
        if (req->cleanups)
            ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "MP0041: the process is ending: functions given to "
                          "req.register_cleanup() were not run");
        return APR_SUCCESS;
    }
    req->closing = 1;
    run_cleanups(req);
    if (req->conf->cleanup_registered && !req->cleaned)     /* PythonCleanupHandler comes first */
        apr_pool_cleanup_register(r->pool, req, end_late, apr_pool_cleanup_null);
    else
        end(req);
    mp_lease_release(&lease);
    return APR_SUCCESS;
}

void mp_request_keep(mp_request *req)
{
    request_rec *r = req->head.rec;

    if (req->kept || !r)
        return;
    req->kept = 1;
    Py_INCREF(req);
    apr_pool_pre_cleanup_register(r->pool, req, close_request);
}

void mp_request_running(PyObject *self, const mp_running *now_, mp_running *before)
{
    mp_request *req = (mp_request *)self;
    mp_running now = *now_;

    *before = req->running;
    if (now.phase == MP_CLEANUP && !req->cleaned) {
        req->closing = req->cleaned = 1;
        run_cleanups(req);                  /* they run before PythonCleanupHandler, whichever the pool calls first */
    }
    if (req->hlist && now.handler != req->running.handler) {
        mp_hlist_expire(req->hlist);
        Py_CLEAR(req->hlist);
    }
    if (now.phase != req->running.phase && req->conf && req->conf->tables_of)
        mp_request_follow_config(req, req->head.rec);
    req->running = now;
}

/* There is a part of the body that only this object has. */
static int has_body(const mp_request *req)
{
    const mp_request_body *body = &req->body;

    return body->unread && (body->error || body->refused || !APR_BRIGADE_EMPTY(body->unread));
}

/* Something of this object must be there for whoever comes next. */
static int is_needed(mp_request *req)
{
    if (Py_REFCNT(req) > 1 || req->dict || has_body(req) || (req->hlist && Py_REFCNT(req->hlist) > 1))
        return 1;
    for (int i = 0; i < MP_REQUEST_TABLES; i++)
        if (req->tables[i] && Py_REFCNT(req->tables[i]) > 1)
            return 1;
    return 0;
}

void mp_request_done(PyObject *self)
{
    mp_request *req = (mp_request *)self;

    if (!req->kept && req->closing && req->head.rec)
        run_cleanups(req);                  /* PythonCleanupHandler has made this object and registered some */
    if (!req->kept && req->head.rec && is_needed(req)) {
        if (req->closing)
            end(req);                       /* the pool's pre-cleanups may be over */
        else
            mp_request_keep(req);
    }
    Py_DECREF(self);
}

request_rec *mp_request_enter(PyObject *self)
{
    mp_request *req = (mp_request *)self;
    request_rec *r = mp_object_rec(self);
    unsigned long me = PyThread_get_thread_ident();

    if (!r)
        return NULL;
    if (req->closing) {
        PyErr_SetString(PyExc_OSError, "the answer has been sent: a cleanup can neither read nor write");
        return NULL;
    }
    if (req->head.in_flight && req->thread != me) {
        PyErr_SetString(PyExc_RuntimeError, "another thread is reading, writing or redirecting this request; only one "
                        "may at a time");
        return NULL;
    }
    req->thread = me;
    return r;
}

PyObject *mp_request_table_of(mp_request *req, mp_request_table which, apr_table_t *table)
{
    PyObject **at = &req->tables[which];

    if (*at)
        ((mp_object *)*at)->rec = table;    /* mod_dir and error pages give the request_rec other tables */
    else if (!(*at = mp_table_from(req->head.state, table)))
        return NULL;
    else if (which == MP_HEADERS_OUT || which == MP_ERR_HEADERS_OUT)
        mp_table_guard_headers(*at);
    return Py_NewRef(*at);
}

PyObject *mp_request_register_cleanup(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "register_cleanup()", 1, { "callable", "data" } };
    mp_request *req = (mp_request *)self;
    PyObject *given[MP_ARGS_MAX], *entry = NULL;
    int status = -1;

    if (mp_args_take(&signature, args, nargs, kwnames, given) < 0)
        return NULL;
    if (!PyCallable_Check(given[0]))
        return PyErr_Format(PyExc_ValueError, "register_cleanup() takes a callable first, not %.200s",
                            Py_TYPE(given[0])->tp_name);
    entry = PyTuple_Pack(2, given[0], given[1] ? given[1] : Py_None);
    if (!entry || !mp_object_rec(self))
        goto done;
    if (!req->cleanups && !(req->cleanups = PyList_New(0)))
        goto done;
    status = PyList_Append(req->cleanups, entry);
    if (status == 0 && !req->closing)
        mp_request_keep(req);
done:
    Py_XDECREF(entry);
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

int mp_request_setattro(PyObject *self, PyObject *name, PyObject *value)
{
    mp_request *req = (mp_request *)self;

    if (!mp_object_rec(self) || PyObject_GenericSetAttr(self, name, value) < 0)
        return -1;
    if (req->dict && !req->closing)
        mp_request_keep(req);
    return 0;
}
