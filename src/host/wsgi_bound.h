/* A bound for the interpreters that clients can have made: names with %{HOST}, %{ENV:x} and the like in them. Here a
 * request learns what it is; the process that runs the application counts (runtime/bound.h).
 */
#ifndef MP_HOST_WSGI_BOUND_H
#define MP_HOST_WSGI_BOUND_H

#include "gateway.h"

/* For a target whose interpreter has a name that is the client's, too: says so in it. OK, or HTTP_SERVICE_UNAVAILABLE
 * (logged) if no process may have such an interpreter. */
int mp_wsgi_bound(request_rec *r, mp_wsgi_target *target);

/* NULL, or what is wrong with the option that sets the bound. */
const char *mp_wsgi_bound_check(const server_rec *s, apr_pool_t *ptemp);

#endif
