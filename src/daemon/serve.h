/* A request that came over the wire, in a process of a group: read, run through the engine, answered. The gateway
 * (gateway.h) over a connection.
 *
 * Everything here belongs to one request thread, which has a seat: its buffers, kept from request to request.
 */
#ifndef MP_DAEMON_SERVE_H
#define MP_DAEMON_SERVE_H

#include "config/groups.h"
#include "daemon/board.h"
#include "daemon/bytes.h"
#include "engine.h"

typedef struct {
    const mp_group *group;
    server_rec *server;
    mp_board *board;
    const mp_engine_table *engine;      /* NULL: it could not be loaded */
    int number;                         /* of the thread, from 0 */
    apr_pool_t *pool;                   /* emptied after each request */
    mp_bytes in, params, out;
    /* Whether one more request may run here; called once for each, when it is complete. */
    int (*admit)(void *worker);
    /* The script has changed, and the group's processes are to be replaced. */
    void (*reload)(void *worker, const char *script);
    void *worker;
    int is_forked;                      /* the application forked this process: nothing here is ours any more */
} mp_seat;

/* Serves the request that is coming in on fd. 1: the connection can be used for the next one; 0: it is to be closed. */
int mp_serve(mp_seat *seat, int fd, int is_public);

/* What a forked process does instead of going on as the one that it was forked from. */
__attribute__((noreturn)) void mp_serve_end_fork(const mp_seat *seat);

#endif
