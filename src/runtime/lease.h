/* The only door into an interpreter.
 *
 *     mp_lease lease;
 *     if (mp_lease_take(&lease, name, where) != APR_SUCCESS) ...   -- it logged why
 *     ...                                                         -- attached: may touch Python
 *     mp_lease_release(&lease);                                   -- as before the take
 *
 * A thread's state for an interpreter is made at its first lease, kept as long as the thread (threading.local holds
 * people's database connections), and cleared when the thread ends. Leases nest on the stack: of the interpreter that
 * the thread is attached to, one costs nothing; of another one, or inside Py_BEGIN_ALLOW_THREADS (a sub-request, an
 * internal redirect, a filter), the thread changes over and back.
 *
 * Never wait for an APR lock attached; never take a lease with one held.
 */
#ifndef MP_RUNTIME_LEASE_H
#define MP_RUNTIME_LEASE_H

#include "runtime/interp.h"
#include "runtime/log.h"

typedef struct mp_attachment mp_attachment;

typedef struct mp_lease mp_lease;
struct mp_lease {
    mp_interp *interp;
    /* private: what to go back to */
    mp_lease *outer_lease;
    mp_attachment *outer;
    PyThreadState *outer_state;     /* attached before; NULL if the thread was detached */
    mp_place outer_where;
};

/* Once per process, before the first lease. */
apr_status_t mp_lease_start(void);

/* `where` says whose error log print() and logging reach. */
apr_status_t mp_lease_take(mp_lease *lease, const char *name, mp_place where);
/* The same for an interpreter that is there already; for pool cleanups. Fails, silently, when the process is ending. */
apr_status_t mp_lease_take_interp(mp_lease *lease, mp_interp *interp, mp_place where);
/* The same when the process is ending; for end.c. */
apr_status_t mp_lease_take_last(mp_lease *lease, mp_interp *interp, server_rec *s);
void mp_lease_release(mp_lease *lease);

/* Attached: the place of the innermost lease of this thread. A thread without a lease (one that a handler started) gets
 * the server that httpd started with. */
mp_place mp_lease_where(void);

/* Whether this thread is attached right now. Async-signal-safe. */
int mp_lease_busy(void);

/* The interpreter that this thread is attached to by a lease, or NULL. */
mp_interp *mp_lease_current(void);
/* Whether that lease, and no later one, is the thread's: it may be released. */
int mp_lease_is_innermost(const mp_lease *lease);

#endif
