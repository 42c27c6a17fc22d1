/* The hook of connection handlers. Runs on request threads; a connection of a server without such handlers costs a look
 * at the record. */
#ifndef MP_HOST_CONNECTIONS_H
#define MP_HOST_CONNECTIONS_H

#include "mp.h"

void mp_connections_register(apr_pool_t *p);

#endif
