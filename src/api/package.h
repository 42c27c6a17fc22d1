/* The Python half, in a new interpreter: finds the mod_python package, starts it, and keeps what the engine calls. */
#ifndef MP_API_PACKAGE_H
#define MP_API_PACKAGE_H

#include "api/state.h"

/* On the keeper, attached to the new interpreter; sets interp->api. -1 with an exception. */
int mp_package_start(mp_interp *interp);

/* Attached: threading's shutdown (step 0), atexit (step 1). -1 with an exception. */
int mp_package_finish(mp_interp *interp, int step);

#endif
