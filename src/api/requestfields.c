/* The members of mp_request. */
#include "api/request.h"

#include "docstrings.h"

/* A member that is the request_rec's field of the same name. Compound literals at file scope are static. */
#define FIELD(kind_, member, set, nullable_) \
    { #member, mp_field_get, set, MP_DOC_mp_request_##member, \
      (void *)&(const mp_field){ #member, kind_, offsetof(request_rec, member), nullable_ } }
#define READ_ONLY(kind, member) FIELD(kind, member, NULL, 0)
#define WRITABLE(kind, member) FIELD(kind, member, mp_field_set, 0)
#define NULLABLE(kind, member) FIELD(kind, member, mp_field_set, 1)

static int refuse_delete(PyObject *value, const char *name)
{
    if (value)
        return 0;
    PyErr_Format(PyExc_AttributeError, "%s cannot be deleted", name);
    return -1;
}

/* Objects */

static PyObject *get_connection(PyObject *self, void *Py_UNUSED(closure))
{
    mp_request *req = (mp_request *)self;
    request_rec *r = mp_object_rec(self);

    if (!r || (!req->connection && !(req->connection = mp_connection_from(req->head.state, r->connection))))
        return NULL;
    return Py_NewRef(req->connection);
}

static PyObject *get_server(PyObject *self, void *Py_UNUSED(closure))
{
    mp_request *req = (mp_request *)self;
    request_rec *r = mp_object_rec(self);

    if (!r || (!req->server && !(req->server = mp_server_from(req->head.state, r->server))))
        return NULL;
    return Py_NewRef(req->server);
}

/* The closure is the offset of a request_rec * in the request_rec. */
static PyObject *get_relative(PyObject *self, void *offset)
{
    char *r = mp_object_rec(self);
    request_rec *relative;

    if (!r)
        return NULL;
    relative = *(request_rec **)(r + (uintptr_t)offset);
    return relative ? mp_request_share(((mp_object *)self)->state, relative) : Py_NewRef(Py_None);
}

/* The closure is a mp_request_table. */
static PyObject *get_table(PyObject *self, void *which)
{
    static const size_t offsets[] = {
        [MP_HEADERS_IN] = offsetof(request_rec, headers_in),
        [MP_HEADERS_OUT] = offsetof(request_rec, headers_out),
        [MP_ERR_HEADERS_OUT] = offsetof(request_rec, err_headers_out),
        [MP_SUBPROCESS_ENV] = offsetof(request_rec, subprocess_env),
        [MP_NOTES] = offsetof(request_rec, notes),
    };
    char *r = mp_object_rec(self);

    if (!r)
        return NULL;
    return mp_request_table_of((mp_request *)self, (mp_request_table)(uintptr_t)which,
                               *(apr_table_t **)(r + offsets[(uintptr_t)which]));
}

static PyObject *get_finfo(PyObject *self, void *Py_UNUSED(closure))
{
    request_rec *r = mp_object_rec(self);

    return r ? mp_finfo_from(((mp_object *)self)->state, &r->finfo) : NULL;
}

static int set_finfo(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    request_rec *r = mp_object_rec(self);
    const apr_finfo_t *finfo;

    if (!r || refuse_delete(value, "finfo") < 0)
        return -1;
    finfo = mp_finfo_check(((mp_object *)self)->state, value);
    if (!finfo)
        return -1;
    r->finfo = *finfo;
    r->finfo.pool = r->pool;
    r->finfo.fname = apr_pstrdup(r->pool, finfo->fname);
    r->finfo.name = apr_pstrdup(r->pool, finfo->name);
    return 0;
}

static PyObject *get_capsule(PyObject *self, void *Py_UNUSED(closure))
{
    request_rec *r = mp_object_rec(self);

    return r ? PyCapsule_New(r, NULL, NULL) : NULL;
}

/* What runs */

static PyObject *get_phase(PyObject *self, void *Py_UNUSED(closure))
{
    int phase = ((mp_request *)self)->running.phase;

    if (!mp_object_rec(self))
        return NULL;
    return mp_text_from(phase < 0 ? NULL : mp_host->phase_directive((mp_phase)phase));
}

static PyObject *get_extension(PyObject *self, void *Py_UNUSED(closure))
{
    return mp_object_rec(self) ? mp_text_from(((mp_request *)self)->running.extension) : NULL;
}

static PyObject *get_hlist(PyObject *self, void *Py_UNUSED(closure))
{
    mp_request *req = (mp_request *)self;
    request_rec *r = mp_object_rec(self);

    if (!r)
        return NULL;
    if (!req->hlist && !req->running.handler)
        Py_RETURN_NONE;
    if (!req->hlist && !(req->hlist = mp_hlist_from(req->head.state, r, req->running.handler)))
        return NULL;
    return Py_NewRef(req->hlist);
}

static PyObject *get_interpreter(PyObject *self, void *Py_UNUSED(closure))
{
    return mp_object_rec(self) ? mp_text_from(((mp_object *)self)->state->interp->name) : NULL;
}

static PyObject *get_bytes_queued(PyObject *self, void *Py_UNUSED(closure))
{
    return mp_object_rec(self) ? PyLong_FromSsize_t(((mp_request *)self)->queued) : NULL;
}

/* Content type and languages */

static PyObject *get_content_type(PyObject *self, void *Py_UNUSED(closure))
{
    request_rec *r = mp_object_rec(self);

    return r ? mp_text_from(r->content_type) : NULL;
}

static int set_content_type(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    request_rec *r = mp_object_rec(self);
    char *type = NULL;

    if (!r)
        return -1;
    if (value && value != Py_None && !(type = mp_text_to(value, r->pool, "content_type")))
        return -1;
    ap_set_content_type(r, type);
    ((mp_request *)self)->conf->content_type_set = type != NULL;
    return 0;
}

static PyObject *get_content_type_set(PyObject *self, void *Py_UNUSED(closure))
{
    return mp_object_rec(self) ? PyLong_FromLong(((mp_request *)self)->conf->content_type_set) : NULL;
}

static PyObject *get_content_languages(PyObject *self, void *Py_UNUSED(closure))
{
    request_rec *r = mp_object_rec(self);

    return r ? mp_tuple_from(r->content_languages) : NULL;
}

static int set_content_languages(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    PyObject *languages = NULL;
    apr_array_header_t *array = NULL;
    request_rec *r;
    int status = -1;

    if (value && value != Py_None && (PyUnicode_Check(value) || PyBytes_Check(value))) {
        PyErr_SetString(PyExc_TypeError, "content_languages must be a sequence of str, such as ('en',)");
        return -1;
    }
    if (value && value != Py_None && !(languages = PySequence_Tuple(value)))
        return -1;
    r = mp_object_rec(self);
    if (!r)
        goto done;
    if (languages)
        array = apr_array_make(r->pool, (int)PyTuple_GET_SIZE(languages) + 1, sizeof(const char *));
    for (Py_ssize_t i = 0; languages && i < PyTuple_GET_SIZE(languages); i++) {
        char *language = mp_text_to(PyTuple_GET_ITEM(languages, i), r->pool, "content_languages");

        if (!language)
            goto done;
        APR_ARRAY_PUSH(array, const char *) = language;
    }
    r->content_languages = array;
    status = 0;
done:
    Py_XDECREF(languages);
    return status;
}

/* Methods */

static PyObject *get_allowed_xmethods(PyObject *self, void *Py_UNUSED(closure))
{
    request_rec *r = mp_object_rec(self);

    return r ? mp_tuple_from(r->allowed_xmethods) : NULL;
}

static PyObject *get_allowed_methods(PyObject *self, void *Py_UNUSED(closure))
{
    request_rec *r = mp_object_rec(self);
    apr_array_header_t *names;
    int i;

    if (!r)
        return NULL;
    names = apr_array_make(r->pool, 8, sizeof(const char *));
    if (r->allowed_methods) {
        for (i = 0; i < METHODS; i++)
            if (i != M_INVALID && ((apr_uint64_t)r->allowed_methods->method_mask >> i & 1)) {
                const char *name = i == M_GET ? "GET" : ap_method_name_of(r->pool, i);     /* httpd: or HEAD */

                if (name)
                    APR_ARRAY_PUSH(names, const char *) = name;
            }
        if (r->allowed_methods->method_list)
            apr_array_cat(names, r->allowed_methods->method_list);
    }
    return mp_tuple_from(names);
}

/* Addresses */

static PyObject *get_parsed_uri(PyObject *self, void *Py_UNUSED(closure))
{
    request_rec *r = mp_object_rec(self);
    const apr_uri_t *uri;

    if (!r)
        return NULL;
    uri = &r->parsed_uri;
    return Py_BuildValue("(NNNNNNNNN)", mp_text_from(uri->scheme), mp_text_from(uri->hostinfo),
                         mp_text_from(uri->user), mp_text_from(uri->password), mp_text_from(uri->hostname),
                         uri->port_str ? PyLong_FromLong(uri->port) : Py_NewRef(Py_None),
                         mp_text_from(uri->path), mp_text_from(uri->query), mp_text_from(uri->fragment));
}

static PyObject *get_useragent_addr(PyObject *self, void *Py_UNUSED(closure))
{
    request_rec *r = mp_object_rec(self);

    if (!r)
        return NULL;
    return Py_BuildValue("(Ni)", mp_text_from(r->useragent_ip), r->useragent_addr ? (int)r->useragent_addr->port : 0);
}

#define COMPUTED(name, get, set) { #name, get, set, MP_DOC_mp_request_##name, NULL }
#define TABLE(name, which) { #name, get_table, NULL, MP_DOC_mp_request_##name, (void *)(uintptr_t)(which) }
#define RELATIVE(member) \
    { #member, get_relative, NULL, MP_DOC_mp_request_##member, (void *)offsetof(request_rec, member) }

const PyGetSetDef mp_request_fields[] = {
    COMPUTED(connection, get_connection, NULL),
    COMPUTED(server, get_server, NULL),
    RELATIVE(next),
    RELATIVE(prev),
    RELATIVE(main),

    READ_ONLY(MP_STRING, the_request),
    WRITABLE(MP_INT, assbackwards),
    WRITABLE(MP_INT, proxyreq),
    READ_ONLY(MP_INT, header_only),
    READ_ONLY(MP_STRING, protocol),
    READ_ONLY(MP_INT, proto_num),
    READ_ONLY(MP_STRING, hostname),
    READ_ONLY(MP_TIME, request_time),
    NULLABLE(MP_STRING, status_line),
    WRITABLE(MP_INT, status),
    READ_ONLY(MP_STRING, method),
    READ_ONLY(MP_INT, method_number),
    READ_ONLY(MP_INT64, allowed),
    COMPUTED(allowed_xmethods, get_allowed_xmethods, NULL),
    COMPUTED(allowed_methods, get_allowed_methods, NULL),

    READ_ONLY(MP_OFF, sent_bodyct),
    READ_ONLY(MP_OFF, bytes_sent),
    READ_ONLY(MP_TIME, mtime),
    WRITABLE(MP_INT, chunked),
    READ_ONLY(MP_STRING, range),
    READ_ONLY(MP_OFF, clength),
    READ_ONLY(MP_OFF, remaining),
    READ_ONLY(MP_OFF, read_length),
    READ_ONLY(MP_INT, read_body),
    READ_ONLY(MP_INT, read_chunked),
    READ_ONLY(MP_UINT, expecting_100),
    READ_ONLY(MP_INT, eos_sent),
    COMPUTED(_bytes_queued, get_bytes_queued, NULL),

    TABLE(headers_in, MP_HEADERS_IN),
    TABLE(headers_out, MP_HEADERS_OUT),
    TABLE(err_headers_out, MP_ERR_HEADERS_OUT),
    TABLE(subprocess_env, MP_SUBPROCESS_ENV),
    TABLE(notes, MP_NOTES),

    COMPUTED(phase, get_phase, NULL),
    COMPUTED(interpreter, get_interpreter, NULL),
    COMPUTED(extension, get_extension, NULL),
    COMPUTED(hlist, get_hlist, NULL),

    COMPUTED(content_type, get_content_type, set_content_type),
    COMPUTED(_content_type_set, get_content_type_set, NULL),
    COMPUTED(content_languages, get_content_languages, set_content_languages),
    NULLABLE(MP_STRING, content_encoding),
    NULLABLE(MP_STRING, handler),
    READ_ONLY(MP_STRING, vlist_validator),
    NULLABLE(MP_LATIN1, user),
    NULLABLE(MP_STRING, ap_auth_type),
    WRITABLE(MP_INT, no_cache),
    WRITABLE(MP_INT, no_local_copy),

    READ_ONLY(MP_STRING, unparsed_uri),
    WRITABLE(MP_STRING, uri),
    NULLABLE(MP_PATH, filename),
    NULLABLE(MP_PATH, canonical_filename),
    NULLABLE(MP_STRING, path_info),
    NULLABLE(MP_STRING, args),
    COMPUTED(finfo, get_finfo, set_finfo),
    COMPUTED(parsed_uri, get_parsed_uri, NULL),
    WRITABLE(MP_INT, used_path_info),
    COMPUTED(useragent_addr, get_useragent_addr, NULL),
    READ_ONLY(MP_STRING, useragent_ip),

    COMPUTED(_request_rec, get_capsule, NULL),
    { "__dict__", PyObject_GenericGetDict, NULL, NULL, NULL },
    { NULL, NULL, NULL, NULL, NULL }
};
