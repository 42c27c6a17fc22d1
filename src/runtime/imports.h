/* Importing in interpreters with their own GIL: one at a time (design D5), since extension modules have state of the
 * process. Waited for detached only, so that it may be held while the GIL is taken: nobody who has that GIL waits for
 * it.
 */
#ifndef MP_RUNTIME_IMPORTS_H
#define MP_RUNTIME_IMPORTS_H

#include "runtime/interp.h"

apr_status_t mp_imports_start(void);    /* once per process */

/* Attached. Nothing for interpreters that share a GIL. */
void mp_imports_enter(const mp_interp *interp);
void mp_imports_leave(const mp_interp *interp);

#endif
