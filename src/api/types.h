/* The types of _apache, each in its own file; these are the doors between them and from the handlers room. */
#ifndef MP_API_TYPES_H
#define MP_API_TYPES_H

#include "api/object.h"
#include "api/stream.h"

/* Called from the module's exec slot, in every interpreter. 0, or -1 with an exception. */
int mp_table_type_add(PyObject *module, mp_state *state);
int mp_server_type_add(PyObject *module, mp_state *state);
int mp_connection_type_add(PyObject *module, mp_state *state);
int mp_finfo_type_add(PyObject *module, mp_state *state);
int mp_hlist_type_add(PyObject *module, mp_state *state);
int mp_request_type_add(PyObject *module, mp_state *state);
int mp_filter_type_add(PyObject *module, mp_state *state);

/* tableobject.c: over a table of httpd's; expires with `owner`'s record (mp_table_expire). */
PyObject *mp_table_from(mp_state *state, apr_table_t *table);
void mp_table_expire(PyObject *table);
void mp_table_guard_headers(PyObject *table);       /* values with a line end are refused from now on */

/* serverobject.c: one object per server_rec and interpreter; new reference. */
PyObject *mp_server_from(mp_state *state, server_rec *s);
server_rec *mp_server_check(mp_state *state, PyObject *object);     /* NULL with TypeError if it is no server */

/* connobject.c: one object per conn_rec and interpreter; new reference. Expires with the connection's pool. */
PyObject *mp_connection_from(mp_state *state, conn_rec *c);
/* For conn.hlist, and for reading and writing, which only connection handlers may: the handler that runs from now on,
 * or NULL: none, the connection goes on as HTTP. Waits for a thread of the application's that is still inside httpd. */
void mp_connection_running(PyObject *conn, const mp_handler *handler);
/* Nothing more is done with the connection: expires the object, now instead of with the pool. */
void mp_connection_end(PyObject *conn);

/* finfoobject.c: a copy of the facts; new reference. */
PyObject *mp_finfo_from(mp_state *state, const apr_finfo_t *finfo);
/* Its facts, strings included, as long as the object lives; NULL with TypeError if it is no mp_finfo. */
const apr_finfo_t *mp_finfo_check(mp_state *state, PyObject *object);

/* hlistobject.c: the handlers of the running phase; new reference. */
PyObject *mp_hlist_from(mp_state *state, request_rec *r, const mp_handler *handler);
PyObject *mp_hlist_from_connection(mp_state *state, conn_rec *c, const mp_handler *handler);
void mp_hlist_expire(PyObject *hlist);

/* filterobject.c: for one call; `filtering` is NULL for an element of a page. New reference, to be given back with
 * mp_filter_done(): from then on the object is over, whoever keeps it. */
PyObject *mp_filter_from(mp_state *state, mp_stream *stream, mp_filtering *filtering);
void mp_filter_done(PyObject *filter);

/* requestobject.c */

/* The object of this request in this interpreter, made on first use; new reference, to be given back with
 * mp_request_done(). */
PyObject *mp_request_from(mp_state *state, request_rec *r);
/* The same for a reference that Python code gets: the object is expired with the request's pool in any case. */
PyObject *mp_request_share(mp_state *state, request_rec *r);

/* What runs now, for req.phase, req.hlist and req.extension. phase < 0: none (req.phase is None). Returns what was
 * there before through *before, to be put back; both may be the same address. */
typedef struct {
    int phase;                      /* mp_phase or -1 */
    const mp_handler *handler;
    const char *extension;
} mp_running;
void mp_request_running(PyObject *req, const mp_running *now, mp_running *before);

/* After a phase: drops the caller's reference. Where nothing else holds the object or what hangs on it, it is gone and
 * nobody can tell; else it stays for the later phases and is expired with the request's pool. */
void mp_request_done(PyObject *req);

#endif
