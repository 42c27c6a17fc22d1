/* A group's front in a child of httpd: hands a request to a process of the group, and its answer to the client.
 *
 * Any request thread; front.c keeps idle connections, one list for each group, under one lock.
 */
#ifndef MP_DAEMON_FRONT_H
#define MP_DAEMON_FRONT_H

#include "config/groups.h"
#include "daemon/outflow.h"
#include "daemon/bytes.h"
#include "gateway.h"

/* `to` is the child's gateway over the request, filled in: its variables and facts go to the process, and head(),
 * write() and cut() of it take the answer; its read() is not called. OK: there was an answer, whole or cut; else the
 * status for httpd to answer with. */
int mp_daemon_serve(mp_gateway *to, const mp_wsgi_target *target, const mp_wsgi_conf *conf);

/* Before the first request of a child. */
void mp_front_child_init(apr_pool_t *pchild);

/* Below: between front.c and relay.c. */

/* A connection to a process of the group. */
typedef struct mp_line mp_line;
struct mp_line {
    mp_line *next;
    int fd;
    mp_bytes in;
};

/* How an attempt came out. */
typedef enum {
    MP_RELAY_DONE,              /* the answer is with the client, or it is httpd's to make: see status */
    MP_RELAY_AGAIN,             /* the process has not taken it: another one may */
    MP_RELAY_CHANGED            /* the same, because of a changed script: a new process is on its way */
} mp_relayed;

/* What is left to do for the client. */
typedef enum {
    MP_RELAY_NONE,
    MP_RELAY_WHOLE,             /* the answer ends */
    MP_RELAY_FLUSHED,           /* the same, and it is to be on its way at once */
    MP_RELAY_CUT                /* the client must see that it is cut */
} mp_relay_ending;

typedef struct {
    mp_gateway *to;
    request_rec *r;
    const mp_group *group;
    mp_line *line;
    int is_new;                 /* the line: it was not kept from another request */
    int connects, restarts;     /* so far: connections tried, and attempts that came to nothing */
    const unsigned char *head;  /* BEGIN, PARAMS and, without a body, STDIN */
    size_t head_length;
    apr_pool_t *head_pool;      /* of all heads but the first one */
    int has_body;
    int says_taken;             /* the process says so when it runs the application */
    int expects;                /* the client waits for 100 Continue */
    apr_time_t deadline;        /* queue-timeout; 0: none */
    int status;                 /* of MP_RELAY_DONE: OK, or what httpd shall answer */
    int reusable;               /* the connection, afterwards */
    int rejected_by;            /* of MP_RELAY_CHANGED: the process */
    mp_outflow out;
    mp_relay_ending ending;
} mp_relay;

/* Microseconds until queue-timeout is over for a request that no thread has taken up; some years if there is none. */
int64_t mp_relay_patience(const mp_relay *relay);

/* It is over: a line in the log, and the status for httpd to answer with. */
int mp_relay_expire(const mp_relay *relay);

/* Until nothing more is to be had from the process. */
mp_relayed mp_relay_run(mp_relay *relay);

/* Always after it, when the process has its connection back: the rest of the answer, at the client's speed. */
void mp_relay_end(mp_relay *relay);

/* relay_head.c: the head of an answer, when its blank line is there. OK, or 500 after a line in the log. */
int mp_relay_head(mp_relay *relay, char *text);

#endif
