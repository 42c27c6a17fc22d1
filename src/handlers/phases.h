/* A phase of a request: its stack of handlers, one after the other, and what their results mean (spec: directives,
 * section 2). */
#ifndef MP_HANDLERS_PHASES_H
#define MP_HANDLERS_PHASES_H

#include "runtime/python.h"

/* Detached, any request thread. Returns what the hook must return. */
int mp_phases_run(request_rec *r, const mp_visit *visit);

#endif
