/* What _apache holds besides its types: functions (functions.c) and constants (constants.c). */
#ifndef MP_API_FUNCTIONS_H
#define MP_API_FUNCTIONS_H

#include "api/state.h"

extern PyMethodDef mp_api_functions[];
int mp_api_constants_add(PyObject *module);     /* 0, or -1 with an exception */

#endif
