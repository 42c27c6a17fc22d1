/* What all objects that stand for an httpd record have in common: the record may go before the object does.
 *
 * `rec` is NULL once the record's pool is gone; every access goes through mp_object_rec(), which then raises
 * RuntimeError. `in_flight` counts calls that are inside httpd without the GIL, so that the pool's cleanup waits for a
 * thread of the application's that is still in one.
 */
#ifndef MP_API_OBJECT_H
#define MP_API_OBJECT_H

#include "api/state.h"

typedef struct {
    PyObject_HEAD
    mp_state *state;            /* borrowed: lives as long as the interpreter */
    void *rec;                  /* borrowed from httpd: request_rec, conn_rec, server_rec, apr_table_t; or NULL */
    int in_flight;              /* guarded by the GIL */
} mp_object;

/* The record, or NULL with RuntimeError("this request is over; ..."), worded by the type. */
void *mp_object_rec(PyObject *self);

/* Around every httpd call that may block or call Python again; `self` stays usable, its record stays. */
#define MP_BEGIN_BLOCKING(self) { ((mp_object *)(self))->in_flight++; Py_BEGIN_ALLOW_THREADS
#define MP_END_BLOCKING(self) Py_END_ALLOW_THREADS ((mp_object *)(self))->in_flight--; }

/* Attached: waits until nobody is inside httpd with this object. */
void mp_object_wait(PyObject *self);

/* Attached: rec = NULL, so that nobody enters any more, then waits until nobody is inside httpd with this object. */
void mp_object_expire(PyObject *self);

/* Members that are a plain field of the record: a PyGetSetDef whose closure is one of these. */
typedef enum {
    MP_STRING,          /* const char *: str or None (convert.h: mp_text_from) */
    MP_PATH,            /* const char *: str or None, as os.fsdecode */
    MP_LATIN1,          /* const char *: str or None, always Latin-1 when read */
    MP_INT,             /* int */
    MP_UINT,            /* unsigned; read-only */
    MP_PORT,            /* apr_port_t; read-only */
    MP_CHAR,            /* char that holds a small number; read-only */
    MP_LONG,            /* long */
    MP_OFF,             /* apr_off_t */
    MP_INT64,           /* apr_int64_t */
    MP_TIME             /* apr_time_t: float, seconds */
} mp_field_kind;

typedef struct {
    const char *name;
    mp_field_kind kind;
    size_t offset;
    int nullable;       /* strings: None is taken, and del sets it */
} mp_field;

PyObject *mp_field_get(PyObject *self, void *field);
int mp_field_set(PyObject *self, PyObject *value, void *field);    /* text, in mp_object_pool()'s pool, and MP_INT */

/* An entry of a PyGetSetDef table: a field that is read-only; `doc` is the MP_DOC_ text of the member. */
#define MP_FIELD(name, type, field, kind, doc) \
    { name, mp_field_get, NULL, doc, (void *)&(const mp_field){ name, kind, offsetof(type, field), 0 } }

/* Where a string that is set on this object must live: the request's or connection's pool. */
apr_pool_t *mp_object_pool(PyObject *self);

#endif
