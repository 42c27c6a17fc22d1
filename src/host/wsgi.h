/* WSGI applications of this httpd: its hooks. From the URL to the script, to who may run it and where, to the gateway.
 *
 * All run on request threads. A request that has nothing to do with WSGI costs a walk over its server's aliases, and a
 * comparison of its handler's name.
 */
#ifndef MP_HOST_WSGI_H
#define MP_HOST_WSGI_H

#include "mp.h"

void mp_wsgi_register(void);

/* In check_config: NULL, or what is wrong with the configuration as a whole. */
const char *mp_wsgi_check(server_rec *s, apr_pool_t *ptemp);

/* In post_config. */
void mp_wsgi_start(server_rec *s);

#endif
