/* Python.h in the order that CPython wants (first), and the differences between 3.10 and 3.14 that we meet.
 */
#ifndef MP_RUNTIME_PYTHON_H
#define MP_RUNTIME_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "engine.h"

#ifdef Py_GIL_DISABLED
#error "the engine's data is guarded by GILs: build it with an ordinary CPython, not a free-threaded one"
#endif
#if PY_VERSION_HEX < 0x030a0000
#error "mod_python needs CPython 3.10 or later"
#endif

/* CPython gives an interpreter its own GIL safely from 3.13 on (docs/internals: 3.12.1 corrupts memory). */
#define MP_HAVE_OWN_GIL (PY_VERSION_HEX >= 0x030d0000)

/* The thread state that is attached on this thread, or (up to 3.11) the one that holds the GIL, or NULL. Equal to a
 * state of this thread only if this thread is attached with it. */
#if PY_VERSION_HEX >= 0x030d0000
#define mp_current_tstate() PyThreadState_GetUnchecked()
#else
#define mp_current_tstate() _PyThreadState_UncheckedGet()
#endif

/* Starts CPython in this process; once, on the keeper (interp.c), which is attached to the main interpreter afterwards.
 * Logs why it could not. */
apr_status_t mp_python_boot(apr_pool_t *p, server_rec *s);

#endif
