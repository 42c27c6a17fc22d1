/* Where a line of the error log belongs. httpd tells the client, and takes the LogLevel, of the place that is named:
 * the request that is served, else the connection, else the server. A WSGI request is logged through its gateway, since
 * in a process of a group it is a child of httpd that knows the client. */
#ifndef MP_RUNTIME_LOG_H
#define MP_RUNTIME_LOG_H

#include "runtime/python.h"

typedef struct {
    request_rec *r;     /* NULL: none */
    conn_rec *c;        /* looked at without an r; NULL: none */
    server_rec *s;      /* looked at without both; NULL: the server that httpd started with */
    mp_gateway *gateway;        /* looked at first; NULL: none */
} mp_place;

static inline mp_place mp_at_request(request_rec *r)
{
    return (mp_place){ .r = r, .c = r->connection, .s = r->server };
}

static inline mp_place mp_at_gateway(mp_gateway *gateway)
{
    return (mp_place){ .r = gateway->r, .c = gateway->r ? gateway->r->connection : NULL, .s = gateway->server,
                       .gateway = gateway };
}

static inline mp_place mp_at_connection(conn_rec *c)
{
    return (mp_place){ .c = c, .s = c->base_server };
}

static inline mp_place mp_at_server(server_rec *s)
{
    return (mp_place){ .s = s };
}

/* One line. Attached or not. */
void mp_log(mp_place where, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
