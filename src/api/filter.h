/* mp_filter, for the files that make it up:
 *
 *     filterobject.c     the type, its life and its members
 *     filterio.c         its methods
 *
 * Life. There is one object for each call of a filter's function (for a page: for each element), which ends when the
 * call returns: httpd's brigade is gone then. What stays from call to call, such as whether the filter is closed, is in
 * the mp_stream. An object that has ended has no stream: everything raises RuntimeError.
 *
 * Threads: as mp_request. What runs between MP_BEGIN_BLOCKING and MP_END_BLOCKING only one thread may do at a time.
 */
#ifndef MP_API_FILTER_H
#define MP_API_FILTER_H

#include "api/args.h"
#include "api/stream.h"
#include "api/types.h"

typedef struct {
    mp_object head;             /* rec: the mp_stream */
    mp_filtering *filtering;    /* borrowed like the stream; NULL for a page */
    unsigned long thread;       /* the last one that entered httpd */
    int softspace;
} mp_filter;

/* filterobject.c: the stream, for a call that may block or that touches its brigades. NULL with RuntimeError: over;
 * another thread is in. */
mp_stream *mp_filter_enter(PyObject *self);

/* All methods. The function of `write` is mp_filter_write, its text MP_DOC_mp_filter_write. */
#define MP_FILTER_METHODS(X) \
    X(read) \
    X(readline) \
    X(write) \
    X(flush) \
    X(close) \
    X(pass_on) \
    X(disable)

#define X(name) \
    PyObject *mp_filter_##name(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
MP_FILTER_METHODS(X)
#undef X

#endif
