/* The _apache extension module: what is in it, put together from the types, functions and constants beside it. */
#ifndef MP_API_APACHEMODULE_H
#define MP_API_APACHEMODULE_H

#include "api/state.h"

PyMODINIT_FUNC mp_api_init(void);                   /* for PyImport_AppendInittab("_apache") */

#endif
