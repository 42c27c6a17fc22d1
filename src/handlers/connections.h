/* A connection: its stack of handlers, instead of HTTP or before it (spec: directives, section 2.3). */
#ifndef MP_HANDLERS_CONNECTIONS_H
#define MP_HANDLERS_CONNECTIONS_H

#include "runtime/python.h"

/* Detached, any request thread. DECLINED: httpd goes on with the connection; all else: it is done with. */
int mp_connections_run(conn_rec *c, const mp_visit *visit);

#endif
