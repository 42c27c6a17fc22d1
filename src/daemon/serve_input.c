#include "daemon/served.h"

#include <poll.h>
#include <sys/socket.h>

#define IN_ROOM (MP_WIRE_HEADER + MP_WIRE_MOST + 255)       /* the longest record */
#define MOST_PARAMS (16u * 1024 * 1024)

static apr_status_t fill(mp_served *one)
{
    mp_bytes *in = &one->seat->in;
    ssize_t n;

    if (one->seat->is_forked)
        return APR_ECONNABORTED;
    if (in->start == in->end)
        in->start = in->end = 0;
    if (in->room < IN_ROOM || in->end == in->room)
        if (!mp_bytes_room(in, IN_ROOM - (in->end - in->start)))
            return APR_ENOMEM;
    for (;;) {
        n = recv(one->fd, in->bytes + in->end, in->room - in->end, MSG_DONTWAIT);
        if (n > 0) {
            in->end += (size_t)n;
            return APR_SUCCESS;
        }
        if (n == 0)
            return APR_EOF;
        if (errno == EAGAIN) {
            if (!mp_served_wait(one, POLLIN))
                return APR_TIMEUP;
        }
        else if (errno != EINTR)
            return errno == ECONNRESET ? APR_EOF : errno;
    }
}

/* The next record; it stays until the next call. */
static apr_status_t next_record(mp_served *one, mp_record *record)
{
    mp_bytes *in = &one->seat->in;
    mp_wire_status status;
    apr_status_t rv;
    size_t used;

    while ((status = mp_wire_decode(in->bytes + in->start, in->end - in->start, record, &used)) == MP_WIRE_MORE)
        if ((rv = fill(one)) != APR_SUCCESS)
            return rv == APR_EOF && in->end > in->start ? APR_ECONNABORTED : rv;
    if (status == MP_WIRE_BAD)
        return APR_EINVAL;
    in->start += used;
    return APR_SUCCESS;
}

static apr_status_t answer_values(mp_served *one, const mp_record *record)
{
    static const char *const known[][2] = {{"FCGI_MAX_CONNS", NULL}, {"FCGI_MAX_REQS", NULL}, {"FCGI_MPXS_CONNS", "0"}};
    const unsigned char *at = record->content;
    const char *name, *value, *threads = apr_itoa(one->seat->pool, one->seat->group->threads);
    size_t left = record->length, name_length, value_length, i;
    unsigned char reply[256], *end = reply;

    while (left && mp_wire_pair(&at, &left, &name, &name_length, &value, &value_length) == MP_WIRE_OK)
        for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            if (name_length == strlen(known[i][0]) && !memcmp(name, known[i][0], name_length) &&
                reply + sizeof(reply) - end > 64) {
                value = known[i][1] ? known[i][1] : threads;
                end = mp_wire_pair_put(end, name, name_length, value, strlen(value));
            }
    return mp_served_put(one, MP_WIRE_GET_VALUES_RESULT, reply, (size_t)(end - reply))
           ? one->out_error : mp_served_flush(one, 1);
}

/* What belongs to no request that runs. 1: handled. */
static int is_management(mp_served *one, const mp_record *record, apr_status_t *rv)
{
    unsigned char unknown[16];
    struct iovec iov = {unknown, sizeof(unknown)};

    if (record->id)
        return 0;
    if (record->type == MP_WIRE_GET_VALUES)
        *rv = answer_values(one, record);
    else {
        mp_wire_unknown(unknown, record->type);
        *rv = mp_served_send(one, &iov, 1, 1);
    }
    return 1;
}

static apr_status_t refuse(mp_served *one, unsigned id, int protocol_status)
{
    unsigned char end[16];
    struct iovec iov = {end, sizeof(end)};

    mp_wire_end(end, id, 0, protocol_status);
    return mp_served_send(one, &iov, 1, 1);
}

static apr_status_t add_params(mp_served *one, const mp_record *record)
{
    mp_bytes *params = &one->seat->params;

    if (params->end + record->length > MOST_PARAMS)
        return APR_ENOSPC;
    if (!mp_bytes_room(params, record->length))
        return APR_ENOMEM;
    memcpy(params->bytes + params->end, record->content, record->length);
    params->end += record->length;
    return APR_SUCCESS;
}

/* BEGIN and all PARAMS. APR_EOF: the other side has hung up before it asked for anything. */
apr_status_t mp_served_read_request(mp_served *one)
{
    apr_status_t rv;
    mp_record record;

    for (;;) {
        if ((rv = next_record(one, &record)) != APR_SUCCESS)
            return rv == APR_EOF && one->id ? APR_ECONNABORTED : rv;
        if (is_management(one, &record, &rv)) {
            if (rv != APR_SUCCESS)
                return rv;
        }
        else if (record.type == MP_WIRE_BEGIN && !one->id) {
            if (record.length != 8)
                return APR_EINVAL;
            if (record.content[0] || record.content[1] != MP_WIRE_RESPONDER) {
                if ((rv = refuse(one, record.id, MP_WIRE_UNKNOWN_ROLE)) != APR_SUCCESS)
                    return rv;
                continue;
            }
            one->id = record.id;
            one->keeps = record.content[2] & MP_WIRE_KEEP_CONN;
            mp_bytes_empty(&one->seat->params);
        }
        else if (record.type == MP_WIRE_BEGIN) {
            if ((rv = refuse(one, record.id, MP_WIRE_CANT_MPX)) != APR_SUCCESS)
                return rv;
        }
        else if (record.id != one->id)
            continue;           /* of a request that was refused */
        else if (record.type == MP_WIRE_ABORT)
            return APR_ECONNABORTED;
        else if (record.type != MP_WIRE_PARAMS)
            return APR_EINVAL;
        else if (!record.length)
            return APR_SUCCESS;
        else if ((rv = add_params(one, &record)) != APR_SUCCESS)
            return rv;
    }
}

/* The body. */

/* What httpd says of a body that it could not read. */
static apr_status_t broken(mp_served *one, const unsigned char *said)
{
    apr_status_t rv = (apr_status_t)((unsigned)said[2] << 24 | (unsigned)said[3] << 16 | (unsigned)said[4] << 8
                                     | said[5]);

    one->base.read_status = said[0] << 8 | said[1];
    return rv ? rv : APR_EGENERAL;
}

static apr_status_t next_body(mp_served *one)
{
    apr_status_t rv;
    mp_record record;

    while (!one->body_left && !one->body_ended) {
        if ((rv = next_record(one, &record)) != APR_SUCCESS)
            return rv == APR_EOF ? APR_ECONNABORTED : rv;
        if (is_management(one, &record, &rv)) {
            if (rv != APR_SUCCESS)
                return rv;
        }
        else if (record.type == MP_WIRE_BEGIN) {
            if ((rv = refuse(one, record.id, MP_WIRE_CANT_MPX)) != APR_SUCCESS)
                return rv;
        }
        else if (record.id != one->id)
            continue;
        else if (record.type == MP_WIRE_ABORT)
            return APR_ECONNABORTED;
        else if (record.type == MP_WIRE_STDIN && record.length) {
            one->body = record.content;
            one->body_left = record.length;
        }
        else if (record.type == MP_WIRE_STDIN)
            one->body_ended = 1;
        else if (record.type == MP_WIRE_NOTE && !one->is_public && record.length == 7 &&
                 record.content[0] == MP_NOTE_BROKEN)
            return broken(one, record.content + 1);
    }
    return APR_SUCCESS;
}

apr_status_t mp_served_read(mp_gateway *gateway, char *to, apr_size_t *n)
{
    mp_served *one = (mp_served *)gateway;
    apr_size_t part;

    if (!one->wanted && (one->flags & MP_FLAG_SAY_WANTED)) {
        one->wanted = 1;
        pthread_mutex_lock(&one->out_lock);
        mp_served_note(one, MP_NOTE_WANTED, "", 0);     /* its head may be before it, and waits in the child */
        pthread_mutex_unlock(&one->out_lock);
    }
    if (!one->in_error && !one->body_left && !one->body_ended) {
        pthread_mutex_lock(&one->out_lock);
        mp_served_flush(one, 1);
        pthread_mutex_unlock(&one->out_lock);
        one->in_error = next_body(one);
        if (one->in_error && !gateway->read_status)
            gateway->read_status = APR_STATUS_IS_TIMEUP(one->in_error) ? HTTP_REQUEST_TIME_OUT : HTTP_BAD_REQUEST;
    }
    part = one->in_error ? 0 : *n < one->body_left ? *n : one->body_left;
    memcpy(to, one->body ? one->body : (const unsigned char *)"", part);
    one->body += part;
    one->body_left -= part;
    *n = part;
    mp_served_touch(one);
    return one->in_error;
}

/* The rest of a body that is there already; a client that still sends has to look for another connection. */
int mp_served_drain(mp_served *one)
{
    struct pollfd fd = {one->fd, POLLIN, 0};
    mp_bytes *in = &one->seat->in;

    one->body_left = 0;
    while (!one->body_ended && (in->start < in->end || poll(&fd, 1, 0) > 0)) {
        if (next_body(one) != APR_SUCCESS)
            return 0;
        one->body_left = 0;
    }
    return one->body_ended;
}
