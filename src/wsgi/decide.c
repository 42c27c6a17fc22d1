/* Scripts that decide about a request before, or instead of, an application (decision.h): the function is called with
 * an environ of its own, and its result becomes plain C. Whatever goes wrong is a failure for the host, and in the log.
 */
#include "wsgi/wsgi.h"

#include "runtime/bound.h"
#include "runtime/error.h"
#include "runtime/lease.h"

#include "apr_lib.h"
#include "apr_optional.h"

#define HASH_LENGTH 32      /* of MD5, in hexadecimal digits */

APR_DECLARE_OPTIONAL_FN(int, ssl_is_https, (conn_rec *));
APR_DECLARE_OPTIONAL_FN(char *, ssl_var_lookup, (apr_pool_t *, server_rec *, conn_rec *, request_rec *, char *));

/* mod_ssl.is_https, mod_ssl.var_lookup */

static request_rec *request_of(PyObject *call, const char *what)
{
    mp_gateway *gateway = ((mp_wsgi_call *)call)->gateway;

    if (gateway)
        return gateway->r;
    PyErr_Format(PyExc_RuntimeError, "%s called after its function returned", what);
    return NULL;
}

static PyObject *is_https(PyObject *self, PyObject *Py_UNUSED(nothing))
{
    APR_OPTIONAL_FN_TYPE(ssl_is_https) *ask = APR_RETRIEVE_OPTIONAL_FN(ssl_is_https);
    request_rec *r = request_of(self, "mod_ssl.is_https()");

    return r ? PyBool_FromLong(ask && ask(r->connection)) : NULL;
}

/* Attached: the request's pool is nobody else's meanwhile. */
static PyObject *var_lookup(PyObject *self, PyObject *name)
{
    APR_OPTIONAL_FN_TYPE(ssl_var_lookup) *look = APR_RETRIEVE_OPTIONAL_FN(ssl_var_lookup);
    PyObject *bytes;
    const char *value = NULL;
    request_rec *r;

    if (!PyUnicode_Check(name))
        return PyErr_Format(PyExc_TypeError, "mod_ssl.var_lookup() takes a str, not %.200s", Py_TYPE(name)->tp_name);
    if (!(bytes = PyUnicode_AsLatin1String(name)))
        return NULL;
    r = request_of(self, "mod_ssl.var_lookup()");
    if (r && look)
        value = look(r->pool, r->server, r->connection, r, apr_pstrdup(r->pool, PyBytes_AS_STRING(bytes)));
    Py_DECREF(bytes);
    if (!r)
        return NULL;
    return value && *value ? PyUnicode_DecodeLatin1(value, (Py_ssize_t)strlen(value), NULL) : Py_NewRef(Py_None);
}

static PyMethodDef is_https_def = { "is_https", is_https, METH_NOARGS, "Whether the client came over TLS." };
static PyMethodDef var_lookup_def = { "var_lookup", var_lookup, METH_O, "A variable of mod_ssl's, or None." };

/* environ */

static PyObject *latin1(const char *text)
{
    return PyUnicode_DecodeLatin1(text, (Py_ssize_t)strlen(text), NULL);
}

static int set(PyObject *environ, const char *key, PyObject *value)
{
    int status = value ? PyDict_SetItemString(environ, key, value) : -1;

    Py_XDECREF(value);
    return status;
}

static int copy(PyObject *environ, PyObject *from, const char *key)
{
    return PyDict_SetItemString(environ, key, PyDict_GetItemString(from, key));
}

static int set_variables(PyObject *environ, const apr_array_header_t *variables)
{
    int i;

    for (i = 0; i < variables->nelts; i++) {
        const mp_pair *pair = &APR_ARRAY_IDX(variables, i, mp_pair);
        PyObject *value = strcmp(pair->name, "DOCUMENT_ROOT") ? latin1(pair->value)
                                                              : PyUnicode_DecodeFSDefault(pair->value);
        PyObject *key = value ? latin1(pair->name) : NULL;
        int status = key ? PyDict_SetItem(environ, key, value) : -1;

        Py_XDECREF(key);
        Py_XDECREF(value);
        if (status < 0)
            return -1;
    }
    return 0;
}

static PyObject *early_environ(mp_wsgi_call *call, PyObject *errors)
{
    const char *group = call->target->application_group;
    PyObject *environ = PyDict_New();

    if (environ && set_variables(environ, call->gateway->variables) == 0 &&
        copy(environ, call->state->environ, "apache.version") == 0 &&
        copy(environ, call->state->environ, "mod_wsgi.version") == 0 &&
        set(environ, "mod_wsgi.process_group", PyUnicode_FromString("")) == 0 &&
        set(environ, "mod_wsgi.application_group", PyUnicode_DecodeFSDefault(group)) == 0 &&
        set(environ, "mod_ssl.is_https", PyCFunction_New(&is_https_def, (PyObject *)call)) == 0 &&
        set(environ, "mod_ssl.var_lookup", PyCFunction_New(&var_lookup_def, (PyObject *)call)) == 0 &&
        PyDict_SetItem(environ, call->state->key_errors, errors) == 0)
        return environ;
    Py_XDECREF(environ);
    return NULL;
}

/* The request's own, but for what is decided only now, and for its body. */
static PyObject *dispatch_environ(mp_wsgi_call *call, PyObject *errors)
{
    PyObject *environ = mp_wsgi_environ(call, Py_None, errors);

    if (environ && PyDict_DelItem(environ, call->state->key_input) == 0 &&
        PyDict_DelItemString(environ, "mod_wsgi.callable_object") == 0)
        return environ;
    Py_XDECREF(environ);
    return NULL;
}

/* Results. -1 with an exception. */

static int unexpected(const char *function, const char *expected, PyObject *result)
{
    PyErr_Format(PyExc_TypeError, "%s() must return %s, not %.200s", function, expected, Py_TYPE(result)->tp_name);
    return -1;
}

/* The bytes of a str or bytes object, without a NUL. NULL with an exception. */
static const char *text_from(PyObject *value, PyObject *(*encode)(PyObject *), apr_pool_t *p)
{
    PyObject *bytes = PyUnicode_Check(value) ? encode(value) : Py_NewRef(value);
    char *text = NULL, *from;
    Py_ssize_t n;

    if (bytes && PyBytes_AsStringAndSize(bytes, &from, &n) == 0) {
        if (memchr(from, '\0', (size_t)n))
            PyErr_SetString(PyExc_ValueError, "the result has a NUL character");
        else
            text = apr_pstrmemdup(p, from, (apr_size_t)n);
    }
    Py_XDECREF(bytes);
    return text;
}

/* True, False or None. 1: it was one of them. */
static int plain_verdict(PyObject *result, mp_answer *answer)
{
    if (result == Py_True)
        answer->verdict = MP_SAYS_YES;
    else if (result == Py_False)
        answer->verdict = MP_SAYS_NO;
    else if (result == Py_None)
        answer->verdict = MP_SAYS_NOTHING;
    else
        return 0;
    return 1;
}

static int take_access(PyObject *result, apr_pool_t *p, mp_answer *answer)
{
    return plain_verdict(result, answer) ? 0 : unexpected("allow_access", "True, False or None", result);
}

static int take_password(PyObject *result, apr_pool_t *p, mp_answer *answer)
{
    if (plain_verdict(result, answer))
        return 0;
    if (!PyUnicode_Check(result))
        return unexpected("check_password", "True, False, None or the user's name", result);
    if (!(answer->text = text_from(result, PyUnicode_AsUTF8String, p)))
        return -1;
    if (!*answer->text) {
        PyErr_SetString(PyExc_ValueError, "check_password() returned an empty user name");
        return -1;
    }
    answer->verdict = MP_SAYS_YES;
    return 0;
}

static int is_hash(const char *text)
{
    size_t i;

    for (i = 0; apr_isxdigit(text[i]); i++)
        ;
    return i == HASH_LENGTH && !text[i];
}

static int take_realm_hash(PyObject *result, apr_pool_t *p, mp_answer *answer)
{
    if (result == Py_None)
        return answer->verdict = MP_SAYS_NOTHING, 0;
    if (!PyUnicode_Check(result) && !PyBytes_Check(result))
        return unexpected("get_realm_hash", "str, bytes or None", result);
    if (!(answer->text = text_from(result, PyUnicode_AsLatin1String, p)))
        return -1;
    if (!is_hash(answer->text)) {
        PyErr_SetString(PyExc_ValueError, "get_realm_hash() must return the 32 hexadecimal digits of the MD5 of "
                        "user:realm:password");
        return -1;
    }
    ap_str_tolower((char *)answer->text);
    answer->verdict = MP_SAYS_YES;
    return 0;
}

/* A str, which is iterable too, would be a group for each character. */
static int take_groups(PyObject *result, apr_pool_t *p, mp_answer *answer)
{
    PyObject *iterator, *item;

    if (PyUnicode_Check(result) || PyBytes_Check(result))
        return unexpected("groups_for_user", "a list of names", result);
    if (!(iterator = PyObject_GetIter(result)))
        return -1;
    answer->groups = apr_array_make(p, 8, sizeof(const char *));
    while ((item = PyIter_Next(iterator))) {
        const char *name = text_from(item, PyUnicode_AsLatin1String, p);

        Py_DECREF(item);
        if (!name)
            break;
        APR_ARRAY_PUSH(answer->groups, const char *) = name;
    }
    Py_DECREF(iterator);
    if (PyErr_Occurred())
        return -1;
    answer->verdict = MP_SAYS_YES;
    return 0;
}

/* The call */

static void log_failure(mp_wsgi_call *call, const mp_decision *decision, const char *code, const char *doing)
{
    const char *what = apr_psprintf(call->gateway->pool, "%s %s '%s'", doing, decision->directive,
                                    decision->target->script);

    mp_error_log(mp_at_request(call->gateway->r), code, what, decision->target->interpreter, NULL);
}

/* environ and the arguments behind it. New reference, or NULL with an exception. */
static PyObject *call_function(PyObject *function, PyObject *environ, const char *first, const char *second)
{
    PyObject *arguments[3] = { environ, first ? latin1(first) : NULL, second ? latin1(second) : NULL };
    size_t n = 1 + (first != NULL) + (second != NULL);
    PyObject *result = PyErr_Occurred() ? NULL : PyObject_Vectorcall(function, arguments, n, NULL);

    Py_XDECREF(arguments[1]);
    Py_XDECREF(arguments[2]);
    return result;
}

static int ask_function(PyObject *module, PyObject *environ, const mp_decision *decision, apr_pool_t *p,
                        mp_answer *answer)
{
    static const struct {
        const char *name;
        int (*take)(PyObject *result, apr_pool_t *p, mp_answer *answer);
    } functions[] = {
        [MP_ASK_ACCESS] = { "allow_access", take_access },
        [MP_ASK_PASSWORD] = { "check_password", take_password },
        [MP_ASK_REALM_HASH] = { "get_realm_hash", take_realm_hash },
        [MP_ASK_GROUPS] = { "groups_for_user", take_groups },
    };
    PyObject *function = PyObject_GetAttrString(module, functions[decision->question].name);
    PyObject *result = function ? call_function(function, environ, decision->first, decision->second) : NULL;
    int status = result ? functions[decision->question].take(result, p, answer) : -1;

    if (!function && PyErr_ExceptionMatches(PyExc_AttributeError))
        PyErr_Format(PyExc_AttributeError, "the script does not define %s()", functions[decision->question].name);
    Py_XDECREF(result);
    Py_XDECREF(function);
    return status;
}

/* One of the three, which may be missing. */
static int ask_for_name(PyObject *module, PyObject *environ, const char *name, apr_pool_t *p, const char **answer)
{
    PyObject *function = PyObject_GetAttrString(module, name), *result;
    int status = 0;

    if (!function && PyErr_ExceptionMatches(PyExc_AttributeError))
        return PyErr_Clear(), 0;
    if (!function)
        return -1;
    result = PyObject_CallOneArg(function, environ);
    if (!result)
        status = -1;
    else if (result != Py_None && !PyUnicode_Check(result) && !PyBytes_Check(result))
        status = unexpected(name, "str or None", result);
    else if (result != Py_None && !(*answer = text_from(result, PyUnicode_EncodeFSDefault, p)))
        status = -1;
    Py_XDECREF(result);
    Py_DECREF(function);
    return status;
}

static int ask_dispatcher(PyObject *module, PyObject *environ, apr_pool_t *p, mp_answer *answer)
{
    if (ask_for_name(module, environ, "process_group", p, &answer->process_group) < 0 ||
        ask_for_name(module, environ, "application_group", p, &answer->application_group) < 0 ||
        ask_for_name(module, environ, "callable_object", p, &answer->callable) < 0)
        return -1;
    answer->verdict = MP_SAYS_YES;
    return 0;
}

static void ask(mp_wsgi_call *call, const mp_decision *decision, mp_answer *answer)
{
    int is_dispatch = decision->question == MP_ASK_DISPATCH, status = -1;
    PyObject *module = mp_wsgi_script_module(call->state, decision->target), *environ;
    apr_pool_t *p = call->gateway->pool;
    mp_wsgi_errors errors;

    if (!module) {
        log_failure(call, decision, "MP0374", "loading");
        return;
    }
    if (mp_wsgi_errors_take(call, &errors) == 0) {
        environ = is_dispatch ? dispatch_environ(call, errors.text) : early_environ(call, errors.text);
        if (environ)
            status = is_dispatch ? ask_dispatcher(module, environ, p, answer)
                                 : ask_function(module, environ, decision, p, answer);
        if (status < 0)
            log_failure(call, decision, "MP0375", "asking");
        Py_XDECREF(environ);
        mp_wsgi_errors_done(call, &errors);
    }
    else
        log_failure(call, decision, "MP0375", "asking");
    if (status < 0)
        *answer = (mp_answer){ .verdict = MP_SAYS_FAILED };
    Py_DECREF(module);
}

void mp_wsgi_decide(mp_gateway *gateway, const mp_decision *decision, mp_answer *answer)
{
    mp_wsgi_call *call;
    mp_lease lease;

    answer->verdict = MP_SAYS_FAILED;
    if (!mp_bound_admits(decision->target, mp_at_request(gateway->r)))
        return;
    if (mp_lease_take(&lease, decision->target->interpreter, mp_at_request(gateway->r)) != APR_SUCCESS)
        return;
    call = mp_wsgi_call_new(lease.interp->wsgi, gateway, decision->target);
    if (call) {
        ask(call, decision, answer);
        mp_wsgi_call_end(call);
        Py_DECREF(call);
    }
    else
        mp_error_log(mp_at_request(gateway->r), "MP0375", decision->directive, decision->target->interpreter, NULL);
    mp_wsgi_lines_finish(lease.interp->wsgi);
    mp_lease_release(&lease);
}
