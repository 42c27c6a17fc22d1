/* mp_conn, for the files that make it up: connobject.c (the type, its members and its life), connio.c (reading and
 * writing).
 *
 * Life. The connection's record lists a place for each interpreter that has met the connection; it has a reference to
 * the object there. The object is expired, and the reference given back, in a cleanup of the connection's pool, or
 * earlier: when a connection handler has had the connection to the end.
 *
 * Threads: everything is guarded by the interpreter's GIL, but what runs between MP_BEGIN_BLOCKING and MP_END_BLOCKING,
 * which only one thread may do for one connection at a time.
 */
#ifndef MP_API_CONNECTION_H
#define MP_API_CONNECTION_H

#include "api/args.h"
#include "api/convert.h"
#include "api/types.h"

/* Touched detached, by the one thread that is in. The brigades are made at first use, in the connection's pool, and are
 * empty between the calls: nothing is fetched that the application does not get, so what it did not read is still
 * there for HTTP. */
typedef struct {
    apr_bucket_brigade *in, *out;
    apr_status_t error;         /* how the input broke off; stays */
    int ended;                  /* the client has closed its side: nothing comes any more */
} mp_connection_io;

typedef struct {
    mp_object object;
    PyObject *notes;            /* owned, made on first use: an exact mp_table, so no cycle is possible */
    PyObject *hlist;            /* owned, made on first use for the handler that runs */
    const mp_handler *handler;  /* the connection handler that runs; NULL: none, reading and writing is HTTP's */
    mp_connection_io io;
    unsigned long thread;       /* the last one that entered httpd */
} mp_connection;

/* connio.c */
PyObject *mp_connection_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
PyObject *mp_connection_readline(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
PyObject *mp_connection_write(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);

#endif
