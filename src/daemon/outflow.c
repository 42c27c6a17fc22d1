#include "daemon/outflow.h"
#include "daemon/board.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#ifdef __linux__
#include <linux/sock_diag.h>
#endif

/* httpd waits for the client when it has more than 64 kB for it (FlushMaxThreshold), heads included. */
#define SURE 49152
#define SOME 8192               /* httpd leaves less than this for later, when it could write */

/* A piece of what is kept. */
struct mp_kept {
    mp_kept *next;
    apr_size_t used;
    char bytes[SURE];
};

static int has_filter(const conn_rec *c, mp_outflow *out)
{
    for (out->network = c->output_filters; out->network; out->network = out->network->next)
        if (out->network->frec == ap_core_output_filter_handle)
            return 1;
    return 0;
}

void mp_outflow_start(mp_outflow *out, mp_gateway *to, const mp_group *group)
{
    conn_rec *c = to->r->connection;
    apr_os_sock_t fd;

    *out = (mp_outflow){.to = to, .fd = -1, .most = (apr_size_t)group->response_buffer_size, .before = -1};
    out->timeout = group->response_socket_timeout ? group->response_socket_timeout
                   : group->socket_timeout ? group->socket_timeout : to->r->server->timeout;
    out->socket = c->master || !has_filter(c, out) ? NULL : ap_get_conn_socket(c);
    if (!out->socket || apr_os_sock_get(&fd, out->socket) != APR_SUCCESS)
        return;
    out->fd = fd;
    out->passed = c->data_in_output_filters ? SURE : 0;     /* of an answer before */
    if (apr_socket_timeout_get(out->socket, &out->before) == APR_SUCCESS && out->before != out->timeout)
        apr_socket_timeout_set(out->socket, out->timeout);
}

static int is_pending(const mp_outflow *out)
{
    return out->to->r->connection->data_in_output_filters;
}

static apr_status_t pass(mp_outflow *out, const void *data, apr_size_t n, mp_push push)
{
    int64_t began = mp_clock();
    apr_status_t rv = out->to->calls->write(out->to, data, n, push);

    if (rv == APR_SUCCESS && out->to->r->connection->aborted)
        rv = APR_ECONNABORTED;
    if (rv != APR_SUCCESS)
        out->has_timed_out = mp_clock() - began >= out->timeout;
    return rv;
}

/* httpd writes what it has, as far as that goes without waiting; as its event MPM does it after a request. */
static apr_status_t write_pending(mp_outflow *out)
{
    if (is_pending(out))
        out->network->frec->filter_func.out_func(out->network, NULL);
    out->passed = is_pending(out) ? SURE : 0;
    return out->to->r->connection->aborted ? APR_ECONNABORTED : APR_SUCCESS;
}

/* Whether the kernel takes this, and what httpd may have before it, at once: with packets, twice as much. */
static int has_room(const mp_outflow *out, apr_size_t n)
{
#ifdef SO_MEMINFO
    uint32_t memory[SK_MEMINFO_VARS];
    socklen_t size = sizeof(memory);

    if (getsockopt(out->fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0 && size == sizeof(memory))
        return memory[SK_MEMINFO_SNDBUF] > memory[SK_MEMINFO_WMEM_QUEUED] + 2 * (n + 65536);
#endif
    return 0;
}

/* Whether n bytes can be passed on without waiting. */
static int fits(mp_outflow *out, apr_size_t n, apr_status_t *rv)
{
    *rv = APR_SUCCESS;
    if (out->passed + n <= SURE) {
        out->passed += n;
        return 1;
    }
    if (has_room(out, n)) {
        out->passed = SOME;
        return 1;
    }
    *rv = write_pending(out);
    if (*rv != APR_SUCCESS || out->passed + n > SURE)
        return 0;
    out->passed += n;
    return 1;
}

static void block(mp_outflow *out)
{
    if (!out->is_blocked)
        out->since = mp_clock();
    out->is_blocked = 1;
}

static apr_status_t keep(mp_outflow *out, const char *data, apr_size_t n)
{
    block(out);
    out->kept += n;
    while (n) {
        apr_size_t part;

        if (!out->last || out->last->used == sizeof(out->last->bytes)) {
            mp_kept *piece = malloc(sizeof(*piece));

            if (!piece)
                return APR_ENOMEM;
            piece->next = NULL;
            piece->used = 0;
            if (out->last)
                out->last->next = piece;
            else
                out->first = piece;
            out->last = piece;
        }
        part = sizeof(out->last->bytes) - out->last->used;
        part = n < part ? n : part;
        memcpy(out->last->bytes + out->last->used, data, part);
        out->last->used += part;
        data += part;
        n -= part;
    }
    return APR_SUCCESS;
}

static apr_status_t pass_first(mp_outflow *out)
{
    mp_kept *piece = out->first;
    apr_status_t rv = pass(out, piece->bytes, piece->used, MP_PUSH_LATER);

    out->kept -= piece->used;
    out->first = piece->next;
    if (!out->first)
        out->last = NULL;
    free(piece);
    return rv;
}

apr_status_t mp_outflow_put(mp_outflow *out, const void *data, apr_size_t n)
{
    apr_status_t rv = APR_SUCCESS;

    if (out->fd < 0 || (!out->first && fits(out, n, &rv)))
        return pass(out, data, n, MP_PUSH_LATER);
    return rv == APR_SUCCESS ? keep(out, data, n) : rv;
}

apr_status_t mp_outflow_flush(mp_outflow *out)
{
    apr_status_t rv = APR_SUCCESS;

    if (out->fd >= 0 && (out->first || !has_room(out, SURE))) {
        /* Filters in front of httpd's last may have little more: it waits for room for that. */
        struct pollfd client = {out->fd, POLLOUT, 0};

        if (!out->first)
            rv = write_pending(out);
        if (out->first || is_pending(out) || poll(&client, 1, 0) <= 0) {
            block(out);
            return rv;
        }
    }
    return rv == APR_SUCCESS ? pass(out, NULL, 0, MP_PUSH_NOW) : rv;
}

apr_status_t mp_outflow_resume(mp_outflow *out)
{
    apr_status_t rv = write_pending(out);

    out->since = mp_clock();
    while (rv == APR_SUCCESS && out->first && !is_pending(out))
        rv = pass_first(out);
    out->passed = is_pending(out) ? SURE : 0;
    out->is_blocked = out->first || is_pending(out);
    return rv;
}

static apr_status_t pass_all(mp_outflow *out)
{
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && out->first)
        rv = pass_first(out);
    return rv;
}

apr_status_t mp_outflow_end(mp_outflow *out, mp_push push)
{
    apr_status_t rv = pass_all(out);

    return rv == APR_SUCCESS ? pass(out, NULL, 0, push) : rv;
}

apr_status_t mp_outflow_cut(mp_outflow *out)
{
    apr_status_t rv = pass_all(out);

    if (rv == APR_SUCCESS)
        out->to->calls->cut(out->to);
    return rv;
}

void mp_outflow_stop(mp_outflow *out, const mp_group *group)
{
    mp_kept *piece;

    if (out->has_timed_out)
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, out->to->r, "MP0475: the answer of group '%s' is cut: the client "
                      "has not read for %d ms (response-socket-timeout)", group->name, (int)(out->timeout / 1000));
    while ((piece = out->first)) {
        out->first = piece->next;
        free(piece);
    }
    if (out->before >= 0 && out->before != out->timeout)
        apr_socket_timeout_set(out->socket, out->before);
}
