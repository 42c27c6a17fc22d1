/* The end of Python in a process (design D10): registered cleanups, last in first out over all interpreters; then, per
 * interpreter, the youngest first, threading's shutdown and atexit. Interpreters are not torn down: that is where
 * embedded servers crash. Afterwards every GIL is held and never given back, so that no thread of the application's
 * runs Python while the process exits around it.
 *
 * Each step is bounded in time: one that takes too long is logged and left behind, and the next one runs on another
 * thread.
 */
#ifndef MP_RUNTIME_END_H
#define MP_RUNTIME_END_H

#include "runtime/interp.h"

/* The upper rooms' part. Both are called detached and take their lease with mp_lease_take_last(). */
typedef struct {
    /* Runs one registered cleanup; 0 when none is left. Says through begin() which one it is about to run. */
    int (*cleanup)(void (*begin)(const char *what));
    /* Attached: threading's shutdown (step 0), then atexit (step 1). -1 with an exception. */
    int (*finish)(mp_interp *interp, int step);
} mp_end_callbacks;

/* Returns when all is done or the time is up. Called once, by the thread that ends the process. */
void mp_end_run(const mp_end_callbacks *callbacks, server_rec *s);

#endif
