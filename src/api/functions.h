/* What _apache holds besides its types: functions (functions.c, locks.c, processlock.c) and constants (constants.c). */
#ifndef MP_API_FUNCTIONS_H
#define MP_API_FUNCTIONS_H

#include "api/state.h"

extern PyMethodDef mp_api_functions[];

/* locks.c */
PyObject *mp_api_global_locks(PyObject *module, PyObject *none);
PyObject *mp_api_global_lock(PyObject *module, PyObject *args);
PyObject *mp_api_global_trylock(PyObject *module, PyObject *args);
PyObject *mp_api_global_unlock(PyObject *module, PyObject *args);

/* processlock.c */
PyObject *mp_api_process_lock(PyObject *module, PyObject *none);
PyObject *mp_api_process_unlock(PyObject *module, PyObject *none);

int mp_api_constants_add(PyObject *module);     /* 0, or -1 with an exception */

#endif
