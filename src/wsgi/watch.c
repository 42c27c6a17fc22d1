#include "wsgi/watch.h"

#include "runtime/error.h"
#include "runtime/lease.h"

#include <pthread.h>

static PyObject *seconds(apr_time_t time)
{
    return PyFloat_FromDouble((double)time / APR_USEC_PER_SEC);
}

static mp_wsgi_state *state_of(PyObject *module)
{
    return PyModule_GetState(module);
}

/* Events */

static int has_subscribers(const mp_wsgi_state *state)
{
    return PyList_GET_SIZE(state->event_callbacks) > 0;
}

/* Calls each of those who are in the list now; what one returns as a dict the next ones see, and we. */
static void publish(mp_wsgi_state *state, PyObject *callbacks, const char *name, PyObject *event)
{
    PyObject *copy = PyList_AsTuple(callbacks), *arguments = Py_BuildValue("(s)", name);
    char what[64];
    Py_ssize_t i;

    apr_snprintf(what, sizeof(what), "a subscriber of %s", name);
    for (i = 0; copy && arguments && i < PyTuple_GET_SIZE(copy); i++) {
        PyObject *result = PyObject_Call(PyTuple_GET_ITEM(copy, i), arguments, event);

        if (!result || (PyDict_Check(result) && PyDict_Update(event, result) < 0))
            mp_error_log(mp_lease_where(), "MP0376", what, state->interp->name, NULL);
        Py_XDECREF(result);
    }
    if (PyErr_Occurred())
        mp_error_log(mp_lease_where(), "MP0376", what, state->interp->name, NULL);
    Py_XDECREF(arguments);
    Py_XDECREF(copy);
}

/* Takes over the reference. */
static void set(PyObject *event, const char *key, PyObject *value)
{
    if (event && value && PyDict_SetItemString(event, key, value) < 0)
        PyErr_Clear();
    if (!value)
        PyErr_Clear();      /* no memory: the subscriber will miss a key, and say so */
    Py_XDECREF(value);
}

static PyObject *data_of(mp_wsgi_call *call)
{
    if (!call->data)
        call->data = PyDict_New();
    return call->data;
}

/* With what every event of a request has. NULL, without an exception, if nobody wants it. */
static PyObject *event_of(mp_wsgi_call *call)
{
    PyObject *event;

    if (!call->watch || !has_subscribers(call->state))
        return NULL;
    event = PyDict_New();
    set(event, "request_id", Py_NewRef(call->watch->id));
    set(event, "request_data", Py_XNewRef(data_of(call)));
    if (!event)
        PyErr_Clear();
    return event;
}

static void set_times(PyObject *event, const mp_wsgi_call *call, const mp_gateway *gateway)
{
    set(event, "thread_id", PyLong_FromUnsignedLong(call->watch->thread));
    set(event, "server_pid", PyUnicode_FromString(gateway->server_pid ? gateway->server_pid : ""));
    set(event, "request_start", seconds(gateway->request_start));
    set(event, "queue_start", seconds(gateway->queue_start));
    set(event, "daemon_start", seconds(gateway->daemon_start));
    set(event, "application_start", seconds(call->watch->application_start));
}

/* The request */

static void cpu_times(struct timeval *user, struct timeval *system)
{
    struct rusage usage = { 0 };

    getrusage(RUSAGE_THREAD, &usage);
    *user = usage.ru_utime;
    *system = usage.ru_stime;
}

static apr_time_t since(struct timeval then, struct timeval now)
{
    return (now.tv_sec - then.tv_sec) * APR_USEC_PER_SEC + now.tv_usec - then.tv_usec;
}

/* httpd gives a request an id when it first logs something; the gateway's is used if there is one. */
static const char *request_id(mp_gateway *gateway)
{
    static apr_uint32_t ids;

    if (!gateway->request_id)
        gateway->request_id = apr_psprintf(gateway->pool, "%" APR_TIME_T_FMT "-%d-%u", gateway->request_start,
                                           (int)getpid(), __atomic_add_fetch(&ids, 1, __ATOMIC_RELAXED));
    return gateway->request_id;
}

static int set_active(const mp_wsgi_call *call, int is_active)
{
    PyObject *active = call->state->active_requests;

    if (!active || !call->watch)
        return 0;
    if (is_active)
        return call->data ? PyDict_SetItem(active, call->watch->id, call->data) : 0;
    if (PyDict_Contains(active, call->watch->id) == 1)
        return PyDict_DelItem(active, call->watch->id);
    return 0;
}

static void watch(mp_wsgi_call *call, apr_time_t gil_wait)
{
    mp_wsgi_watch *new = apr_pcalloc(call->gateway->pool, sizeof(*new));
    const char *id = request_id(call->gateway);

    new->id = PyUnicode_DecodeLatin1(id, (Py_ssize_t)strlen(id), NULL);
    if (!new->id) {
        PyErr_Clear();
        return;
    }
    new->thread = mp_wsgi_thread_number(call->gateway);
    new->gil_wait = gil_wait;
    new->application_start = apr_time_now();
    cpu_times(&new->user, &new->system);
    call->watch = new;
    data_of(call);
    if (set_active(call, 1) < 0)
        PyErr_Clear();
    if (mp_wsgi_metrics_on())
        mp_wsgi_metrics_begin(new);
}

void mp_wsgi_watch_begin(mp_wsgi_call *call, apr_time_t gil_wait)
{
    mp_wsgi_state *state = call->state;

    call->thread = pthread_self();
    call->next = state->running;
    if (call->next)
        call->next->previous = call;
    state->running = call;
    if (state->watching | mp_wsgi_metrics_on())
        watch(call, gil_wait);
}

void mp_wsgi_watch_application(mp_wsgi_call *call, PyObject *environ, PyObject **application)
{
    PyObject *event = event_of(call), *replaced;

    if (call->watch)
        call->watch->application_start = apr_time_now();
    if (!event)
        return;
    set_times(event, call, call->gateway);
    set(event, "request_environ", Py_NewRef(environ));
    set(event, "application_object", Py_NewRef(*application));
    set(event, "callable_object", PyUnicode_DecodeFSDefault(call->target->callable));
    set(event, "daemon_connects", PyLong_FromLong(call->gateway->connects));
    set(event, "daemon_restarts", PyLong_FromLong(call->gateway->restarts));
    publish(call->state, call->state->event_callbacks, "request_started", event);
    replaced = PyDict_GetItemString(event, "application_object");
    if (replaced && replaced != *application)
        Py_SETREF(*application, Py_NewRef(replaced));
    Py_DECREF(event);
}

void mp_wsgi_watch_response(mp_wsgi_call *call, PyObject *status, PyObject *headers, PyObject *exc_info)
{
    PyObject *event = event_of(call);

    if (!event)
        return;
    set(event, "response_status", Py_NewRef(status));
    set(event, "response_headers", Py_NewRef(headers));
    set(event, "exception_info", Py_NewRef(exc_info ? exc_info : Py_None));
    publish(call->state, call->state->event_callbacks, "response_started", event);
    Py_DECREF(event);
}

void mp_wsgi_watch_exception(mp_wsgi_call *call, PyObject *type, PyObject *value, PyObject *traceback)
{
    PyObject *event = event_of(call);

    if (!event)
        return;
    set(event, "exception_info", PyTuple_Pack(3, type, value ? value : Py_None, traceback ? traceback : Py_None));
    publish(call->state, call->state->event_callbacks, "request_exception", event);
    Py_DECREF(event);
}

static void publish_end(mp_wsgi_call *call, const mp_gateway *gateway, apr_time_t user, apr_time_t system)
{
    const mp_wsgi_watch *w = call->watch;
    PyObject *event = event_of(call);

    if (!event)
        return;
    set_times(event, call, gateway);
    set(event, "application_finish", seconds(w->application_finish));
    set(event, "application_time", seconds(w->application_finish - w->application_start));
    set(event, "input_reads", PyLong_FromUnsignedLong(w->input_reads));
    set(event, "input_length", PyLong_FromLongLong(w->input_length));
    set(event, "input_time", seconds(w->input_time));
    set(event, "output_writes", PyLong_FromUnsignedLong(w->output_writes));
    set(event, "output_length", PyLong_FromLongLong(w->output_length));
    set(event, "output_time", seconds(w->output_time));
    set(event, "status", PyLong_FromLong(call->status));
    set(event, "cpu_user_time", seconds(user));
    set(event, "cpu_system_time", seconds(system));
    set(event, "cpu_time", seconds(user + system));
    set(event, "gil_wait_time", seconds(w->gil_wait));
    set(event, "gil_wait_count", PyLong_FromLong(1));
    publish(call->state, call->state->event_callbacks, "request_finished", event);
    Py_DECREF(event);
}

static void end_watch(mp_wsgi_call *call, const mp_gateway *gateway)
{
    mp_wsgi_watch *w = call->watch;
    struct timeval user, system;

    w->application_finish = apr_time_now();
    cpu_times(&user, &system);
    publish_end(call, gateway, since(w->user, user), since(w->system, system));
    if (mp_wsgi_metrics_on())
        mp_wsgi_metrics_end(w, gateway, call->status, since(w->user, user) + since(w->system, system));
    if (set_active(call, 0) < 0)
        PyErr_Clear();
    Py_CLEAR(w->id);
    call->watch = NULL;
}

void mp_wsgi_watch_end(mp_wsgi_call *call, mp_gateway *gateway)
{
    if (call->watch)
        end_watch(call, gateway);
    if (call->next)
        call->next->previous = call->previous;
    if (call->previous)
        call->previous->next = call->next;
    else
        call->state->running = call->next;
    call->next = call->previous = NULL;
    Py_CLEAR(call->data);
}

void mp_wsgi_watch_stop(mp_interp *interp, const char *reason)
{
    mp_wsgi_state *state = interp->wsgi;
    PyObject *event;

    if (!state || state->is_stopped)
        return;
    state->is_stopped = 1;
    if (!has_subscribers(state) && PyList_GET_SIZE(state->shutdown_callbacks) == 0)
        return;
    event = PyDict_New();
    set(event, "shutdown_reason", PyUnicode_FromString(reason));
    if (event) {
        publish(state, state->event_callbacks, "process_stopping", event);
        publish(state, state->shutdown_callbacks, "process_stopping", event);
    }
    PyErr_Clear();
    Py_XDECREF(event);
}

void mp_wsgi_watch_signal(mp_interp *interp, int number, const char *name)
{
    mp_wsgi_state *state = interp->wsgi;
    PyObject *event;

    if (!state || (!has_subscribers(state) && PyList_GET_SIZE(state->signal_callbacks) == 0))
        return;
    event = PyDict_New();
    set(event, "signum", PyLong_FromLong(number));
    set(event, "signame", PyUnicode_FromString(name));
    if (event) {
        publish(state, state->event_callbacks, "process_signal", event);
        publish(state, state->signal_callbacks, "process_signal", event);
    }
    PyErr_Clear();
    Py_XDECREF(event);
}

/* The module's names */

static PyObject *subscribe(PyObject *callbacks, PyObject *callback, const char *function)
{
    if (!PyCallable_Check(callback))
        return PyErr_Format(PyExc_TypeError, "%s() takes a callable, not %.200s", function, Py_TYPE(callback)->tp_name);
    return PyList_Append(callbacks, callback) < 0 ? NULL : Py_NewRef(callback);
}

static PyObject *subscribe_events(PyObject *module, PyObject *callback)
{
    state_of(module)->watching = 1;
    return subscribe(state_of(module)->event_callbacks, callback, "subscribe_events");
}

static PyObject *subscribe_shutdown(PyObject *module, PyObject *callback)
{
    return subscribe(state_of(module)->shutdown_callbacks, callback, "subscribe_shutdown");
}

static PyObject *subscribe_signals(PyObject *module, PyObject *callback)
{
    if (!*mp_host->process_group)
        mp_log(mp_lease_where(), APLOG_NOTICE,
               "MP0377: mod_wsgi.subscribe_signals() has no effect in a child of httpd: "
               "signals reach daemon processes only");
    return subscribe(state_of(module)->signal_callbacks, callback, "subscribe_signals");
}

typedef struct {
    unsigned long thread;
    int number;
    char *script;
} occupation;

/* For mod_python._stacks: which threads have which requests. Copied first: making objects may let other threads run. */
static PyObject *running(PyObject *module, PyObject *Py_UNUSED(nothing))
{
    PyObject *list = PyList_New(0);
    occupation *all;
    mp_wsgi_call *call;
    size_t n = 0, i = 0;

    for (call = state_of(module)->running; call; call = call->next)
        n++;
    all = calloc(n + 1, sizeof(*all));
    for (call = state_of(module)->running; all && call; call = call->next)
        if (call->gateway)
            all[i++] = (occupation){ (unsigned long)call->thread, call->gateway->thread, strdup(call->target->script) };
    for (n = i, i = 0; i < n; i++) {
        PyObject *one = Py_BuildValue("kiN", all[i].thread, all[i].number, PyUnicode_DecodeFSDefault(
                                      all[i].script ? all[i].script : ""));

        if (list && (!one || PyList_Append(list, one) < 0))
            Py_CLEAR(list);
        Py_XDECREF(one);
        free(all[i].script);
    }
    free(all);
    return list;
}

static PyObject *request_data(PyObject *module, PyObject *Py_UNUSED(nothing))
{
    mp_wsgi_call *call = state_of(module)->running;

    while (call && !pthread_equal(call->thread, pthread_self()))
        call = call->next;
    if (call)
        return Py_XNewRef(data_of(call));
    PyErr_SetString(PyExc_RuntimeError, "no active request for thread");
    return NULL;
}

PyMethodDef mp_wsgi_watch_methods[] = {
    { "subscribe_events", subscribe_events, METH_O, "subscribe_events(callback): calls it for what happens." },
    { "subscribe_shutdown", subscribe_shutdown, METH_O,
      "subscribe_shutdown(callback): calls it when the process ends." },
    { "subscribe_signals", subscribe_signals, METH_O, "subscribe_signals(callback): for daemon processes." },
    { "request_data", request_data, METH_NOARGS, "request_data(): a dict that belongs to this thread's request." },
    { "_running", running, METH_NOARGS, NULL },
    { "server_metrics", mp_wsgi_server_metrics, METH_NOARGS,
      "server_metrics(): httpd's scoreboard, or None if WSGIServerMetrics (in a group: server-metrics=) is not On." },
    { NULL, NULL, 0, NULL }
};

/* Of the requests that run already, those are in it that are watched, and the one that asks. */
static PyObject *active_requests(mp_wsgi_state *state)
{
    mp_wsgi_call *call;

    if (!state->active_requests && (state->active_requests = PyDict_New()))
        for (call = state->running; call; call = call->next) {
            if (!call->watch && call->gateway && pthread_equal(call->thread, pthread_self()))
                watch(call, 0);
            else if (set_active(call, 1) < 0)
                PyErr_Clear();
        }
    state->watching = state->active_requests != NULL;
    return Py_XNewRef(state->active_requests);
}

/* The package mod_wsgi that is installed, for its sub-modules: AttributeError if there is none, and then nothing is. */
static PyObject *package_path(void)
{
    PyObject *module = PyImport_ImportModule("mod_python._wsginames"), *path;

    path = module ? PyObject_CallMethod(module, "package_path", NULL) : NULL;
    Py_XDECREF(module);
    return path;
}

/* From a Python module of ours, at first use. */
static PyObject *from_python(const char *name)
{
    static const struct {
        const char *name, *module;
    } places[] = {
        { "LogHandler", "mod_python._wsgilog" },
        { "start_recording_metrics", "mod_python._wsgimetrics" },
        { "request_metrics", "mod_python._wsgimetrics" },
        { "process_metrics", "mod_python._wsgimetrics" },
    };
    size_t i;

    for (i = 0; i < sizeof(places) / sizeof(*places); i++)
        if (!strcmp(name, places[i].name)) {
            PyObject *module = PyImport_ImportModule(places[i].module);
            PyObject *value = module ? PyObject_GetAttrString(module, name) : NULL;

            Py_XDECREF(module);
            return value;
        }
    return NULL;
}

/* The module's __getattr__: what costs something only where it is used. */
PyObject *mp_wsgi_watch_getattr(PyObject *module, PyObject *name)
{
    mp_wsgi_state *state = state_of(module);
    const char *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
    PyObject *value = NULL;

    if (!text)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "attribute name must be str");
    if (!strcmp(text, "__path__"))
        return package_path();
    if (!strcmp(text, "event_callbacks")) {
        state->watching = 1;
        value = Py_NewRef(state->event_callbacks);
    }
    else if (!strcmp(text, "active_requests"))
        value = active_requests(state);
    else
        value = from_python(text);
    if (!value && !PyErr_Occurred())
        return PyErr_Format(PyExc_AttributeError, "module 'mod_wsgi' has no attribute '%U'", name);
    if (value && PyObject_SetAttr(module, name, value) < 0)
        Py_CLEAR(value);
    return value;
}

int mp_wsgi_watch_prepare(mp_wsgi_state *state, PyObject *module)
{
    state->event_callbacks = PyList_New(0);
    state->shutdown_callbacks = PyList_New(0);
    state->signal_callbacks = PyList_New(0);
    state->RequestTimeout = PyErr_NewExceptionWithDoc(
        "mod_wsgi.RequestTimeout", "A request took too long: raised in its thread.", PyExc_BaseException, NULL);
    if (!state->event_callbacks || !state->RequestTimeout ||
        PyModule_AddObjectRef(module, "shutdown_callbacks", state->shutdown_callbacks) < 0 ||
        PyModule_AddObjectRef(module, "signal_callbacks", state->signal_callbacks) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "RequestTimeout", state->RequestTimeout);
}
