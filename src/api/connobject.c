/* mp_conn: its life, the type, members. */
#include "api/connection.h"
#include "api/logline.h"
#include "runtime/lease.h"

#include "docstrings.h"

/* In the connection's pool; the head is mp_connection_conf.objects. Changed by threads that have the interpreter's
 * GIL. */
typedef struct place place;
struct place {
    mp_state *state;
    PyObject *object;           /* owned; NULL: it has ended before the connection */
    conn_rec *c;
    place *next;
};

static void drop_hlist(mp_connection *self)
{
    if (self->hlist)
        mp_hlist_expire(self->hlist);
    Py_CLEAR(self->hlist);
}

/* Attached. */
static void expire(place *self)
{
    mp_connection *object = (mp_connection *)self->object;

    object->handler = NULL;
    drop_hlist(object);
    if (object->notes)
        mp_table_expire(object->notes);
    mp_object_expire(self->object);
    Py_CLEAR(self->object);
}

/* After the cleanups of requests, which are children of the pool: these may still use req.connection. */
static apr_status_t end(void *data)
{
    place *self = data;
    mp_connection *object = (mp_connection *)self->object;
    mp_lease lease;

    if (!object)
        return APR_SUCCESS;
    if (mp_lease_take_interp(&lease, self->state->interp, mp_at_server(self->c->base_server)) != APR_SUCCESS) {
        object->object.rec = NULL;          /* the process ends: nobody may enter, but threads may still run */
        if (object->notes)
            ((mp_object *)object->notes)->rec = NULL;
        return APR_SUCCESS;
    }
    expire(self);
    mp_lease_release(&lease);
    return APR_SUCCESS;
}

PyObject *mp_connection_from(mp_state *state, conn_rec *c)
{
    mp_connection_conf *conf = mp_host->connection_conf(c);
    place *first = conf->objects, *one;
    mp_connection *self;

    for (one = first; one; one = one->next)
        if (one->state == state && one->object)
            return Py_NewRef(one->object);
    self = PyObject_New(mp_connection, state->Connection_Type);
    if (!self)
        return NULL;
    memset((char *)self + sizeof(PyObject), 0, sizeof(*self) - sizeof(PyObject));
    self->object.state = state;
    self->object.rec = c;
    one = apr_palloc(c->pool, sizeof(*one));
    *one = (place){ state, Py_NewRef(self), c, first };
    conf->objects = one;
    apr_pool_cleanup_register(c->pool, one, end, apr_pool_cleanup_null);
    return (PyObject *)self;
}

void mp_connection_running(PyObject *self_, const mp_handler *handler)
{
    mp_connection *self = (mp_connection *)self_;

    self->handler = handler;
    drop_hlist(self);
    if (!handler)
        mp_object_wait(self_);
}

void mp_connection_end(PyObject *self)
{
    conn_rec *c = ((mp_object *)self)->rec;
    place *one = mp_host->connection_conf(c)->objects;

    while (one->object != self)
        one = one->next;
    expire(one);
}

static PyObject *base_server(PyObject *self, void *Py_UNUSED(closure))
{
    conn_rec *c = mp_object_rec(self);

    return c ? mp_server_from(((mp_object *)self)->state, c->base_server) : NULL;
}

static PyObject *notes(PyObject *self_, void *Py_UNUSED(closure))
{
    mp_connection *self = (mp_connection *)self_;
    conn_rec *c = mp_object_rec(self_);

    if (!c)
        return NULL;
    if (!self->notes)
        self->notes = mp_table_from(self->object.state, c->notes);
    return Py_XNewRef(self->notes);
}

static PyObject *address_from(apr_sockaddr_t *address)
{
    char ip[64];

    if (!address)
        Py_RETURN_NONE;
    if (apr_sockaddr_ip_getbuf(ip, sizeof(ip), address) != APR_SUCCESS)
        *ip = '\0';                         /* a socket that has no address, like a Unix one */
    return Py_BuildValue("(si)", ip, (int)address->port);
}

static PyObject *local_addr(PyObject *self, void *Py_UNUSED(closure))
{
    conn_rec *c = mp_object_rec(self);

    return c ? address_from(c->local_addr) : NULL;
}

static PyObject *client_addr(PyObject *self, void *Py_UNUSED(closure))
{
    conn_rec *c = mp_object_rec(self);

    return c ? address_from(c->client_addr) : NULL;
}

static void warn_of_name(conn_rec *c, const char *old, const char *current)
{
    ap_log_cerror(APLOG_MARK, APLOG_WARNING, 0, c, "MP0050: connection.%s is deprecated: write connection.%s", old,
                  current);
}

static PyObject *remote_addr(PyObject *self, void *Py_UNUSED(closure))
{
    conn_rec *c = mp_object_rec(self);

    if (!c)
        return NULL;
    warn_of_name(c, "remote_addr", "client_addr");
    return address_from(c->client_addr);
}

static PyObject *remote_ip(PyObject *self, void *Py_UNUSED(closure))
{
    conn_rec *c = mp_object_rec(self);

    if (!c)
        return NULL;
    warn_of_name(c, "remote_ip", "client_ip");
    return mp_text_from(c->client_ip);
}

/* Bit fields, or were ones in an older httpd 2.4: no offset. */
static PyObject *aborted(PyObject *self, void *Py_UNUSED(closure))
{
    conn_rec *c = mp_object_rec(self);

    return c ? PyLong_FromLong(c->aborted ? 1 : 0) : NULL;
}

static PyObject *double_reverse(PyObject *self, void *Py_UNUSED(closure))
{
    conn_rec *c = mp_object_rec(self);

    return c ? PyLong_FromLong(c->double_reverse) : NULL;
}

static PyObject *keepalive(PyObject *self, void *Py_UNUSED(closure))
{
    conn_rec *c = mp_object_rec(self);

    return c ? PyLong_FromLong(c->keepalive) : NULL;
}

static int set_keepalive(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    conn_rec *c = mp_object_rec(self);
    int overflow;
    long state;

    if (!c)
        return -1;
    if (!value)
        return PyErr_Format(PyExc_AttributeError, "keepalive cannot be deleted"), -1;
    if (!PyLong_Check(value))
        return PyErr_Format(PyExc_TypeError, "keepalive must be one of apache.AP_CONN_*, not %.200s",
                            Py_TYPE(value)->tp_name), -1;
    state = PyLong_AsLongAndOverflow(value, &overflow);
    if (overflow || state < AP_CONN_UNKNOWN || state > AP_CONN_KEEPALIVE)
        return PyErr_Format(PyExc_ValueError, "keepalive must be one of apache.AP_CONN_*, not %R", value), -1;
    c->keepalive = (ap_conn_keepalive_e)state;
    return 0;
}

/* Connection handlers have one; elsewhere it is None. */
static PyObject *hlist(PyObject *self_, void *Py_UNUSED(closure))
{
    mp_connection *self = (mp_connection *)self_;
    conn_rec *c = mp_object_rec(self_);

    if (!c)
        return NULL;
    if (!self->handler)
        Py_RETURN_NONE;
    if (!self->hlist)
        self->hlist = mp_hlist_from_connection(self->object.state, c, self->handler);
    return Py_XNewRef(self->hlist);
}

static PyObject *capsule(PyObject *self, void *Py_UNUSED(closure))
{
    conn_rec *c = mp_object_rec(self);

    return c ? PyCapsule_New(c, NULL, NULL) : NULL;
}

static PyObject *log_error(PyObject *self, PyObject *args, PyObject *kwargs)
{
    mp_logline line;
    conn_rec *c;

    if (mp_logline_parse(&line, args, kwargs) < 0)
        return NULL;
    c = mp_object_rec(self);
    if (c && line.text)
        ap_log_cerror(APLOG_MARK, line.level, 0, c, "%s", line.text);
    mp_logline_done(&line);
    return c ? Py_NewRef(Py_None) : NULL;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_XDECREF(((mp_connection *)self)->notes);
    Py_XDECREF(((mp_connection *)self)->hlist);
    type->tp_free(self);
    Py_DECREF(type);
}

#define FIELD(field, kind) MP_FIELD(#field, conn_rec, field, kind, MP_DOC_mp_conn_##field)
#define GETTER(name, function) { #name, function, NULL, MP_DOC_mp_conn_##name, NULL }
static PyGetSetDef members[] = {
    GETTER(base_server, base_server),
    GETTER(local_addr, local_addr),
    GETTER(client_addr, client_addr),
    GETTER(remote_addr, remote_addr),
    FIELD(client_ip, MP_STRING),
    FIELD(local_ip, MP_STRING),
    GETTER(remote_ip, remote_ip),
    FIELD(remote_host, MP_STRING),
    FIELD(remote_logname, MP_STRING),
    FIELD(local_host, MP_STRING),
    GETTER(aborted, aborted),
    { "keepalive", keepalive, set_keepalive, MP_DOC_mp_conn_keepalive, NULL },
    GETTER(double_reverse, double_reverse),
    FIELD(keepalives, MP_INT),
    FIELD(id, MP_LONG),
    GETTER(notes, notes),
    GETTER(hlist, hlist),
    GETTER(_conn_rec, capsule),
    { NULL, NULL, NULL, NULL, NULL }
};

#define METHOD(name) \
    { #name, (PyCFunction)(void (*)(void))mp_connection_##name, METH_FASTCALL | METH_KEYWORDS, MP_DOC_mp_conn_##name }
static PyMethodDef methods[] = {
    METHOD(read),
    METHOD(readline),
    METHOD(write),
    { "log_error", (PyCFunction)(void (*)(void))log_error, METH_VARARGS | METH_KEYWORDS,
      MP_DOC_mp_conn_log_error },
    { NULL, NULL, 0, NULL }
};

static PyType_Slot slots[] = {
    { Py_tp_doc, MP_DOC_mp_conn },
    { Py_tp_dealloc, dealloc },
    { Py_tp_getset, members },
    { Py_tp_methods, methods },
    { 0, NULL }
};

static PyType_Spec spec = {
    .name = "builtins.mp_conn",
    .basicsize = sizeof(mp_connection),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

int mp_connection_type_add(PyObject *module, mp_state *state)
{
    state->Connection_Type = mp_type_new(module, &spec);
    return state->Connection_Type ? 0 : -1;
}
