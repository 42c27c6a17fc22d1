/* mp_request, for the files that make it up:
 *
 *     requesttype.c      the type, on top of all the others
 *     requestfields.c    members
 *     requestio.c        the body in, the answer out
 *     requestconfig.c    methods about settings of this request
 *     requesthandlers.c  handlers and filters that are added to it
 *     requestmethods.c   the other methods
 *     requestwsgi.c      what mod_python.wsgi needs
 *     requestobject.c    its life, dynamic attributes, cleanups
 *     requestsettings.c  the tables of settings, from phase to phase
 *
 * Life. mp_request_conf.objects lists a place for each interpreter that has met the request; places live in the
 * request's pool and are never taken off the list. An object is either light or kept:
 *   - light: only its callers refer to it, the place points to it without a reference, and the pool knows nothing of
 *     it. So it costs next to nothing where a phase ends without a trace (mp_request_done).
 *   - kept: it has something that must be found again (dynamic attributes, cleanups, a part of the body), or somebody
 *     took a reference. Then the place has a reference too, and a pre-cleanup of the pool ends it.
 * An object that has ended has no record: everything raises RuntimeError.
 *
 * Threads: everything is guarded by the interpreter's GIL, but what runs between MP_BEGIN_BLOCKING and MP_END_BLOCKING,
 * which only one thread may do for one request at a time (mp_request_enter).
 */
#ifndef MP_API_REQUEST_H
#define MP_API_REQUEST_H

#include "api/args.h"
#include "api/convert.h"
#include "api/types.h"

typedef enum {
    MP_HEADERS_IN, MP_HEADERS_OUT, MP_ERR_HEADERS_OUT, MP_SUBPROCESS_ENV, MP_NOTES, MP_CONFIG, MP_OPTIONS,
    MP_REQUEST_TABLES
} mp_request_table;

/* Where an interpreter's object of a request is found. In the request's pool. */
typedef struct mp_request_place mp_request_place;
struct mp_request_place {
    const mp_interp *interp;
    PyObject *object;           /* guarded by that interpreter's GIL; NULL: none now */
    mp_request_place *next;
};

/* How far the body has been read. Touched detached, by the one thread that is in. */
typedef struct {
    apr_bucket_brigade *unread; /* fetched, but not yet given to the application; NULL before the first read */
    apr_status_t error;         /* how the body broke off; stays */
    int refused;                /* HTTP status with which httpd refused the body, or 0; stays */
    int ended;                  /* nothing comes any more */
    int busy;                   /* somebody is fetching; guarded by the GIL */
} mp_request_body;

typedef struct {
    mp_object head;
    mp_request_conf *conf;      /* in the request's pool; NULL when over */
    mp_request_place *place;    /* likewise */
    mp_running running;
    PyObject *dict;             /* dynamic attributes, or NULL */
    PyObject *tables[MP_REQUEST_TABLES];    /* each made when asked for, like the next three */
    PyObject *connection;
    PyObject *server;
    PyObject *hlist;
    PyObject *cleanups;         /* list of (callable, data), or NULL */
    PyObject *callables;        /* list of what add_handler() got: mp_handler.callable points to them; or NULL */
    mp_request_body body;
    struct {
        apr_table_t *headers;   /* NULL: wsgi_start_response() was not called yet */
        const char *content_type;
    } before_response;          /* in the request's pool */
    unsigned long thread;       /* the last one that entered httpd */
    Py_ssize_t queued;          /* bytes written since the last flush */
    unsigned kept : 1;
    unsigned closing : 1;       /* the pool is going: no I/O any more */
    unsigned cleaned : 1;       /* PythonCleanupHandler had this object */
} mp_request;

/* requestobject.c */

int mp_request_traverse(PyObject *self, visitproc visit, void *arg);
int mp_request_clear(PyObject *self);
void mp_request_dealloc(PyObject *self);
int mp_request_setattro(PyObject *self, PyObject *name, PyObject *value);

/* From now on the object stays until the request's pool goes. */
void mp_request_keep(mp_request *req);

/* The request_rec for a call that may block (MP_BEGIN_BLOCKING follows). NULL with RuntimeError (over; another thread
 * is in) or OSError (too late for I/O). */
request_rec *mp_request_enter(PyObject *self);

/* The live table, same object each time; new reference. */
PyObject *mp_request_table_of(mp_request *req, mp_request_table which, apr_table_t *table);

/* requestsettings.c: PythonOption values without those that are empty; and with the phase may come another directory
 * record: what the application changed in its tables goes with it. */
apr_table_t *mp_request_options_of(apr_pool_t *p, const mp_dir_conf *conf);
void mp_request_follow_config(mp_request *req, request_rec *r);

/* requestio.c */
PyObject *mp_request_next_line(PyObject *self);         /* tp_iternext */

extern const PyGetSetDef mp_request_fields[];           /* requestfields.c */

/* All methods. The function of `write` is mp_request_write, its text MP_DOC_mp_request_write. */
#define MP_REQUEST_METHODS(X) \
    X(write) \
    X(flush) \
    X(read) \
    X(readline) \
    X(readlines) \
    X(discard_request_body) \
    X(sendfile) \
    X(internal_redirect) \
    X(add_handler) \
    X(add_input_filter) \
    X(add_output_filter) \
    X(register_input_filter) \
    X(register_output_filter) \
    X(get_config) \
    X(get_options) \
    X(register_cleanup) \
    X(log_error) \
    X(add_common_vars) \
    X(add_cgi_vars) \
    X(allow_methods) \
    X(auth_name) \
    X(auth_type) \
    X(get_addhandler_exts) \
    X(get_basic_auth_pw) \
    X(construct_url) \
    X(document_root) \
    X(get_remote_host) \
    X(is_https) \
    X(ssl_var_lookup) \
    X(meets_conditions) \
    X(set_content_length) \
    X(set_etag) \
    X(set_last_modified) \
    X(update_mtime) \
    X(build_wsgi_env) \
    X(wsgi_start_response) \
    X(requires) \
    X(send_http_header)

#define X(name) \
    PyObject *mp_request_##name(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
MP_REQUEST_METHODS(X)
#undef X

#endif
