/* The hooks of the request's phases: each works out which handlers run, and in which interpreter, and crosses the seam.
 *
 * All run on request threads. None costs more than a look at the record where no handler is configured.
 */
#ifndef MP_HOST_HOOKS_H
#define MP_HOST_HOOKS_H

#include "mp.h"

/* Registers them all, with their order against httpd's own modules. */
void mp_hooks_register(apr_pool_t *p);

#endif
