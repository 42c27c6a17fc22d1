/* The Python stacks of all threads of a process of a group, for the log: when a request has run too long, or a GIL
 * can't be had.
 *
 * Each interpreter is asked in turn, on a thread that waits for its GIL. If it does not get it within a second,
 * CPython's faulthandler does the work, which needs no GIL: at birth an interpreter registers a signal with it. It
 * writes to descriptor 2, the group's error log. One dump at a time; its lock is never held while a GIL is taken.
 */
#ifndef MP_RUNTIME_STACKS_H
#define MP_RUNTIME_STACKS_H

#include "runtime/interp.h"

/* At the birth of an interpreter, attached, in a process of a group. */
void mp_stacks_prepare(mp_interp *interp);

/* Any thread with all signals blocked; detached. Returns within some seconds. */
void mp_stacks_dump(void);

#endif
