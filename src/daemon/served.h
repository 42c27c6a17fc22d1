/* A request in a process of a group, below serve.c: its record, and what is done with its connection. All of it belongs
 * to the request's thread; only lines for the log may come from others.
 */
#ifndef MP_DAEMON_SERVED_H
#define MP_DAEMON_SERVED_H

#include <pthread.h>
#include <sys/uio.h>

#include "daemon/facts.h"
#include "daemon/serve.h"
#include "daemon/wire.h"

/* A request on its way. First the gateway, which the engine knows. */
typedef struct {
    mp_gateway base;
    mp_seat *seat;
    int fd;
    int is_public;
    unsigned id;                    /* FastCGI's; 0: no request yet */
    int keeps;
    int flags;                      /* MP_FLAG_* */
    apr_interval_time_t timeout;
    apr_time_t deadline;            /* queue-timeout; 0: none */
    const unsigned char *body;      /* what is unread of a STDIN record in seat->in */
    size_t body_left;
    int body_ended, wanted;
    pthread_mutex_t out_lock;       /* of seat->out: lines for the log may come from other threads */
    apr_status_t in_error, out_error;
    size_t part_sent;               /* of the first record in seat->out: it stays whole until all of it is sent */
    int has_head, has_body, is_cut;
    const char *script, *interpreter;
    int was_loaded;                 /* before this request */
} mp_served;

/* For WSGIIgnoreActivity and inactivity-timeout. */
static inline void mp_served_touch(mp_served *one)
{
    if (!(one->flags & MP_FLAG_IGNORE_ACTIVITY))
        one->seat->board->activity = mp_clock();
}

/* serve_output.c: records out. What is put waits in seat->out, under out_lock. */
int mp_served_wait(mp_served *one, short events);       /* until the socket is ready; 0: it is not in time */
apr_status_t mp_served_send(mp_served *one, struct iovec *iov, int count, int waits);   /* all, or what fits now */
apr_status_t mp_served_flush(mp_served *one, int waits);
apr_status_t mp_served_put(mp_served *one, int type, const void *data, size_t n);
apr_status_t mp_served_note(mp_served *one, mp_note note, const void *data, size_t n);
void mp_served_error(mp_served *one, int status);       /* httpd's page, or a short one of ours */
apr_status_t mp_served_end(mp_served *one, unsigned app_status);
void mp_served_log_unsent(mp_served *one);              /* lines that the child has not got: it has hung up */
apr_status_t mp_served_head(mp_gateway *gateway, int status, const char *line, const apr_array_header_t *pairs);
apr_status_t mp_served_write(mp_gateway *gateway, const char *data, apr_size_t n, mp_push push);
apr_status_t mp_served_send_file(mp_gateway *gateway, int fd, apr_off_t offset, apr_off_t n);
void mp_served_cut(mp_gateway *gateway);
void mp_served_log(mp_gateway *gateway, int level, const char *line);
void mp_served_log_at(mp_gateway *gateway, const char *file, int number, int level, const char *line);

/* serve_input.c: records in. */
apr_status_t mp_served_read_request(mp_served *one);    /* BEGIN and all PARAMS; APR_EOF: nothing was asked for */
apr_status_t mp_served_read(mp_gateway *gateway, char *to, apr_size_t *n);
int mp_served_drain(mp_served *one);                    /* what is there of the body; 1: that was all */

/* serve_variables.c: what the parameters say. */
int mp_served_read_params(mp_served *one, const char *facts[MP_FACTS]);     /* 0: they can't be what they should */
void mp_served_describe(mp_served *one, const char *facts[MP_FACTS], mp_wsgi_target *target);
void mp_served_describe_public(mp_served *one, mp_wsgi_target *target);

#endif
