#include "daemon/served.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMALL 16384                 /* shorter output is copied, so that it goes out with what is around it */
#define AT_ONCE 16              /* records in one call */
#define MOST_UNSENT (1024u * 1024)  /* of log lines for a child that does not read */
#define PATIENCE 5000           /* milliseconds more: a child says itself, and first, that its client is too slow */

int mp_served_wait(mp_served *one, short events)
{
    struct pollfd fd = {one->fd, events, 0};
    int n, limit = one->timeout ? (int)(one->timeout / 1000) : -1;

    if (limit >= 0 && events == POLLIN && !one->is_public)
        limit += PATIENCE;
    do
        n = poll(&fd, 1, limit);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

/* All of it, or what fits now. */
apr_status_t mp_served_send(mp_served *one, struct iovec *iov, int count, int waits)
{
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)count};

    if (one->seat->is_forked)
        return APR_ECONNABORTED;
    while (message.msg_iovlen) {
        ssize_t n = sendmsg(one->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            if (!waits)
                return APR_EAGAIN;
            if (!mp_served_wait(one, POLLOUT))
                return APR_TIMEUP;
            continue;
        }
        if (n < 0)
            return errno == EPIPE ? APR_ECONNABORTED : errno;
        while (n > 0 || (message.msg_iovlen && !message.msg_iov->iov_len)) {
            size_t taken = (size_t)n < message.msg_iov->iov_len ? (size_t)n : message.msg_iov->iov_len;

            message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + taken;
            message.msg_iov->iov_len -= taken;
            n -= (ssize_t)taken;
            if (message.msg_iov->iov_len)
                break;
            message.msg_iov++;
            message.msg_iovlen--;
        }
    }
    return APR_SUCCESS;
}

static struct iovec unsent(const mp_served *one)
{
    const mp_bytes *out = &one->seat->out;

    return (struct iovec){out->bytes + out->start + one->part_sent, out->end - out->start - one->part_sent};
}

/* What was unsent is sent, but for the last n bytes. */
static void took(mp_served *one, size_t n)
{
    mp_bytes *out = &one->seat->out;
    size_t to = out->end - n, used;
    mp_record record;

    while (out->start < to && mp_wire_decode(out->bytes + out->start, to - out->start, &record, &used) == MP_WIRE_OK)
        out->start += used;
    one->part_sent = to - out->start;
    if (!n)
        out->start = out->end = one->part_sent = 0;
}

apr_status_t mp_served_flush(mp_served *one, int waits)
{
    struct iovec iov = unsent(one);
    apr_status_t rv;

    if (one->out_error || !iov.iov_len)
        return one->out_error;
    rv = mp_served_send(one, &iov, 1, waits);
    took(one, iov.iov_len);
    if (rv != APR_SUCCESS && rv != APR_EAGAIN)
        one->out_error = rv;
    return one->out_error;
}

/* Appends whole records. */
apr_status_t mp_served_put(mp_served *one, int type, const void *data, size_t n)
{
    mp_bytes *out = &one->seat->out;
    const char *from = data;

    do {
        size_t part = n < MP_WIRE_ONE ? n : MP_WIRE_ONE;

        if (!mp_bytes_room(out, MP_WIRE_HEADER + part))
            return one->out_error = APR_ENOMEM;
        mp_wire_header(out->bytes + out->end, type, one->id, part);
        if (part)
            memcpy(out->bytes + out->end + MP_WIRE_HEADER, from, part);
        out->end += MP_WIRE_HEADER + part;
        from += part;
        n -= part;
    } while (n);
    return one->out_error;
}

apr_status_t mp_served_note(mp_served *one, mp_note note, const void *data, size_t n)
{
    unsigned char bytes[64] = {(unsigned char)note};

    memcpy(bytes + 1, data, n);
    return mp_served_put(one, MP_WIRE_NOTE, bytes, n + 1);
}

/* What waits goes in front of the caller's bytes, and these are not copied. */
static apr_status_t send_large(mp_served *one, const char *data, size_t n)
{
    while (n && !one->out_error) {
        unsigned char headers[AT_ONCE][MP_WIRE_HEADER];
        struct iovec iov[1 + 2 * AT_ONCE] = {unsent(one)};
        int i;

        for (i = 0; i < AT_ONCE && n; i++) {
            size_t part = n < MP_WIRE_ONE ? n : MP_WIRE_ONE;

            mp_wire_header(headers[i], MP_WIRE_STDOUT, one->id, part);
            iov[1 + 2 * i] = (struct iovec){headers[i], MP_WIRE_HEADER};
            iov[2 + 2 * i] = (struct iovec){(char *)data, part};
            data += part;
            n -= part;
        }
        one->out_error = mp_served_send(one, iov, 1 + 2 * i, 1);
        took(one, iov[0].iov_len);
    }
    return one->out_error;
}

/* The answer. */

static apr_status_t put_head(mp_gateway *gateway, int status, const char *line, const apr_array_header_t *pairs)
{
    mp_served *one = (mp_served *)gateway;
    const char *text = apr_pstrcat(gateway->pool, "Status: ", line, "\r\n", NULL);
    int i;

    one->has_head = 1;
    one->seat->board->first_attempt = -1;
    if (mp_served_put(one, MP_WIRE_STDOUT, text, strlen(text)) != APR_SUCCESS)
        return one->out_error;
    for (i = 0; i < pairs->nelts; i++) {
        const mp_pair *pair = &APR_ARRAY_IDX(pairs, i, mp_pair);

        text = apr_pstrcat(gateway->pool, pair->name, ": ", pair->value, "\r\n", NULL);
        if (mp_served_put(one, MP_WIRE_STDOUT, text, strlen(text)) != APR_SUCCESS)
            return one->out_error;
    }
    return mp_served_put(one, MP_WIRE_STDOUT, "\r\n", 2);
}

apr_status_t mp_served_head(mp_gateway *gateway, int status, const char *line, const apr_array_header_t *pairs)
{
    mp_served *one = (mp_served *)gateway;
    apr_status_t rv;

    pthread_mutex_lock(&one->out_lock);
    rv = put_head(gateway, status, line, pairs);
    pthread_mutex_unlock(&one->out_lock);
    return rv;
}

apr_status_t mp_served_write(mp_gateway *gateway, const char *data, apr_size_t n, mp_push push)
{
    mp_served *one = (mp_served *)gateway;

    mp_served_touch(one);
    if (one->out_error || (one->flags & MP_FLAG_NO_BODY))
        return one->out_error;
    pthread_mutex_lock(&one->out_lock);
    if (n && push == MP_PUSH_LAST && !one->has_body && !one->is_public)
        mp_served_note(one, MP_NOTE_WHOLE, "", 0);
    one->has_body |= n > 0;
    if (n > SMALL)
        send_large(one, data, n);
    else if (n)
        mp_served_put(one, MP_WIRE_STDOUT, data, n);
    if (push == MP_PUSH_NOW || push == MP_PUSH_END || one->seat->out.end - one->seat->out.start > MP_WIRE_ONE)
        mp_served_flush(one, 1);
    pthread_mutex_unlock(&one->out_lock);
    return one->out_error;
}

/* The length of the answer has been said: it must not pass for whole. */
static apr_status_t lose_file(mp_served *one, apr_status_t rv, apr_off_t n)
{
    char reason[128];

    mp_served_log(&one->base, APLOG_ERR, apr_psprintf(one->base.pool,
                  "MP0476: the last %" APR_OFF_T_FMT " bytes of the "
                  "file that is the answer can't be read: %s; the answer is cut", n,
                  rv == APR_EOF ? "it has become shorter" : apr_strerror(rv, reason, sizeof(reason))));
    one->is_cut = 1;
    return rv;
}

apr_status_t mp_served_send_file(mp_gateway *gateway, int fd, apr_off_t offset, apr_off_t n)
{
    mp_served *one = (mp_served *)gateway;
    char *part = apr_palloc(gateway->pool, MP_WIRE_ONE);

    one->has_body = 1;
    while (n > 0 && !one->out_error && !(one->flags & MP_FLAG_NO_BODY)) {
        ssize_t got = pread(fd, part, n < MP_WIRE_ONE ? (size_t)n : MP_WIRE_ONE, offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return lose_file(one, got ? errno : APR_EOF, n);
        pthread_mutex_lock(&one->out_lock);
        send_large(one, part, (size_t)got);
        pthread_mutex_unlock(&one->out_lock);
        offset += got;
        n -= got;
        mp_served_touch(one);
    }
    return one->out_error;
}

void mp_served_cut(mp_gateway *gateway)
{
    ((mp_served *)gateway)->is_cut = 1;
}

/* 0: it can't be put. */
static int put_line(mp_served *one, const char *file, int number, int level, const char *line)
{
    mp_bytes *out = &one->seat->out;
    size_t length = strlen(line), before = 6 + strlen(file) + 1;
    unsigned char *at;
    int i;

    if (one->out_error || out->end - out->start > MOST_UNSENT || before > MP_WIRE_ONE / 2)
        return 0;
    if (length > MP_WIRE_ONE - before)
        length = MP_WIRE_ONE - before;
    if (!mp_bytes_room(out, MP_WIRE_HEADER + before + length))
        return 0;
    at = out->bytes + out->end;
    mp_wire_header(at, MP_WIRE_NOTE, one->id, before + length);
    at += MP_WIRE_HEADER;
    at[0] = MP_NOTE_LOG;
    at[1] = (unsigned char)level;
    for (i = 0; i < 4; i++)
        at[2 + i] = (unsigned char)((unsigned)number >> (24 - 8 * i));
    memcpy(at + 6, file, before - 6);
    memcpy(at + before, line, length);
    out->end += MP_WIRE_HEADER + before + length;
    mp_served_flush(one, 0);    /* these may be the last words of the process */
    return 1;
}

/* Never waits: it may be called with a GIL. What the other side does not take now goes along later; while another
 * thread is sending, a line goes to the process's own log. */
void mp_served_log_at(mp_gateway *gateway, const char *file, int number, int level, const char *line)
{
    mp_served *one = (mp_served *)gateway;
    int put = 0;

    if (!one->is_public && !one->seat->is_forked && pthread_mutex_trylock(&one->out_lock) == 0) {
        put = put_line(one, file, number, level, line);
        pthread_mutex_unlock(&one->out_lock);
    }
    if (!put)
        ap_log_error_(file, number, APLOG_MODULE_INDEX, level, 0, gateway->server, "%s", line);
}

void mp_served_log(mp_gateway *gateway, int level, const char *line)
{
    mp_served_log_at(gateway, __FILE__, __LINE__, level, line);
}

void mp_served_error(mp_served *one, int status)
{
    unsigned char bytes[2] = {(unsigned char)(status >> 8), (unsigned char)status};
    const char *page;

    if (!one->is_public) {
        mp_served_note(one, MP_NOTE_STATUS, bytes, sizeof(bytes));
        return;
    }
    page = apr_psprintf(one->base.pool, "Status: %s\r\nContent-Type: text/plain\r\n\r\n%s\n",
                        ap_get_status_line(status), ap_get_status_line(status));
    mp_served_put(one, MP_WIRE_STDOUT, page, strlen(page));
}

apr_status_t mp_served_end(mp_served *one, unsigned app_status)
{
    mp_bytes *out = &one->seat->out;

    mp_served_put(one, MP_WIRE_STDOUT, "", 0);
    if (!mp_bytes_room(out, 16))
        return one->out_error = APR_ENOMEM;
    mp_wire_end(out->bytes + out->end, one->id, app_status, MP_WIRE_COMPLETE);
    out->end += 16;
    return mp_served_flush(one, 1);
}

/* Lines that the child has not got: it has hung up. */
void mp_served_log_unsent(mp_served *one)
{
    mp_bytes *out = &one->seat->out;
    mp_record record;
    mp_wire_line line;
    size_t used;

    for (; mp_wire_decode(out->bytes + out->start, out->end - out->start, &record, &used) == MP_WIRE_OK;
         out->start += used)
        if (mp_wire_log_line(&record, &line))
            ap_log_error_(line.file, line.number, APLOG_MODULE_INDEX, line.level, 0, one->base.server, "%.*s",
                          (int)line.length, line.text);
}
