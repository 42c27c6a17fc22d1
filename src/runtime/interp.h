/* The dictionary of interpreters: name -> entry, and the keeper, the one thread on which they are born.
 *
 * Life: an interpreter lives from its first lease until the process ends; it is never destroyed (design D10).
 * Locks: one mutex guards the dictionary and the entries' states. It is never held while a GIL is taken, and nobody
 * who has a GIL waits for it: threads that ask for an entry which is being born wait detached.
 * Memory: pools that no one destroys, since threads of the application's may outlive httpd's.
 *
 * Why a keeper: CPython up to 3.12 takes the thread that imports `threading` first for the interpreter's main thread,
 * and up to 3.11 an interpreter must never be without a thread state. Both belong to a thread that never ends.
 */
#ifndef MP_RUNTIME_INTERP_H
#define MP_RUNTIME_INTERP_H

#include "runtime/python.h"

/* One CPython interpreter. What hangs on it is guarded by its GIL. */
typedef struct mp_interp mp_interp;
struct mp_interp {
    const char *name;
    PyInterpreterState *state;
    PyThreadState *parked;      /* its first thread state, the keeper's: the interpreter is never without one */
    int own_gil;
    apr_pool_t *pool;           /* for C data of this interpreter; guarded by its GIL */
    void *api;                  /* mp_state of its _apache (api/state.h), set at birth */
    void *modules;              /* handlers/modules.c: what was imported for handlers */
    void *wsgi;                 /* mp_wsgi_state of its mod_wsgi (wsgi/wsgi.h), set at birth */
    int dump_signal;            /* stacks.c; 0: none */
    unsigned long epoch;        /* grows with every import that may have changed what a handler stands on */
    mp_interp *next;            /* born before */
};

/* What the upper rooms do for an interpreter. */
typedef struct {
    struct {
        const char *name;
        PyObject *(*init)(void);
    } modules[3];                           /* built in; the last one is NULL */
    int (*born)(mp_interp *interp);    /* on the keeper, attached; -1 with an exception: birth failed */
} mp_interp_callbacks;

/* Starts the keeper, boots CPython and makes main_interpreter. Logs why it could not. */
apr_status_t mp_interp_start(const mp_interp_callbacks *callbacks, server_rec *s);

/* Detached: the interpreter of that name, born if needed; NULL if that failed (logged) or the process is ending. */
mp_interp *mp_interp_get(const char *name, server_rec *s);

/* Any thread: all of them, the youngest first; and the first one. */
mp_interp *mp_interp_all(void);
mp_interp *mp_interp_main(void);

/* Runs it on the keeper, which is Python's main thread, attached to that interpreter; waits until it is done. Meanwhile
 * nothing is born. Detached. */
void mp_interp_run_on_keeper(mp_interp *interp, void (*run)(mp_interp *interp, void *data), void *data);

/* The process is ending: no births and no leases from here on, but those of end.c. */
void mp_interp_close(void);
int mp_interp_closed(void);

#endif
