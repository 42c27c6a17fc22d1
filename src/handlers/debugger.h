/* PythonEnablePdb: handlers and filters run under pdb, on the terminal of an httpd that is one process (-X,
 * -DONE_PROCESS). */
#ifndef MP_HANDLERS_DEBUGGER_H
#define MP_HANDLERS_DEBUGGER_H

#include "runtime/log.h"

/* Attached: what function(arg) returns, under pdb if the place's PythonEnablePdb says so; new reference. NULL with an
 * exception, also when pdb was told to quit. */
PyObject *mp_debugger_call(mp_place where, PyObject *function, PyObject *arg);

#endif
