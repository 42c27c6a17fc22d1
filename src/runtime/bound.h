/* A bound for the interpreters that clients can have made: names with %{HOST}, %{ENV:x} and the like in them are
 * counted in each process, a child's or a group's, and at some number no new ones are let in.
 *
 * One lock, held for a look into a hash; any thread, without a GIL.
 */
#ifndef MP_RUNTIME_BOUND_H
#define MP_RUNTIME_BOUND_H

#include "runtime/log.h"

/* Before there are request threads. */
apr_status_t mp_bound_start(void);

/* The process before this one had an interpreter of that name: who chose it is not known yet, so it counts. */
void mp_bound_inherit(const char *name);

/* 1 if the request may have its interpreter: clients had no say in its name, or the name is known, or there is room for
 * it. Else 0 (logged). */
int mp_bound_admits(const mp_wsgi_target *target, mp_place where);

#endif
