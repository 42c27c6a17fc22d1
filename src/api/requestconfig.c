/* The settings of this request, and what other modules were told for it. */
#include "api/request.h"

/* Both tables stand on the same record: brings what is there up to it. */
static mp_request_conf *own_tables(PyObject *self, request_rec *r)
{
    mp_request *req = (mp_request *)self;

    mp_request_follow_config(req, r);
    req->conf->tables_of = mp_host->dir_conf(r);
    return req->conf;
}

PyObject *mp_request_get_config(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs, PyObject *kwnames)
{
    mp_request_conf *own;
    request_rec *r;

    if (mp_args_none("get_config()", nargs, kwnames) < 0 || !(r = mp_object_rec(self)))
        return NULL;
    own = own_tables(self, r);
    if (!own->config)
        own->config = mp_host->config_table(r->pool, own->tables_of);
    return mp_request_table_of((mp_request *)self, MP_CONFIG, own->config);
}

PyObject *mp_request_get_options(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs, PyObject *kwnames)
{
    mp_request_conf *own;
    request_rec *r;

    if (mp_args_none("get_options()", nargs, kwnames) < 0 || !(r = mp_object_rec(self)))
        return NULL;
    own = own_tables(self, r);
    if (!own->options)
        own->options = mp_request_options_of(r->pool, own->tables_of);
    return mp_request_table_of((mp_request *)self, MP_OPTIONS, own->options);
}

/* What other modules were told */

static int append_extension(void *extensions, const char *extension, const char *ours)
{
    if (*ours)
        APR_ARRAY_PUSH((apr_array_header_t *)extensions, const char *) = extension;
    return 1;
}

PyObject *mp_request_get_addhandler_exts(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs,
                                         PyObject *kwnames)
{
    apr_array_header_t *extensions;
    const mp_dir_conf *conf;
    request_rec *r;

    if (mp_args_none("get_addhandler_exts()", nargs, kwnames) < 0 || !(r = mp_object_rec(self)))
        return NULL;
    conf = mp_host->dir_conf(r);
    extensions = apr_array_make(r->pool, 4, sizeof(const char *));
    if (conf->extensions)
        apr_table_do(append_extension, extensions, conf->extensions, NULL);
    if (extensions->nelts)
        APR_ARRAY_PUSH(extensions, const char *) = "";      /* a blank behind the last one, too */
    return mp_text_from(apr_array_pstrcat(r->pool, extensions, ' '));
}

PyObject *mp_request_requires(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs, PyObject *kwnames)
{
    const apr_array_header_t *requirements;
    apr_array_header_t *lines;
    request_rec *r;

    if (mp_args_none("requires()", nargs, kwnames) < 0 || !(r = mp_object_rec(self)))
        return NULL;
    requirements = mp_host->dir_conf(r)->requirements;
    lines = apr_array_make(r->pool, 4, sizeof(const char *));
    for (int i = 0; requirements && i < requirements->nelts; i++) {
        const mp_requirement *requirement = &APR_ARRAY_IDX(requirements, i, mp_requirement);

        if (requirement->methods & (AP_METHOD_BIT << r->method_number))
            APR_ARRAY_PUSH(lines, const char *) = requirement->text;
    }
    return mp_tuple_from(lines);
}
