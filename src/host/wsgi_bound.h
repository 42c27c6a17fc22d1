/* A bound for the interpreters that clients can have made: names with %{HOST}, %{ENV:x} and the like in them are
 * counted in each process, and at some number no new ones are let in.
 *
 * One lock, held for a look into a hash; any request thread, without a GIL.
 */
#ifndef MP_HOST_WSGI_BOUND_H
#define MP_HOST_WSGI_BOUND_H

#include "mp.h"

/* In a child, before there are request threads. */
void mp_wsgi_bound_start(apr_pool_t *pchild);

/* OK if the name is known, or there is room for it; else HTTP_SERVICE_UNAVAILABLE (logged). */
int mp_wsgi_bound(request_rec *r, const char *interpreter);

/* NULL, or what is wrong with the option that sets the bound. */
const char *mp_wsgi_bound_check(const server_rec *s, apr_pool_t *ptemp);

#endif
