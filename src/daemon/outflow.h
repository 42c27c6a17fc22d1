/* An answer's way from a process of a group to the client, without waiting for the client: what its connection does not
 * take at once is kept in memory, up to response-buffer-size, so that the process gets free.
 *
 * One thread, that of the request. HTTP/2 has no socket of the request's own: there all is passed on, and that may
 * wait.
 */
#ifndef MP_DAEMON_OUTFLOW_H
#define MP_DAEMON_OUTFLOW_H

#include "config/groups.h"
#include "gateway.h"

typedef struct mp_kept mp_kept;

typedef struct {
    mp_gateway *to;
    ap_filter_t *network;       /* the filter that writes to the client's socket */
    apr_socket_t *socket;       /* that one; NULL: there is none */
    int fd;                     /* of it, or -1 */
    size_t passed;              /* bytes that httpd may still have, at most */
    mp_kept *first, *last;
    apr_size_t kept, most;
    int is_blocked;             /* the client has to read before anything goes on */
    int has_timed_out;
    int64_t since;              /* when it became so, or the client last read; mp_clock() */
    apr_interval_time_t timeout, before;    /* the latter: of the socket, for others */
} mp_outflow;

void mp_outflow_start(mp_outflow *out, mp_gateway *to, const mp_group *group);

/* Bytes, passed on or kept. What fails fails for good: the client is gone, or did not read within the time-out. */
apr_status_t mp_outflow_put(mp_outflow *out, const void *data, apr_size_t n);

/* What is with httpd goes to the client; if that would wait, is_blocked says so, and it is to be tried again. */
apr_status_t mp_outflow_flush(mp_outflow *out);

/* The client's socket takes bytes again. */
apr_status_t mp_outflow_resume(mp_outflow *out);

/* Nothing comes any more: waits until httpd has it all. Then it ends (MP_PUSH_LAST or MP_PUSH_END), or is cut. */
apr_status_t mp_outflow_end(mp_outflow *out, mp_push push);
apr_status_t mp_outflow_cut(mp_outflow *out);

/* Always, at last. If the client's silence has cut the answer, one line says so. */
void mp_outflow_stop(mp_outflow *out, const mp_group *group);

static inline int mp_outflow_is_full(const mp_outflow *out)
{
    return out->kept >= out->most;
}

#endif
