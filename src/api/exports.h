/* What other modules of httpd may call (mod_python.h has the rules), on this side of the seam.
 *
 * Their leases can't live on the stack: they are kept in a list of the thread's, which nobody else touches.
 */
#ifndef MP_API_EXPORTS_H
#define MP_API_EXPORTS_H

#include "runtime/python.h"

/* NULL: main_interpreter. Returns the interpreter, for others no more than a sign; NULL if there is none (logged). */
void *mp_exports_acquire(const char *interpreter);
/* Detached or attached: gives back this thread's last one; logs a fault of the caller's. */
void mp_exports_release(void);

/* New references (PyObject *); NULL with an exception, or without one if the thread is in no interpreter. */
void *mp_exports_request(request_rec *r);
void *mp_exports_server(server_rec *s);
void *mp_exports_connection(conn_rec *c);

#endif
