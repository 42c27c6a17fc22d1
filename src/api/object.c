/* Objects over httpd's records, and members that are plain fields of these. */
#include "api/object.h"
#include "api/convert.h"

void *mp_object_rec(PyObject *self)
{
    mp_object *object = (mp_object *)self;
    const char *what = "request";

    if (object->rec)
        return object->rec;
    if (Py_IS_TYPE(self, object->state->Connection_Type))
        what = "connection";
    else if (Py_IS_TYPE(self, object->state->HList_Type))
        what = "handler's hlist";
    else if (Py_IS_TYPE(self, object->state->Filter_Type))
        what = "call of the filter";
    PyErr_Format(PyExc_RuntimeError, "this %s is over; copy what you need of it while it runs", what);
    return NULL;
}

void mp_object_wait(PyObject *self)
{
    while (((mp_object *)self)->in_flight) {
        Py_BEGIN_ALLOW_THREADS
        apr_sleep(apr_time_from_msec(1));
        Py_END_ALLOW_THREADS
    }
}

void mp_object_expire(PyObject *self)
{
    mp_object *object = (mp_object *)self;

    object->rec = NULL;
    mp_object_wait(self);
}

apr_pool_t *mp_object_pool(PyObject *self)
{
    mp_object *object = (mp_object *)self;
    void *rec = mp_object_rec(self);

    if (!rec)
        return NULL;
    if (Py_IS_TYPE(self, object->state->Request_Type))
        return ((request_rec *)rec)->pool;
    if (Py_IS_TYPE(self, object->state->Connection_Type))
        return ((conn_rec *)rec)->pool;
    if (Py_IS_TYPE(self, object->state->Server_Type))
        return object->state->interp->pool;
    return apr_table_elts(rec)->pool;
}

PyObject *mp_field_get(PyObject *self, void *field_)
{
    const mp_field *field = field_;
    char *rec = mp_object_rec(self);
    void *at;

    if (!rec)
        return NULL;
    at = rec + field->offset;
    switch (field->kind) {
    case MP_STRING: return mp_text_from(*(const char **)at);
    case MP_PATH:   return mp_path_from(*(const char **)at);
    case MP_LATIN1: return mp_latin1_from(*(const char **)at);
    case MP_INT:    return PyLong_FromLong(*(int *)at);
    case MP_UINT:   return PyLong_FromUnsignedLong(*(unsigned *)at);
    case MP_PORT:   return PyLong_FromLong(*(apr_port_t *)at);
    case MP_CHAR:   return PyLong_FromLong(*(char *)at);
    case MP_LONG:   return PyLong_FromLong(*(long *)at);
    case MP_OFF:    return PyLong_FromLongLong(*(apr_off_t *)at);
    case MP_INT64:  return PyLong_FromLongLong(*(apr_int64_t *)at);
    case MP_TIME:   return PyFloat_FromDouble((double)*(apr_time_t *)at / APR_USEC_PER_SEC);
    }
    Py_UNREACHABLE();
}

static int is_string(const mp_field *field)
{
    return field->kind == MP_STRING || field->kind == MP_PATH || field->kind == MP_LATIN1;
}

static int refuse(const mp_field *field, const char *wanted, PyObject *value)
{
    PyErr_Format(PyExc_TypeError, "%s must be %s, not %.200s", field->name, wanted, Py_TYPE(value)->tp_name);
    return -1;
}

static int set_string(PyObject *self, PyObject *value, const mp_field *field)
{
    PyObject *path = NULL;
    apr_pool_t *pool;
    char *copy = NULL, *rec;
    int status = -1;

    if (field->nullable && (!value || value == Py_None))
        value = NULL;
    else if (!PyUnicode_Check(value) && !PyBytes_Check(value)) {
        if (field->kind != MP_PATH)
            return refuse(field, "str or bytes", value);
        value = path = PyOS_FSPath(value);      /* runs Python code: before the record is looked at */
        if (!path)
            return -1;
    }
    pool = mp_object_pool(self);
    if (!pool)
        goto done;
    if (value) {
        copy = field->kind == MP_PATH ? mp_path_to(value, pool, field->name) : mp_text_to(value, pool, field->name);
        if (!copy)
            goto done;
    }
    rec = mp_object_rec(self);
    if (!rec)
        goto done;
    *(const char **)(rec + field->offset) = copy;
    status = 0;
done:
    Py_XDECREF(path);
    return status;
}

static int set_int(PyObject *self, PyObject *value, const mp_field *field)
{
    long long number;
    char *rec;

    if (!PyLong_Check(value))
        return refuse(field, "int", value);
    number = PyLong_AsLongLong(value);
    if (number == -1 && PyErr_Occurred())
        return -1;
    if (number < INT_MIN || number > INT_MAX)
        return PyErr_Format(PyExc_OverflowError, "%s: %lld is too large", field->name, number), -1;
    rec = mp_object_rec(self);
    if (!rec)
        return -1;
    *(int *)(rec + field->offset) = (int)number;
    return 0;
}

int mp_field_set(PyObject *self, PyObject *value, void *field_)
{
    const mp_field *field = field_;

    if (!value && !(field->nullable && is_string(field)))
        return PyErr_Format(PyExc_AttributeError, "%s cannot be deleted", field->name), -1;
    switch (field->kind) {
    case MP_STRING:
    case MP_PATH:
    case MP_LATIN1:
        return set_string(self, value, field);
    case MP_INT:
        return set_int(self, value, field);
    default:
        return PyErr_Format(PyExc_AttributeError, "%s is read-only", field->name), -1;
    }
}
