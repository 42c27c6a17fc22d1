/* A request that came over the wire, in a process of a group: read, run through the engine, answered. The gateway
 * (gateway.h) over a connection.
 *
 * Everything here belongs to one request thread, which has a seat: its buffers, kept from request to request.
 */
#ifndef MP_DAEMON_SERVE_H
#define MP_DAEMON_SERVE_H

#include "config/groups.h"
#include "daemon/board.h"
#include "daemon/wire.h"
#include "engine.h"

/* Bytes that grow. Of malloc's memory. */
typedef struct {
    unsigned char *bytes;
    size_t start, end, room;
} mp_bytes;

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
    int is_forked;                      /* we are a process that the application forked: nothing here is ours any more */
} mp_seat;

/* Serves the request that is coming in on fd. 1: the connection can be used for the next one; 0: it is to be closed. */
int mp_serve(mp_seat *seat, int fd, int is_public);

/* What a forked process does instead of going on as the one that it was forked from. */
__attribute__((noreturn)) void mp_serve_end_fork(const mp_seat *seat);

/* Room for n more bytes at the end; 0: there is no memory. */
int mp_bytes_room(mp_bytes *bytes, size_t n);

/* The facts of a request that go with it to a process, packed into one parameter: its target and what the gateway knows
 * besides the variables. An array of MP_FACTS texts, which may be NULL. */
enum {
    MP_FACT_SECRET, MP_FACT_INTERPRETER, MP_FACT_APPLICATION_GROUP, MP_FACT_SCRIPT, MP_FACT_RESOURCE, MP_FACT_CALLABLE,
    MP_FACT_HANDLER, MP_FACT_HANDLER_SCRIPT, MP_FACT_SCRIPT_NAME, MP_FACT_PATH_INFO, MP_FACT_MOUNT_POINT,
    MP_FACT_LISTENER_HOST, MP_FACT_LISTENER_PORT, MP_FACT_FLAGS, MP_FACT_REQUEST_START, MP_FACT_QUEUE_START,
    MP_FACT_DEADLINE, MP_FACT_REQUEST_ID, MP_FACT_CONNECTION_ID, MP_FACT_SERVER_PID,
    MP_FACT_BODY_LENGTH, MP_FACTS
};
#define MP_FACTS_NAME "MOD_PYTHON_FACTS"
#define MP_FACT_NONE "\1"

/* MP_FACT_FLAGS, in decimal. */
enum {
    MP_FLAG_CASE_SENSITIVE = 1, MP_FLAG_RELOADING = 2, MP_FLAG_HTTPS = 4, MP_FLAG_HEAD = 8, MP_FLAG_SENDFILE = 16,
    MP_FLAG_SAY_TAKEN = 32, MP_FLAG_SAY_WANTED = 64, MP_FLAG_IGNORE_ACTIVITY = 128,
    MP_FLAG_NO_BODY = 256           /* of a HEAD: it may stay in the process */
};

#endif
