/* What apache.register_cleanup() and server.register_cleanup() registered for the end of the process.
 *
 * One list for all interpreters, since the order is one: last in first out. It holds references of each entry's own
 * interpreter; its mutex is held for a moment only, never while a GIL is waited for.
 */
#ifndef MP_HANDLERS_CLEANUP_H
#define MP_HANDLERS_CLEANUP_H

#include "runtime/interp.h"

apr_status_t mp_cleanup_start(void);    /* once per process */

/* Attached. Takes references of its own. -1 with an exception. */
int mp_cleanup_add(mp_interp *interp, server_rec *s, PyObject *callable, PyObject *data);

/* For runtime/end.h. */
int mp_cleanup_run_last(void (*begin)(const char *what));

#endif
