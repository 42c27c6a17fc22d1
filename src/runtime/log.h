/* Where a line of the error log belongs. httpd tells the client, and takes the LogLevel, of the place that is named:
 * the request that is served, else the connection, else the server. */
#ifndef MP_RUNTIME_LOG_H
#define MP_RUNTIME_LOG_H

#include "runtime/python.h"

typedef struct {
    request_rec *r;     /* NULL: none */
    conn_rec *c;        /* looked at without an r; NULL: none */
    server_rec *s;      /* looked at without both; NULL: the server that httpd started with */
} mp_place;

static inline mp_place mp_at_request(request_rec *r)
{
    return (mp_place){ r, r->connection, r->server };
}

static inline mp_place mp_at_connection(conn_rec *c)
{
    return (mp_place){ NULL, c, c->base_server };
}

static inline mp_place mp_at_server(server_rec *s)
{
    return (mp_place){ NULL, NULL, s };
}

/* One line. Attached or not. */
void mp_log(mp_place where, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
