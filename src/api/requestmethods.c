/* Methods of mp_request that hand one thing to httpd, or ask it for one. */
#include "api/request.h"
#include "api/logline.h"

#include "apr_optional.h"
#include "util_script.h"

/* mod_ssl's offers; the older of its declarations, which every httpd 2.4 understands. */
APR_DECLARE_OPTIONAL_FN(int, ssl_is_https, (conn_rec *));
APR_DECLARE_OPTIONAL_FN(char *, ssl_var_lookup, (apr_pool_t *, server_rec *, conn_rec *, request_rec *, char *));

#define ARGUMENTS PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames

/* For a method without arguments: the record, or NULL with an exception. */
static request_rec *alone(const char *function, PyObject *self, Py_ssize_t nargs, PyObject *kwnames)
{
    return mp_args_none(function, nargs, kwnames) < 0 ? NULL : mp_object_rec(self);
}

static PyObject *done(int status)
{
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *mp_request_log_error(ARGUMENTS)
{
    static const mp_signature signature = { "log_error()", 1, { "message", "level" } };
    PyObject *given[MP_ARGS_MAX];
    request_rec *r = mp_object_rec(self);
    mp_logline line;

    if (!r || mp_args_take(&signature, args, nargs, kwnames, given) < 0 ||
        mp_logline_from(&line, given[0], given[1]) < 0)
        return NULL;
    if (line.text)
        ap_log_rerror(APLOG_MARK, line.level, 0, r, "%s", line.text);
    mp_logline_done(&line);
    Py_RETURN_NONE;
}

/* Variables */

static request_rec *add_common_vars(PyObject *self)
{
    request_rec *r = mp_request_enter(self);

    if (!r)
        return NULL;
    MP_BEGIN_BLOCKING(self)
    ap_add_common_vars(r);              /* HostnameLookups On: asks the DNS */
    MP_END_BLOCKING(self)
    return r;
}

PyObject *mp_request_add_common_vars(ARGUMENTS)
{
    (void)args;
    return alone("add_common_vars()", self, nargs, kwnames) && add_common_vars(self) ? Py_NewRef(Py_None) : NULL;
}

PyObject *mp_request_add_cgi_vars(ARGUMENTS)
{
    apr_table_t *env;
    request_rec *r;
    char *path_info;

    (void)args;
    if (!alone("add_cgi_vars()", self, nargs, kwnames) || !(r = add_common_vars(self)))
        return NULL;
    env = r->subprocess_env;
    path_info = r->path_info;
    r->path_info = NULL;                /* else httpd makes a sub-request to find PATH_TRANSLATED */
    ap_add_cgi_vars(r);
    r->path_info = path_info;
    apr_table_unset(env, "PATH_INFO");
    if (path_info && *path_info) {
        if (strcmp(r->protocol, "INCLUDED"))
            apr_table_setn(env, "SCRIPT_NAME", apr_pstrndup(r->pool, r->uri, ap_find_path_info(r->uri, path_info)));
        apr_table_setn(env, "PATH_INFO", path_info);
    }
    Py_RETURN_NONE;
}

/* Methods of HTTP */

static int allow(request_rec *r, PyObject *value)
{
    char *name = mp_text_to(value, r->pool, "method");
    int number;

    if (!name)
        return -1;
    number = ap_method_number_of(name);
    ap_method_list_add(r->allowed_methods, name);
    if (number != M_INVALID)
        r->allowed |= AP_METHOD_BIT << number;
    else {
        if (!r->allowed_xmethods)
            r->allowed_xmethods = apr_array_make(r->pool, 4, sizeof(const char *));
        APR_ARRAY_PUSH(r->allowed_xmethods, const char *) = name;
        r->allowed_methods->method_mask |= AP_METHOD_BIT << M_INVALID;  /* else the Allow header has no extensions */
    }
    return 0;
}

PyObject *mp_request_allow_methods(ARGUMENTS)
{
    static const mp_signature signature = { "allow_methods()", 1, { "methods", "reset" } };
    PyObject *given[MP_ARGS_MAX], *methods;
    int reset = 0, status = -1;
    request_rec *r;

    if (mp_args_take(&signature, args, nargs, kwnames, given) < 0)
        return NULL;
    if (given[1] && (reset = PyObject_IsTrue(given[1])) < 0)
        return NULL;
    if (!PySequence_Check(given[0]))
        return PyErr_Format(PyExc_TypeError, "allow_methods() takes a sequence of str, not %.200s",
                            Py_TYPE(given[0])->tp_name);
    methods = PySequence_Tuple(given[0]);
    if (!methods)
        return NULL;
    r = mp_object_rec(self);
    if (!r)
        goto done;
    if (reset) {
        ap_clear_method_list(r->allowed_methods);
        r->allowed = 0;
        r->allowed_xmethods = NULL;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(methods); i++)
        if (allow(r, PyTuple_GET_ITEM(methods, i)) < 0)
            goto done;
    status = 0;
done:
    Py_DECREF(methods);
    return done(status);
}

/* Who and where */

PyObject *mp_request_auth_name(ARGUMENTS)
{
    request_rec *r = alone("auth_name()", self, nargs, kwnames);

    (void)args;
    return r ? mp_text_from(ap_auth_name(r)) : NULL;
}

PyObject *mp_request_auth_type(ARGUMENTS)
{
    request_rec *r = alone("auth_type()", self, nargs, kwnames);

    (void)args;
    return r ? mp_text_from(ap_auth_type(r)) : NULL;
}

PyObject *mp_request_get_basic_auth_pw(ARGUMENTS)
{
    request_rec *r = alone("get_basic_auth_pw()", self, nargs, kwnames);
    const char *password = NULL;

    (void)args;
    if (!r)
        return NULL;
    if (ap_get_basic_auth_pw(r, &password) != OK)
        Py_RETURN_NONE;
    return mp_latin1_from(password);
}

PyObject *mp_request_construct_url(ARGUMENTS)
{
    static const mp_signature signature = { "construct_url()", 1, { "uri" } };
    PyObject *given[MP_ARGS_MAX];
    request_rec *r = mp_object_rec(self);
    const char *uri;

    if (!r || mp_args_take(&signature, args, nargs, kwnames, given) < 0)
        return NULL;
    if (!PyUnicode_Check(given[0]))
        return PyErr_Format(PyExc_TypeError, "construct_url() takes a str, not %.200s", Py_TYPE(given[0])->tp_name);
    uri = mp_text_to(given[0], r->pool, "uri");
    return uri ? mp_text_from(ap_construct_url(r->pool, uri, r)) : NULL;
}

PyObject *mp_request_document_root(ARGUMENTS)
{
    request_rec *r = alone("document_root()", self, nargs, kwnames);

    (void)args;
    return r ? mp_path_from(ap_document_root(r)) : NULL;
}

static const char *remote_host(request_rec *r, int type, int *is_ip)
{
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 56)
    return ap_get_useragent_host(r, type, is_ip);
#else
    return ap_get_remote_host(r->connection, r->per_dir_config, type, is_ip);
#endif
}

PyObject *mp_request_get_remote_host(ARGUMENTS)
{
    static const mp_signature signature = { "get_remote_host()", 0, { "type", "str_is_ip" } };
    PyObject *given[MP_ARGS_MAX];
    const char *host;
    long long type;
    int is_ip = 0;
    request_rec *r;

    if (mp_args_take(&signature, args, nargs, kwnames, given) < 0 ||
        mp_args_int(given[0], REMOTE_NAME, &type, "type") < 0)
        return NULL;
    if (type < REMOTE_HOST || type > REMOTE_DOUBLE_REV)
        return PyErr_Format(PyExc_ValueError, "get_remote_host() takes one of apache.REMOTE_*, not %lld", type);
    r = mp_request_enter(self);
    if (!r)
        return NULL;
    MP_BEGIN_BLOCKING(self)
    host = remote_host(r, (int)type, &is_ip);
    MP_END_BLOCKING(self)
    if (!host)
        Py_RETURN_NONE;
    if (given[1] && given[1] != Py_None)
        return Py_BuildValue("(Ni)", mp_text_from(host), is_ip);
    return mp_text_from(host);
}

PyObject *mp_request_is_https(ARGUMENTS)
{
    request_rec *r = alone("is_https()", self, nargs, kwnames);
    APR_OPTIONAL_FN_TYPE(ssl_is_https) *is_https = APR_RETRIEVE_OPTIONAL_FN(ssl_is_https);

    (void)args;
    return r ? PyLong_FromLong(is_https && is_https(r->connection)) : NULL;
}

PyObject *mp_request_ssl_var_lookup(ARGUMENTS)
{
    static const mp_signature signature = { "ssl_var_lookup()", 1, { "name" } };
    APR_OPTIONAL_FN_TYPE(ssl_var_lookup) *lookup = APR_RETRIEVE_OPTIONAL_FN(ssl_var_lookup);
    PyObject *given[MP_ARGS_MAX];
    request_rec *r = mp_object_rec(self);
    char *name, *value = NULL;

    if (!r || mp_args_take(&signature, args, nargs, kwnames, given) < 0 ||
        !(name = mp_text_to(given[0], r->pool, "name")))
        return NULL;
    if (lookup)
        value = lookup(r->pool, r->server, r->connection, r, name);
    return mp_text_from(value && *value ? value : NULL);
}

/* Headers from facts */

PyObject *mp_request_meets_conditions(ARGUMENTS)
{
    request_rec *r = alone("meets_conditions()", self, nargs, kwnames);

    (void)args;
    return r ? PyLong_FromLong(ap_meets_conditions(r)) : NULL;
}

PyObject *mp_request_set_content_length(ARGUMENTS)
{
    static const mp_signature signature = { "set_content_length()", 1, { "len" } };
    PyObject *given[MP_ARGS_MAX];
    request_rec *r = mp_object_rec(self);
    long long length;

    if (!r || mp_args_take(&signature, args, nargs, kwnames, given) < 0 ||
        mp_args_int(given[0], 0, &length, "len") < 0)
        return NULL;
    if (length < 0)
        return PyErr_Format(PyExc_ValueError, "set_content_length(): len must not be negative (%lld)", length);
    ap_set_content_length(r, (apr_off_t)length);
    Py_RETURN_NONE;
}

PyObject *mp_request_set_etag(ARGUMENTS)
{
    request_rec *r = alone("set_etag()", self, nargs, kwnames);

    (void)args;
    if (!r)
        return NULL;
    ap_set_etag(r);
    Py_RETURN_NONE;
}

PyObject *mp_request_set_last_modified(ARGUMENTS)
{
    request_rec *r = alone("set_last_modified()", self, nargs, kwnames);

    (void)args;
    if (!r)
        return NULL;
    ap_set_last_modified(r);
    Py_RETURN_NONE;
}

PyObject *mp_request_update_mtime(ARGUMENTS)
{
    static const mp_signature signature = { "update_mtime()", 1, { "dependency_mtime" } };
    PyObject *given[MP_ARGS_MAX];
    request_rec *r = mp_object_rec(self);
    double seconds;

    if (!r || mp_args_take(&signature, args, nargs, kwnames, given) < 0)
        return NULL;
    if (!PyLong_Check(given[0]) && !PyFloat_Check(given[0]))
        return PyErr_Format(PyExc_TypeError, "update_mtime() takes seconds as float or int, not %.200s",
                            Py_TYPE(given[0])->tp_name);
    seconds = PyFloat_AsDouble(given[0]);
    if (seconds == -1.0 && PyErr_Occurred())
        return NULL;
    if (!(seconds > -9e12 && seconds < 9e12))           /* also NaN; apr_time_t counts microseconds in 64 bits */
        return PyErr_Format(PyExc_OverflowError, "update_mtime(): %R is no time in seconds", given[0]);
    ap_update_mtime(r, (apr_time_t)(seconds * APR_USEC_PER_SEC));
    Py_RETURN_NONE;
}

PyObject *mp_request_send_http_header(ARGUMENTS)
{
    (void)args;
    return alone("send_http_header()", self, nargs, kwnames) ? Py_NewRef(Py_None) : NULL;
}
