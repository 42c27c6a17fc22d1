/* Turns at a GIL that several interpreters share, up to CPython 3.12.
 *
 * A thread that waits for the GIL asks its holder, after 5 ms, to hand it over. Up to 3.12 it asks in its own
 * interpreter, and the holder looks in its own, too: a thread that computes in one interpreter starves all the others
 * until it blocks (3.13 asks the holder). So each interpreter gets a thread that does nothing but wait for the GIL a
 * hundred times a second while requests are served: it asks where a holder of its interpreter looks.
 *
 * Locks: one mutex for going to sleep and waking, never held while the GIL is waited for.
 */
#ifndef MP_RUNTIME_TURNS_H
#define MP_RUNTIME_TURNS_H

#include "runtime/python.h"

#if PY_VERSION_HEX < 0x030d0000

apr_status_t mp_turns_start(void);          /* once per process */
/* The keeper, detached: a new interpreter, which lives as long as the process, and so does its name. */
void mp_turns_join(PyInterpreterState *interp, const char *name);
void mp_turns_begin(void);                  /* detached: this thread is going to want the GIL */
void mp_turns_end(void);

#else

static inline apr_status_t mp_turns_start(void) { return APR_SUCCESS; }
static inline void mp_turns_join(PyInterpreterState *interp, const char *name) { (void)interp; (void)name; }
static inline void mp_turns_begin(void) { }
static inline void mp_turns_end(void) { }

#endif

#endif
