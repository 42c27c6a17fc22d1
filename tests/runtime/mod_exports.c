/* For test_exports.py: a module of httpd that calls Python through the functions of mod_python.h.
 *
 * SetHandler exports: the query names one of the actions below; an action says what came of it in plain text.
 */
#include <Python.h>
#include <pthread.h>

#include "httpd.h"
#include "http_config.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "apr_strings.h"

#include "mod_python.h"

static APR_OPTIONAL_FN_TYPE(mp_acquire_interpreter) *acquire;
static APR_OPTIONAL_FN_TYPE(mp_release_interpreter) *release;
static APR_OPTIONAL_FN_TYPE(mp_get_request_object) *get_request;
static APR_OPTIONAL_FN_TYPE(mp_get_server_object) *get_server;
static APR_OPTIONAL_FN_TYPE(mp_get_connection_object) *get_connection;

static void retrieve(void)
{
    acquire = APR_RETRIEVE_OPTIONAL_FN(mp_acquire_interpreter);
    release = APR_RETRIEVE_OPTIONAL_FN(mp_release_interpreter);
    get_request = APR_RETRIEVE_OPTIONAL_FN(mp_get_request_object);
    get_server = APR_RETRIEVE_OPTIONAL_FN(mp_get_server_object);
    get_connection = APR_RETRIEVE_OPTIONAL_FN(mp_get_connection_object);
}

/* In an interpreter: what guest.py's function says about this request; a copy in its pool. */
static const char *ask(request_rec *r, const char *function)
{
    PyObject *req = get_request(r), *server = get_server(r->server), *connection = get_connection(r->connection);
    PyObject *module = PyImport_ImportModule("guest"), *result = NULL;
    const char *text = "failed";

    if (req && server && connection && module)
        result = PyObject_CallMethod(module, function, "OOO", req, server, connection);
    if (result && PyUnicode_Check(result))
        text = apr_pstrdup(r->pool, PyUnicode_AsUTF8(result));
    Py_XDECREF(result);
    Py_XDECREF(module);
    Py_XDECREF(connection);
    Py_XDECREF(server);
    Py_XDECREF(req);
    return text;
}

static const char *visit(request_rec *r, const char *interpreter, const char *function)
{
    const char *text;

    if (!acquire(interpreter))
        return "none";
    text = ask(r, function);
    release();
    return text;
}

static const char *nest(request_rec *r)
{
    const char *first, *inner, *same, *last;

    acquire("one");
    first = ask(r, "name");
    acquire("own");
    inner = ask(r, "name");
    acquire("own");
    same = ask(r, "name");
    release();
    Py_BEGIN_ALLOW_THREADS
    same = apr_pstrcat(r->pool, same, " ", visit(r, NULL, "name"), NULL);
    Py_END_ALLOW_THREADS
    inner = apr_pstrcat(r->pool, inner, " ", ask(r, "name"), NULL);
    release();
    last = ask(r, "name");
    release();
    return apr_pstrcat(r->pool, first, ", ", inner, ", ", same, ", ", last, NULL);
}

/* A request to a Python handler from inside an interpreter; the URI is what follows in the query. */
static const char *subrequest(request_rec *r, const char *uri)
{
    request_rec *sub;
    const char *text;

    acquire("one");
    sub = ap_sub_req_lookup_uri(uri, r, r->output_filters);
    ap_run_sub_req(sub);
    ap_destroy_sub_req(sub);
    text = ask(r, "name");
    release();
    return text;
}

static const char *refuse(request_rec *r)
{
    PyObject *object;
    PyThreadState *state;
    int outside, null;

    release();
    outside = get_request(r) || get_server(r->server) || get_connection(r->connection);
    null = acquire("") != NULL;
    acquire("one");
    object = get_request(NULL);
    null = null || object || !PyErr_ExceptionMatches(PyExc_ValueError);
    PyErr_Clear();
    state = PyEval_SaveThread();
    release();
    outside = outside || get_request(r);
    PyEval_RestoreThread(state);
    release();
    release();
    return outside || null ? "something was given" : "nothing was given";
}

static const char *raise_and_leave(request_rec *r)
{
    acquire("one");
    ask(r, "no_such_function");
    release();
    return visit(r, "one", "name");
}

static void *forget(void *name)
{
    return acquire(name);
}

/* A thread of ours that ends without a release. */
static const char *forget_in_a_thread(request_rec *r)
{
    pthread_t thread;
    void *result = NULL;

    if (pthread_create(&thread, NULL, forget, "one") || pthread_join(thread, &result))
        return "no thread";
    return apr_pstrcat(r->pool, result ? "acquired, " : "none, ", visit(r, "one", "name"), NULL);
}

static int handler(request_rec *r)
{
    const char *name = r->args ? r->args : "", *text;

    if (!r->handler || strcmp(r->handler, "exports"))
        return DECLINED;
    if (!strncmp(name, "name=", 5))
        text = visit(r, name[5] ? name + 5 : NULL, "name");
    else if (!strncmp(name, "write=", 6))
        return strcmp(visit(r, name + 6, "write"), "written") ? HTTP_INTERNAL_SERVER_ERROR : OK;
    else if (!strncmp(name, "subrequest=", 11))
        text = subrequest(r, name + 11);
    else
        text = !strcmp(name, "nest") ? nest(r) : !strcmp(name, "refuse") ? refuse(r) :
               !strcmp(name, "raise") ? raise_and_leave(r) : !strcmp(name, "forget") ? forget_in_a_thread(r) : "what?";
    ap_set_content_type(r, "text/plain");
    ap_rputs(text, r);
    return OK;
}

/* For guest.py, by ctypes. */
__attribute__((visibility("default"))) void exports_release(void)
{
    release();
}

__attribute__((visibility("default"))) int exports_acquire(const char *interpreter)
{
    return acquire(interpreter) != NULL;
}

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    int something;

    (void)pconf, (void)plog, (void)ptemp;
    retrieve();
    something = acquire && (acquire(NULL) || get_server(s));
    if (acquire)
        release();
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "exports: %s; in the parent: %s", acquire ? "there" : "not there",
                 something ? "something" : "nothing");
    return OK;
}

static void hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_optional_fn_retrieve(retrieve, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_LAST);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(exports) = { STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks };
