/* mp_server: a server_rec, which lives as long as the process; so do the objects, one per server and interpreter, kept
 * in state->servers. They never expire.
 */
#include "api/types.h"
#include "api/convert.h"
#include "api/logline.h"

#include "docstrings.h"
#include "scoreboard.h"

typedef struct {
    mp_object object;
    PyObject *dict;             /* owned; attributes that applications set */
    PyObject *config;           /* owned, made on first use: get_config() */
    PyObject *options;          /* owned, made on first use: get_options() */
} mp_server;

static server_rec *rec(PyObject *self)
{
    return ((mp_object *)self)->rec;
}

PyObject *mp_server_from(mp_state *state, server_rec *s)
{
    PyObject *address = PyLong_FromVoidPtr(s), *known;
    mp_server *self = NULL;

    if (!address)
        return NULL;
    known = PyDict_GetItemWithError(state->servers, address);
    if (known || PyErr_Occurred()) {
        Py_DECREF(address);
        return Py_XNewRef(known);
    }
    self = (mp_server *)state->Server_Type->tp_alloc(state->Server_Type, 0);
    if (self) {
        self->object.state = state;
        self->object.rec = s;
        if (PyDict_SetItem(state->servers, address, (PyObject *)self) < 0)
            Py_CLEAR(self);
    }
    Py_DECREF(address);
    return (PyObject *)self;
}

server_rec *mp_server_check(mp_state *state, PyObject *object)
{
    if (Py_IS_TYPE(object, state->Server_Type))
        return rec(object);
    PyErr_Format(PyExc_TypeError, "a server is needed, as req.server or apache.main_server, not %.200s",
                 Py_TYPE(object)->tp_name);
    return NULL;
}

/* The tables are copies in the interpreter's pool: what the configuration holds is read by all threads at any time,
 * without a lock. Changes stay as long as the process, in this interpreter. */

static PyObject *get_config(PyObject *self_, PyObject *Py_UNUSED(args))
{
    mp_server *self = (mp_server *)self_;
    mp_state *state = self->object.state;
    const mp_dir_conf *conf = mp_host->server_conf(rec(self_));

    if (!self->config)
        self->config = mp_table_from(state, mp_host->config_table(state->interp->pool, conf));
    return Py_XNewRef(self->config);
}

/* Unlike req.get_options() it shows empty values, as it always did. */
static PyObject *get_options(PyObject *self_, PyObject *Py_UNUSED(args))
{
    mp_server *self = (mp_server *)self_;
    mp_state *state = self->object.state;
    const mp_dir_conf *conf = mp_host->server_conf(rec(self_));
    apr_pool_t *p = state->interp->pool;

    if (!self->options)
        self->options = mp_table_from(state, conf->options ? apr_table_copy(p, conf->options) : apr_table_make(p, 4));
    return Py_XNewRef(self->options);
}

static PyObject *log_error(PyObject *self, PyObject *args, PyObject *kwargs)
{
    mp_logline line;

    if (mp_logline_parse(&line, args, kwargs) < 0)
        return NULL;
    if (line.text)
        ap_log_error(APLOG_MARK, line.level, 0, rec(self), "%s", line.text);
    mp_logline_done(&line);
    Py_RETURN_NONE;
}

static PyObject *register_cleanup(PyObject *self, PyObject *args)
{
    mp_state *state = ((mp_object *)self)->state;
    PyObject *req, *callable, *data = Py_None;

    if (!PyArg_ParseTuple(args, "OO|O:register_cleanup", &req, &callable, &data))
        return NULL;
    if (!Py_IS_TYPE(req, state->Request_Type))
        return PyErr_Format(PyExc_ValueError, "register_cleanup() takes a request first, not %.200s; "
                            "without one, use apache.register_cleanup()", Py_TYPE(req)->tp_name);
    if (!PyCallable_Check(callable))
        return PyErr_Format(PyExc_ValueError, "register_cleanup() takes a callable second, not %.200s",
                            Py_TYPE(callable)->tp_name);
    if (mp_api_register_cleanup(state->interp, rec(self), callable, data) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *names_from(const apr_array_header_t *names)
{
    int n = names ? names->nelts : 0;
    PyObject *tuple = PyTuple_New(n);

    for (int i = 0; tuple && i < n; i++) {
        PyObject *name = mp_text_from(APR_ARRAY_IDX(names, i, const char *));

        if (name)
            PyTuple_SET_ITEM(tuple, i, name);
        else
            Py_CLEAR(tuple);
    }
    return tuple;
}

static PyObject *names(PyObject *self, void *Py_UNUSED(closure))
{
    return names_from(rec(self)->names);
}

static PyObject *wild_names(PyObject *self, void *Py_UNUSED(closure))
{
    return names_from(rec(self)->wild_names);
}

static PyObject *next(PyObject *self, void *Py_UNUSED(closure))
{
    server_rec *other = rec(self)->next;

    return other ? mp_server_from(((mp_object *)self)->state, other) : Py_NewRef(Py_None);
}

static PyObject *my_generation(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure))
{
    int generation = 0;

    ap_mpm_query(AP_MPMQ_GENERATION, &generation);
    return PyLong_FromLong(generation);
}

static PyObject *restart_time(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure))
{
    apr_time_t started = ap_scoreboard_image ? ap_scoreboard_image->global->restart_time : 0;

    return PyFloat_FromDouble((double)started / APR_USEC_PER_SEC);
}

static PyObject *capsule(PyObject *self, void *Py_UNUSED(closure))
{
    return PyCapsule_New(rec(self), NULL, NULL);
}

static int traverse(PyObject *self_, visitproc visit, void *arg)
{
    mp_server *self = (mp_server *)self_;

    Py_VISIT(Py_TYPE(self_));
    Py_VISIT(self->dict);
    Py_VISIT(self->config);
    Py_VISIT(self->options);
    return 0;
}

static int clear(PyObject *self_)
{
    mp_server *self = (mp_server *)self_;

    Py_CLEAR(self->dict);
    Py_CLEAR(self->config);
    Py_CLEAR(self->options);
    return 0;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

#define FIELD(field, kind) MP_FIELD(#field, server_rec, field, kind, MP_DOC_mp_server_##field)
#define GETTER(name, function) { #name, function, NULL, MP_DOC_mp_server_##name, NULL }
static PyGetSetDef members[] = {
    FIELD(defn_name, MP_PATH),
    FIELD(defn_line_number, MP_UINT),
    FIELD(server_admin, MP_STRING),
    FIELD(server_hostname, MP_STRING),
    GETTER(names, names),
    GETTER(wild_names, wild_names),
    FIELD(port, MP_PORT),
    FIELD(error_fname, MP_PATH),
    MP_FIELD("loglevel", server_rec, log.level, MP_INT, MP_DOC_mp_server_loglevel),
    FIELD(is_virtual, MP_CHAR),
    FIELD(timeout, MP_TIME),
    FIELD(keep_alive_timeout, MP_TIME),
    FIELD(keep_alive_max, MP_INT),
    FIELD(keep_alive, MP_INT),
    FIELD(path, MP_STRING),
    FIELD(pathlen, MP_INT),
    FIELD(limit_req_line, MP_INT),
    FIELD(limit_req_fieldsize, MP_INT),
    FIELD(limit_req_fields, MP_INT),
    GETTER(my_generation, my_generation),
    GETTER(restart_time, restart_time),
    GETTER(next, next),
    GETTER(_server_rec, capsule),
    { "__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL },
    { NULL, NULL, NULL, NULL, NULL }
};

static PyMemberDef offsets[] = {
    { "__dictoffset__", T_PYSSIZET, offsetof(mp_server, dict), READONLY, NULL },
    { NULL, 0, 0, 0, NULL }
};

static PyMethodDef methods[] = {
    { "get_config", get_config, METH_NOARGS, MP_DOC_mp_server_get_config },
    { "get_options", get_options, METH_NOARGS, MP_DOC_mp_server_get_options },
    { "log_error", (PyCFunction)(void (*)(void))log_error, METH_VARARGS | METH_KEYWORDS,
      MP_DOC_mp_server_log_error },
    { "register_cleanup", register_cleanup, METH_VARARGS, MP_DOC_mp_server_register_cleanup },
    { NULL, NULL, 0, NULL }
};

static PyType_Slot slots[] = {
    { Py_tp_doc, MP_DOC_mp_server },
    { Py_tp_dealloc, dealloc },
    { Py_tp_traverse, traverse },
    { Py_tp_clear, clear },
    { Py_tp_getset, members },
    { Py_tp_members, offsets },
    { Py_tp_methods, methods },
    { 0, NULL }
};

static PyType_Spec spec = {
    .name = "builtins.mp_server",
    .basicsize = sizeof(mp_server),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

int mp_server_type_add(PyObject *module, mp_state *state)
{
    state->Server_Type = mp_type_new(module, &spec);
    return state->Server_Type ? 0 : -1;
}
