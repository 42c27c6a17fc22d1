/* environ: a new dict for each request, made from the gateway's variables.
 *
 * Most of it is as in the request before. So an interpreter keeps a dict with the keys that every environ has, and the
 * values of the last one; only what differs is set there, then the dict is copied, which costs much less than to fill
 * a new one. What not every request has is put into the copy. The table of names holds the keys of all variables that
 * were seen (a bounded number: clients choose the names of headers), and the last values, unless these are long or
 * private.
 *
 * Nothing of one request may come into another's environ. A key that a gateway did not give is emptied. And making the
 * copy may run the garbage collector, so Python code, and so another request: `turn` tells, and all is done again.
 */
#include "wsgi/wsgi.h"

#include "api/convert.h"

#define LONGEST_KEPT 128

/* Thread numbers, from 1; of the process, and never given back. */
static apr_uint32_t threads_seen;
static _Thread_local apr_uint32_t thread_number;

/* Variables that every environ has. */
static const char *const constants[] = {
    "REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REQUEST_URI", "SERVER_NAME", "SERVER_PORT",
    "SERVER_ADDR", "SERVER_PROTOCOL", "SERVER_SOFTWARE", "SERVER_ADMIN", "REMOTE_ADDR", "REMOTE_PORT", "DOCUMENT_ROOT",
    "CONTEXT_DOCUMENT_ROOT", "CONTEXT_PREFIX", "SCRIPT_FILENAME", "REQUEST_SCHEME",
    "mod_wsgi.process_group", "mod_wsgi.application_group", "mod_wsgi.callable_object", "mod_wsgi.request_handler",
    "mod_wsgi.handler_script", "mod_wsgi.script_name", "mod_wsgi.path_info", "mod_wsgi.listener_host",
    "mod_wsgi.listener_port", "mod_wsgi.server_pid", NULL
};

/* Set anew for every request; in the kept dict only so that its copy has room. */
static const char *const placeholders[] = {
    "wsgi.url_scheme", "wsgi.input", "wsgi.errors", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once",
    "mod_wsgi.thread_id", "mod_wsgi.request_start", "mod_wsgi.application_start", NULL
};

/* Names */

static unsigned hash_of(const char *name)
{
    unsigned hash = 5381;

    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static int is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (!strcmp(name, *names))
            return 1;
    return 0;
}

/* The entry of that name, or the free place for it. */
static mp_wsgi_name *place_for(mp_wsgi_state *state, const char *name, unsigned hash)
{
    unsigned i = hash % MP_WSGI_NAMES;

    while (state->names[i].name && (state->names[i].hash != hash || strcmp(state->names[i].name, name)))
        i = (i + 1) % MP_WSGI_NAMES;
    return &state->names[i];
}

static int is_path(const char *name)
{
    static const char *const paths[] = { "DOCUMENT_ROOT", "SCRIPT_FILENAME", NULL };

    return is_one_of(name, paths);
}

/* NULL without an exception if the table is full, or there is no memory. */
static mp_wsgi_name *name_of(mp_wsgi_state *state, const char *name)
{
    static const char *const secrets[] = { "HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION", "HTTP_COOKIE", NULL };
    unsigned hash = hash_of(name);
    mp_wsgi_name *entry = place_for(state, name, hash);
    PyObject *key;

    if (entry->name)
        return entry;
    if (state->names_used >= MP_WSGI_NAMES / 2 || !(key = PyUnicode_DecodeLatin1(name, (Py_ssize_t)strlen(name), NULL)))
        return PyErr_Clear(), NULL;
    PyUnicode_InternInPlace(&key);
    entry->name = apr_pstrdup(state->interp->pool, name);
    entry->hash = hash;
    entry->key = key;
    entry->is_path = is_path(name);
    entry->is_private = is_one_of(name, secrets);
    state->names_used++;
    return entry;
}

/* Text in the table stands for the same bytes if it has these, and, in a path, is ASCII. */
static int is_same(const mp_wsgi_name *entry, const char *value, size_t n)
{
    PyObject *kept = entry->value;

    return kept && (size_t)PyUnicode_GET_LENGTH(kept) == n && PyUnicode_KIND(kept) == PyUnicode_1BYTE_KIND &&
           (!entry->is_path || PyUnicode_IS_ASCII(kept)) && !memcmp(PyUnicode_1BYTE_DATA(kept), value, n);
}

/* The name that stood in this place the last time is most often the one. */
static mp_wsgi_name *expected_name(mp_wsgi_state *state, const char *name, int place)
{
    mp_wsgi_name *entry = place < MP_WSGI_EXPECTED ? state->expected[place] : NULL;

    if (entry && !strcmp(entry->name, name))
        return entry;
    entry = name_of(state, name);
    if (place < MP_WSGI_EXPECTED)
        state->expected[place] = entry;
    return entry;
}

static PyObject *text_of(const char *value, size_t n, int is_path)
{
    return is_path ? PyUnicode_DecodeFSDefaultAndSize(value, (Py_ssize_t)n)
                   : PyUnicode_DecodeLatin1(value, (Py_ssize_t)n, NULL);
}

/* Sees to it that entry->value is this text. */
static int renew(mp_wsgi_name *entry, const char *value)
{
    size_t n = strlen(value);
    PyObject *text;

    if (is_same(entry, value, n))
        return 0;
    if (!(text = text_of(value, n, entry->is_path)))
        return -1;
    Py_XSETREF(entry->value, text);
    return 1;
}

/* A constant name's value, in the kept dict. */
static int set_constant(mp_wsgi_state *state, mp_wsgi_name *entry, const char *value)
{
    int renewed = renew(entry, value);

    if (entry->seen != state->turn) {
        entry->seen = state->turn;
        state->constants_seen++;
    }
    return renewed <= 0 ? renewed : PyDict_SetItem(state->environ, entry->key, entry->value);
}

/* Any other name's, in the new environ. */
static int set_variable(PyObject *environ, const char *name, mp_wsgi_name *entry, const char *value)
{
    size_t n = strlen(value);
    PyObject *key, *text;
    int status = -1;

    if (entry && !entry->is_private && n <= LONGEST_KEPT)
        return renew(entry, value) < 0 ? -1 : PyDict_SetItem(environ, entry->key, entry->value);
    key = entry ? Py_NewRef(entry->key) : PyUnicode_DecodeLatin1(name, (Py_ssize_t)strlen(name), NULL);
    text = text_of(value, n, entry ? entry->is_path : is_path(name));
    if (key && text)
        status = PyDict_SetItem(environ, key, text);
    Py_XDECREF(text);
    Py_XDECREF(key);
    return status;
}

/* Values */

#define FROM_TARGET 13

static int set_new(PyObject *environ, PyObject *key, PyObject *value)
{
    int status = value ? PyDict_SetItem(environ, key, value) : -1;

    Py_XDECREF(value);
    return status;
}

static PyObject *seconds(apr_time_t time)
{
    return PyFloat_FromDouble((double)time / APR_USEC_PER_SEC);
}

unsigned mp_wsgi_thread_number(const mp_gateway *gateway)
{
    if (gateway->thread)
        return (unsigned)gateway->thread;
    if (!thread_number)
        thread_number = __atomic_add_fetch(&threads_seen, 1, __ATOMIC_RELAXED);
    return thread_number;
}

/* What the target says, behind the variables: a name that comes again replaces the one before. */
static void list_target(const mp_gateway *gateway, const mp_wsgi_target *target, mp_pair *pairs)
{
    const mp_pair list[FROM_TARGET] = {
        { "mod_wsgi.process_group", target->process_group },
        { "mod_wsgi.application_group", target->application_group },
        { "mod_wsgi.callable_object", target->callable },
        { "mod_wsgi.request_handler", target->handler },
        { "mod_wsgi.handler_script", target->handler_script },
        { "mod_wsgi.script_name", target->script_name },
        { "mod_wsgi.path_info", target->path_info },
        { "mod_wsgi.listener_host", target->listener_host },
        { "mod_wsgi.listener_port", apr_itoa(gateway->pool, (int)target->listener_port) },
        { "mod_wsgi.server_pid", gateway->server_pid },
        { "mod_wsgi.mount_point", target->mount_point },
        { "mod_wsgi.request_id", gateway->request_id },
        { "mod_wsgi.connection_id", gateway->connection_id },
    };

    memcpy(pairs, list, sizeof(list));
}

/* One pass over both lists: into the kept dict (environ is NULL), or what does not stand there into environ. */
static int set_pairs(mp_wsgi_state *state, const apr_array_header_t *variables, const mp_pair *target,
                     PyObject *environ)
{
    int i, n = variables->nelts + FROM_TARGET;

    for (i = 0; i < n; i++) {
        /* the target first: its places are the same in each request */
        const mp_pair *pair = i < FROM_TARGET ? &target[i] : &APR_ARRAY_IDX(variables, i - FROM_TARGET, mp_pair);
        mp_wsgi_name *entry;
        int status = 0;

        if (!pair->value)
            continue;
        entry = expected_name(state, pair->name, i);
        if (entry && entry->is_constant)
            status = environ ? 0 : set_constant(state, entry, pair->value);
        else if (environ)
            status = set_variable(environ, pair->name, entry, pair->value);
        if (status < 0)
            return -1;
    }
    return 0;
}

/* The last request's value of a name that this one has not. */
static int empty_unseen(mp_wsgi_state *state)
{
    size_t i;

    for (i = 0; constants[i]; i++) {
        mp_wsgi_name *entry = name_of(state, constants[i]);

        if (entry->seen != state->turn && set_constant(state, entry, "") < 0)
            return -1;
    }
    return 0;
}

/* A copy of the kept dict, as it must be for this request. */
static PyObject *begin(mp_wsgi_state *state, const apr_array_header_t *variables, const mp_pair *target)
{
    PyObject *environ = NULL;
    unsigned turn;

    do {
        Py_XDECREF(environ);
        turn = ++state->turn;
        state->constants_seen = 0;
        if (set_pairs(state, variables, target, NULL) < 0 ||
            (state->constants_seen < state->constants && empty_unseen(state) < 0) ||
            !(environ = PyDict_Copy(state->environ)))
            return NULL;
    } while (state->turn != turn);
    return environ;
}

/* What is no text. */
static int set_objects(mp_wsgi_state *state, PyObject *environ, const mp_gateway *gateway, PyObject *input,
                       PyObject *errors)
{
    PyObject *scheme = gateway->is_https ? state->text_https : state->text_http;

    return PyDict_SetItem(environ, state->key_input, input) < 0 ||
           PyDict_SetItem(environ, state->key_errors, errors) < 0 ||
           PyDict_SetItem(environ, state->key_url_scheme, scheme) < 0 ||
           PyDict_SetItem(environ, state->key_multithread, gateway->multithread ? Py_True : Py_False) < 0 ||
           PyDict_SetItem(environ, state->key_multiprocess, gateway->multiprocess ? Py_True : Py_False) < 0 ||
           PyDict_SetItem(environ, state->key_run_once, gateway->run_once ? Py_True : Py_False) < 0 ||
           set_new(environ, state->key_thread_id, PyLong_FromUnsignedLong(mp_wsgi_thread_number(gateway))) < 0 ||
           set_new(environ, state->key_request_start, seconds(gateway->request_start)) < 0 ||
           (gateway->queue_start && set_new(environ, state->key_queue_start, seconds(gateway->queue_start)) < 0) ||
           (gateway->daemon_start && set_new(environ, state->key_daemon_start, seconds(gateway->daemon_start)) < 0) ||
           set_new(environ, state->key_application_start, seconds(apr_time_now())) < 0 ? -1 : 0;
}

PyObject *mp_wsgi_environ(mp_wsgi_call *call, PyObject *input, PyObject *errors)
{
    mp_wsgi_state *state = call->state;
    const mp_gateway *gateway = call->gateway;
    mp_pair target[FROM_TARGET];
    PyObject *environ;

    list_target(gateway, call->target, target);
    environ = begin(state, gateway->variables, target);
    if (!environ || set_pairs(state, gateway->variables, target, environ) < 0 ||
        set_objects(state, environ, gateway, input, errors) < 0)
        goto failed;
    if (call->target->passes_request && gateway->r) {
        call->capsule = PyCapsule_New(gateway->r, "apache.request_rec", NULL);
        if (!call->capsule || PyDict_SetItem(environ, state->key_request_rec, call->capsule) < 0)
            goto failed;
    }
    return environ;
failed:
    Py_XDECREF(environ);
    return NULL;
}

/* Once per interpreter. */

static int intern(PyObject **key, const char *text)
{
    *key = PyUnicode_InternFromString(text);
    return *key ? 0 : -1;
}

static int make_keys(mp_wsgi_state *state)
{
    return intern(&state->key_url_scheme, "wsgi.url_scheme") < 0 ||
           intern(&state->key_input, "wsgi.input") < 0 || intern(&state->key_errors, "wsgi.errors") < 0 ||
           intern(&state->key_multithread, "wsgi.multithread") < 0 ||
           intern(&state->key_multiprocess, "wsgi.multiprocess") < 0 ||
           intern(&state->key_run_once, "wsgi.run_once") < 0 ||
           intern(&state->key_thread_id, "mod_wsgi.thread_id") < 0 ||
           intern(&state->key_request_start, "mod_wsgi.request_start") < 0 ||
           intern(&state->key_queue_start, "mod_wsgi.queue_start") < 0 ||
           intern(&state->key_daemon_start, "mod_wsgi.daemon_start") < 0 ||
           intern(&state->key_application_start, "mod_wsgi.application_start") < 0 ||
           intern(&state->key_request_rec, "apache.request_rec") < 0 ||
           intern(&state->text_http, "http") < 0 || intern(&state->text_https, "https") < 0 ? -1 : 0;
}

static int set_named(PyObject *dict, const char *name, PyObject *value)
{
    int status = value ? PyDict_SetItemString(dict, name, value) : -1;

    Py_XDECREF(value);
    return status;
}

int mp_wsgi_environ_prepare(mp_wsgi_state *state, PyObject *module)
{
    PyObject *environ = PyDict_New();
    ap_version_t httpd;
    size_t i;

    state->environ = environ;
    if (!environ || make_keys(state) < 0)
        return -1;
    ap_get_server_revision(&httpd);
    if (set_named(environ, "wsgi.version", Py_BuildValue("(ii)", 1, 0)) < 0 ||
        set_named(environ, "wsgi.input_terminated", Py_NewRef(Py_True)) < 0 ||
        set_named(environ, "wsgi.file_wrapper", Py_NewRef(state->FileWrapper_Type)) < 0 ||
        set_named(environ, "apache.version", Py_BuildValue("(iii)", httpd.major, httpd.minor, httpd.patch)) < 0 ||
        set_named(environ, "mod_wsgi.version", PyObject_GetAttrString(module, "version")) < 0 ||
        set_named(environ, "mod_wsgi.queue_start", PyFloat_FromDouble(0.0)) < 0 ||
        set_named(environ, "mod_wsgi.daemon_start", PyFloat_FromDouble(0.0)) < 0)
        return -1;
    for (i = 0; placeholders[i]; i++)
        if (set_named(environ, placeholders[i], Py_NewRef(Py_None)) < 0)
            return -1;
    return 0;
}

int mp_wsgi_environ_start(mp_wsgi_state *state)
{
    size_t i;

    for (i = 0; constants[i]; i++) {
        mp_wsgi_name *entry = name_of(state, constants[i]);

        if (!entry)
            return PyErr_NoMemory(), -1;
        entry->is_constant = 1;
        state->constants++;
    }
    state->turn = 1;
    return empty_unseen(state);
}
