/* One attempt: a request out on a line, its answer back. Both ways at once: neither side waits for the other. */
#include "daemon/board.h"
#include "daemon/front.h"
#include "daemon/wire.h"
#include "host/gateway.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#define IN_ROOM (MP_WIRE_HEADER + MP_WIRE_MOST + 255)       /* the longest record */
#define PIECE 32768             /* of a body */
#define SHORT_ANSWER 8192
#define H2_PAUSE 10             /* milliseconds; the streams of HTTP/2 have no socket to wait for */
#define LOOK_PAUSE 1000         /* and filters with a time limit of their own, as mod_reqtimeout's, must be asked */

typedef struct {
    mp_relay *relay;
    size_t head_sent;
    unsigned char *out;         /* a record of the body; MP_WIRE_HEADER + PIECE + an empty STDIN */
    size_t out_start, out_end;
    apr_bucket_brigade *body;
    int body_ended;             /* all of it, and its end, is in `out` or sent; or no more is to be sent */
    int body_left;              /* the process has closed before that, so there may be more of it */
    int broken;                 /* the status of a body that the client, or httpd, has broken off; 0: it is none */
    int is_dry;                 /* the client has sent no more than that, so far */
    int taken, begun, wanted;
    int got_something;          /* from the process, about this request */
    char *head;                 /* of the answer, until it is whole */
    size_t head_length, head_room, line_length;
    int has_head;
    int unflushed;              /* something of the answer may still be in a filter */
    int has_more;               /* the process has probably sent more than was received */
    int has_ended, is_over;
    mp_relayed result;
    int64_t progress;           /* when something last moved */
    struct pollfd client;       /* fd -1: there is none */
} exchange;

static void *finish(exchange *x, mp_relayed result, int status)
{
    x->is_over = 1;
    x->result = result;
    x->relay->status = status;
    return NULL;
}

/* The answer can't be had, or not all of it. One line says why. */
static void fail(exchange *x, int status, const char *why)
{
    mp_relay *relay = x->relay;

    if (x->has_head) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, relay->r,
                      "MP0438: the answer of group '%s' is cut: %s", relay->group->name,
                      why);
        relay->ending = MP_RELAY_CUT;
        finish(x, MP_RELAY_DONE, OK);
        return;
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, relay->r, "MP0439: no answer of group '%s': %s", relay->group->name, why);
    finish(x, MP_RELAY_DONE, status);
}

/* The client has gone: the process hears of it. */
static void abandon(exchange *x)
{
    unsigned char record[MP_WIRE_HEADER];

    mp_wire_header(record, MP_WIRE_ABORT, 1, 0);
    if (x->out_start == x->out_end && x->head_sent == x->relay->head_length &&
        send(x->relay->line->fd, record, sizeof(record), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        ;                       /* then it hears it by the end of the connection */
    }
    if (!x->relay->r->eos_sent)             /* else a filter has answered itself, and httpd with an error page */
        x->relay->r->connection->aborted = 1;
    finish(x, MP_RELAY_DONE, OK);
}

/* The process has closed the connection. Linux resets it if something was unread: then nobody has seen the request,
 * unless it came in pieces or with a body, and then the process says when it takes it. */
static void lose(exchange *x, int error)
{
    const mp_relay *relay = x->relay;
    int unseen = relay->says_taken ? !x->taken : (error == ECONNRESET && !x->got_something);

    if (x->head_sent < relay->head_length || unseen)
        finish(x, MP_RELAY_AGAIN, OK);
    else
        fail(x, HTTP_BAD_GATEWAY, "its process has ended, or was ended, in the middle of the request");
}

/* The answer. */

/* httpd has answered itself, and the application may say what it wants. */
static int is_answered(const exchange *x)
{
    const request_rec *r = x->relay->r;

    return x->broken && r->eos_sent && !r->connection->aborted;
}

static void pass_on(exchange *x, const unsigned char *bytes, size_t n)
{
    apr_status_t rv = mp_outflow_put(&x->relay->out, bytes, n);

    if (rv == APR_SUCCESS)
        x->unflushed = 1;
    else if (rv == APR_ENOMEM)
        fail(x, HTTP_SERVICE_UNAVAILABLE, "there is no memory to keep it for the client");
    else if (!is_answered(x))
        abandon(x);
}

static int grow_head(exchange *x, size_t n)
{
    char *more;

    if (x->head_length + n + 1 <= x->head_room)
        return 1;
    if (x->head_length + n > 64 * (size_t)x->relay->group->header_buffer_size)
        return 0;
    x->head_room = 2 * (x->head_length + n) + 1024;
    more = apr_palloc(x->relay->to->pool, x->head_room);
    if (x->head_length)
        memcpy(more, x->head, x->head_length);
    x->head = more;
    return 1;
}

/* Bytes of STDOUT up to the blank line; what follows is passed on. */
static void take_head(exchange *x, const unsigned char *bytes, size_t n)
{
    size_t used;

    if (!grow_head(x, n)) {
        fail(x, HTTP_INTERNAL_SERVER_ERROR, "its head is too long");
        return;
    }
    for (used = 0; used < n && !x->has_head; used++) {
        x->head[x->head_length++] = (char)bytes[used];
        if (bytes[used] != '\n') {
            if (++x->line_length > (size_t)x->relay->group->header_buffer_size) {
                fail(x, HTTP_INTERNAL_SERVER_ERROR, "a line of its head is longer than header-buffer-size");
                return;
            }
            continue;
        }
        if (x->line_length <= 1 && x->head_length >= 2) {
            x->head[x->head_length - 2] = '\0';
            if (mp_relay_head(x->relay, x->head) != OK) {
                finish(x, MP_RELAY_DONE, HTTP_INTERNAL_SERVER_ERROR);
                return;
            }
            x->has_head = 1;    /* it goes out with the first bytes */
        }
        x->line_length = 0;
    }
    if (used < n)
        pass_on(x, bytes + used, n - used);
}

static void take_output(exchange *x, const mp_record *record)
{
    if (record->length && !x->has_head)
        take_head(x, record->content, record->length);
    else if (record->length)
        pass_on(x, record->content, record->length);
}

static void flush(exchange *x)
{
    if (mp_outflow_flush(&x->relay->out) != APR_SUCCESS && !is_answered(x))
        abandon(x);
    x->unflushed = x->relay->out.is_blocked;
}

static void take_note(exchange *x, const mp_record *record)
{
    const mp_relay *relay = x->relay;
    const unsigned char *rest = record->content + 1;
    size_t length = record->length;

    switch (length ? record->content[0] : 0) {
    case MP_NOTE_TAKEN:
        x->taken = 1;
        break;
    case MP_NOTE_BEGUN:
        x->taken = x->begun = 1;
        break;
    case MP_NOTE_WANTED:
        x->wanted = 1;
        break;
    case MP_NOTE_REJECTED:
        x->relay->rejected_by = length > 1 && *rest == 's'
            ? atoi(apr_pstrmemdup(relay->to->pool, (const char *)rest + 7, length > 8 ? length - 8 : 0)) : 0;
        finish(x, length > 1 && *rest == 's' ? MP_RELAY_CHANGED : MP_RELAY_AGAIN, OK);
        break;
    case MP_NOTE_WHOLE:
        mp_gateway_hold(relay->to, apr_table_get(relay->r->headers_in, "Range")
                                       ? (apr_size_t)relay->group->response_buffer_size : SHORT_ANSWER);
        break;
    case MP_NOTE_STATUS:
        if (length == 3 && !x->has_head) {
            relay->to->read_status = 0;
            x->relay->status = rest[0] << 8 | rest[1];
            if (!ap_is_HTTP_VALID_RESPONSE(x->relay->status))
                x->relay->status = HTTP_INTERNAL_SERVER_ERROR;
        }
        break;
    }
}

/* A line for the request's log. 0: it is something else. */
static int take_line(exchange *x, const mp_record *record)
{
    mp_wire_line line;

    if (mp_wire_log_line(record, &line))
        ap_log_rerror_(line.file, line.number, APLOG_MODULE_INDEX, line.level, 0, x->relay->r, "%.*s", (int)line.length,
                       line.text);
    else if (record->type == MP_WIRE_STDERR && record->length)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, x->relay->r,
                      "%.*s", (int)record->length, (const char *)record->content);
    else
        return 0;
    return 1;
}

static void take_end(exchange *x, const mp_record *record)
{
    mp_relay *relay = x->relay;
    unsigned app_status;

    if (record->length != 8) {
        fail(x, HTTP_BAD_GATEWAY, "it ended against the rules of FastCGI");
        return;
    }
    app_status = (unsigned)record->content[0] << 24 | (unsigned)record->content[1] << 16 |
                 (unsigned)record->content[2] << 8 | record->content[3];
    x->has_ended = 1;
    relay->reusable = x->head_sent == relay->head_length && x->out_start == x->out_end &&
                      (x->body_ended || !relay->has_body) && !x->broken && relay->line->in.start == relay->line->in.end;
    if (record->content[4] != MP_WIRE_COMPLETE)
        finish(x, MP_RELAY_AGAIN, OK);
    else if (app_status && x->broken) {     /* the client's fault: MP0438 is for ours */
        if (x->has_head)
            relay->ending = MP_RELAY_CUT;
        finish(x, MP_RELAY_DONE, x->has_head ? OK : x->broken);
    }
    else if (app_status)
        fail(x, HTTP_INTERNAL_SERVER_ERROR, "the application failed after it had begun to answer; what it logged says "
             "how");
    else if (x->has_head) {
        /* httpd is going to wait for the rest of a body, though nobody wants it. */
        relay->ending = relay->has_body && (!x->body_ended || x->body_left) ? MP_RELAY_FLUSHED : MP_RELAY_WHOLE;
        finish(x, MP_RELAY_DONE, OK);
    }
    else if (relay->status == OK)
        fail(x, HTTP_INTERNAL_SERVER_ERROR, "it has no head");
    else {
        if (relay->status == HTTP_GATEWAY_TIME_OUT && !x->taken && mp_relay_patience(relay) <= 0)
            mp_relay_expire(relay);
        finish(x, MP_RELAY_DONE, relay->status);
    }
}

static void take_records(exchange *x)
{
    mp_bytes *in = &x->relay->line->in;
    mp_record record;
    mp_wire_status status = MP_WIRE_MORE;
    size_t used;

    while (!x->is_over &&
           (status = mp_wire_decode(in->bytes + in->start, in->end - in->start, &record, &used)) == MP_WIRE_OK) {
        in->start += used;
        if (record.id == 1)
            x->got_something = 1;
        if (record.id != 1)
            continue;
        if (record.type == MP_WIRE_STDOUT)
            take_output(x, &record);
        else if (take_line(x, &record))
            continue;
        else if (record.type == MP_WIRE_NOTE)
            take_note(x, &record);
        else if (record.type == MP_WIRE_END)
            take_end(x, &record);
    }
    if (!x->is_over && status == MP_WIRE_BAD)
        fail(x, HTTP_BAD_GATEWAY, "its process does not speak FastCGI");
}

static void receive(exchange *x)
{
    mp_line *line = x->relay->line;
    ssize_t n;

    if (!mp_bytes_room(&line->in, IN_ROOM - (line->in.end - line->in.start))) {
        fail(x, HTTP_SERVICE_UNAVAILABLE, "there is no memory");
        return;
    }
    n = recv(line->fd, line->in.bytes + line->in.end, line->in.room - line->in.end, MSG_DONTWAIT);
    x->has_more = 0;
    if (n > 0) {
        line->in.end += (size_t)n;
        x->has_more = line->in.end == line->in.room;
        x->progress = mp_clock();
        take_records(x);
    }
    else if (n == 0)
        lose(x, 0);
    else if (errno != EAGAIN && errno != EINTR)
        lose(x, errno);
}

/* The request. */

static void send_out(exchange *x)
{
    mp_relay *relay = x->relay;
    ssize_t n;

    if (x->head_sent < relay->head_length)
        n = send(relay->line->fd, relay->head + x->head_sent, relay->head_length - x->head_sent,
                 MSG_NOSIGNAL | MSG_DONTWAIT);
    else
        n = send(relay->line->fd, x->out + x->out_start, x->out_end - x->out_start, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
        x->progress = mp_clock();
        if (x->head_sent < relay->head_length)
            x->head_sent += (size_t)n;
        else
            x->out_start += (size_t)n;
    }
    else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        /* It has closed; but it may have answered before. */
        if (x->head_sent < relay->head_length)
            lose(x, errno);
        else {
            x->out_start = x->out_end = 0;
            x->body_left = !x->body_ended;
            x->body_ended = 1;
            relay->reusable = 0;
        }
    }
}

/* The body can't be read to its end. The application hears of it when it reads, as in a child, and has its say. */
static void break_body(exchange *x, apr_status_t rv)
{
    request_rec *r = x->relay->r;
    int status = APR_STATUS_IS_TIMEUP(rv) ? HTTP_REQUEST_TIME_OUT : ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
    unsigned char *content = x->out + MP_WIRE_HEADER;
    int i;

    r->connection->keepalive = AP_CONN_CLOSE;
    if (r->connection->aborted) {
        finish(x, MP_RELAY_DONE, OK);
        return;
    }
    if (!r->eos_sent)           /* else httpd has answered itself, and logged */
        ap_log_rerror(APLOG_MARK, APLOG_INFO, rv, r, "MP0441: the body of the request could not be read to its end");
    if (!ap_is_HTTP_ERROR(status))
        status = HTTP_BAD_REQUEST;
    content[0] = MP_NOTE_BROKEN;
    content[1] = (unsigned char)(status >> 8);
    content[2] = (unsigned char)status;
    for (i = 0; i < 4; i++)
        content[3 + i] = (unsigned char)((unsigned)rv >> (24 - 8 * i));
    mp_wire_header(x->out, MP_WIRE_NOTE, 1, 7);
    x->out_start = 0;
    x->out_end = MP_WIRE_HEADER + 7;
    x->body_ended = 1;
    x->broken = status;
    x->progress = mp_clock();
}

/* Whatever is in the brigade becomes a record, if there is anything. */
static void fill_out(exchange *x)
{
    unsigned char *content = x->out + MP_WIRE_HEADER;
    apr_size_t n = 0, part;
    const char *data;
    apr_status_t rv;

    x->out_start = x->out_end = 0;
    while (!APR_BRIGADE_EMPTY(x->body) && !x->body_ended && n < PIECE) {
        apr_bucket *e = APR_BRIGADE_FIRST(x->body);

        if (APR_BUCKET_IS_EOS(e))
            x->body_ended = 1;
        else if (!APR_BUCKET_IS_METADATA(e)) {
            if ((rv = apr_bucket_read(e, &data, &part, APR_BLOCK_READ)) != APR_SUCCESS) {
                break_body(x, rv);
                return;
            }
            if (part > PIECE - n) {
                part = PIECE - n;
                apr_bucket_split(e, part);
            }
            memcpy(content + n, data, part);
            n += part;
        }
        apr_bucket_delete(e);
    }
    if (n) {
        mp_wire_header(x->out, MP_WIRE_STDIN, 1, n);
        x->out_end = MP_WIRE_HEADER + n;
    }
    if (x->body_ended) {
        mp_wire_header(x->out + x->out_end, MP_WIRE_STDIN, 1, 0);
        x->out_end += MP_WIRE_HEADER;
    }
}

/* httpd's filter does this for reads that wait; ours do not. */
static void tell_to_continue(request_rec *r)
{
    const char *line = r->status_line;
    int status = r->status;

    r->status = HTTP_CONTINUE;
    r->status_line = NULL;
    ap_send_interim_response(r, 0);
    r->status = status;
    r->status_line = line;
    r->expecting_100 = 0;
}

/* More of the body, if the client has sent some. */
static void pull_body(exchange *x)
{
    request_rec *r = x->relay->r;
    apr_status_t rv = APR_SUCCESS;
    int was_complete = r->eos_sent;

    if (!x->out) {
        x->out = apr_palloc(r->pool, 2 * MP_WIRE_HEADER + PIECE);
        x->body = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    }
    x->is_dry = 0;
    if (r->expecting_100)
        tell_to_continue(r);
    if (APR_BRIGADE_EMPTY(x->body))
        rv = ap_get_brigade(r->input_filters, x->body, AP_MODE_READBYTES, APR_NONBLOCK_READ, PIECE);
    if (rv == APR_SUCCESS && r->eos_sent && !was_complete)
        rv = AP_FILTER_ERROR;
    if (APR_STATUS_IS_EAGAIN(rv) || (rv == APR_SUCCESS && APR_BRIGADE_EMPTY(x->body)))
        x->is_dry = 1;
    else if (rv != APR_SUCCESS)
        break_body(x, rv);
    else
        fill_out(x);
    if (!x->is_dry)
        x->progress = mp_clock();
}

/* Time. */

static apr_interval_time_t socket_timeout(const mp_relay *relay)
{
    return relay->group->socket_timeout ? relay->group->socket_timeout : relay->r->server->timeout;
}

static void expire(exchange *x)
{
    mp_outflow *out = &x->relay->out;

    if (out->is_blocked && mp_clock() >= out->since + out->timeout) {
        out->has_timed_out = 1;
        abandon(x);
    }
    else if (x->is_dry && !x->body_ended)
        break_body(x, APR_TIMEUP);
    else
        fail(x, HTTP_GATEWAY_TIME_OUT, "nothing came from it within socket-timeout");
}

static int64_t time_left(const exchange *x)
{
    const mp_outflow *out = &x->relay->out;
    int64_t now = mp_clock();
    int64_t left = x->progress
                   + (x->is_dry && !x->body_ended ? x->relay->r->server->timeout : socket_timeout(x->relay));

    if (out->is_blocked && (mp_outflow_is_full(out) || out->since + out->timeout < left))
        left = out->since + out->timeout;
    return left - now;
}

int64_t mp_relay_patience(const mp_relay *relay)
{
    return relay->deadline ? relay->deadline - apr_time_now() : INT64_MAX / 4;
}

int mp_relay_expire(const mp_relay *relay)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, relay->r, "MP0440: Queue timeout expired for WSGI daemon process '%s'.",
                  relay->group->name);
    return HTTP_GATEWAY_TIME_OUT;
}

/* Milliseconds; rounded up. */
static int pause_length(const exchange *x)
{
    int64_t pause = time_left(x);

    if (x->unflushed && !x->relay->out.is_blocked && x->relay->group->response_flush_delay < pause)
        pause = x->relay->group->response_flush_delay;
    if (!x->taken) {
        int64_t left = mp_relay_patience(x->relay);

        pause = left < pause ? left : pause;
    }
    if (x->is_dry && !x->body_ended) {
        int64_t look = (x->client.fd < 0 ? H2_PAUSE : LOOK_PAUSE) * 1000;

        pause = look < pause ? look : pause;
    }
    return pause <= 0 ? 0 : pause > 3600000000 ? 3600000 : (int)((pause + 999) / 1000);
}

static int may_send_body(const exchange *x)
{
    return x->relay->has_body && !x->body_ended && x->begun && (x->wanted || !x->relay->expects) &&
           x->head_sent == x->relay->head_length && x->out_start == x->out_end;
}

static void resume(exchange *x)
{
    int was_full = mp_outflow_is_full(&x->relay->out);

    if (mp_outflow_resume(&x->relay->out) != APR_SUCCESS)
        abandon(x);
    else if (was_full && !mp_outflow_is_full(&x->relay->out))
        x->progress = mp_clock();
}

static void wait_for_news(exchange *x)
{
    mp_relay *relay = x->relay;
    int sends = x->head_sent < relay->head_length || x->out_start < x->out_end, n;
    int has_more = may_send_body(x) && !x->is_dry;      /* of the body: only a look at what is there */
    int receives = !mp_outflow_is_full(&relay->out);
    struct pollfd fds[2] = {{relay->line->fd, (short)((receives ? POLLIN : 0) | (sends ? POLLOUT : 0)), 0}, x->client};

    if (!receives && !sends)
        fds[0].fd = -1;         /* nor its end: there may be bytes before it */
    fds[1].events = (short)((x->is_dry && !x->body_ended ? POLLIN : 0) | (relay->out.is_blocked ? POLLOUT : 0));
    n = poll(fds, 2, has_more ? 0 : pause_length(x));
    if (n < 0)
        return;
    if (fds[1].fd >= 0 && (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) && !(fds[1].revents & POLLIN)) {
        abandon(x);
        return;
    }
    if (fds[1].revents & POLLOUT)
        resume(x);
    if (!x->is_over && (fds[0].revents & POLLOUT))
        send_out(x);
    if (!x->is_over && receives && (fds[0].revents & (POLLIN | POLLHUP | POLLERR)))
        receive(x);
    if (x->is_over || n || has_more)
        return;
    if (!x->taken && mp_relay_patience(relay) <= 0)
        finish(x, MP_RELAY_DONE, mp_relay_expire(relay));
    else if (time_left(x) <= 0)
        expire(x);
    else if (x->unflushed && !relay->out.is_blocked)
        flush(x);
}

/* Nobody takes the answer any more; but what the process has said for the log is heard. What it says from now on it has
 * to write into its own. */
static void hear_last_lines(exchange *x)
{
    mp_line *line = x->relay->line;
    mp_bytes *in = &line->in;
    mp_record record;
    ssize_t n = 1;
    size_t used;

    shutdown(line->fd, SHUT_RD);
    while (n > 0) {
        mp_wire_status status;

        while ((status = mp_wire_decode(in->bytes + in->start, in->end - in->start, &record, &used)) == MP_WIRE_OK) {
            in->start += used;
            if (record.id == 1)
                take_line(x, &record);
        }
        if (status == MP_WIRE_BAD || !mp_bytes_room(in, IN_ROOM - (in->end - in->start)))
            return;
        n = recv(line->fd, in->bytes + in->end, in->room - in->end, MSG_DONTWAIT);
        if (n > 0)
            in->end += (size_t)n;
    }
}

mp_relayed mp_relay_run(mp_relay *relay)
{
    exchange x = {.relay = relay, .progress = mp_clock()};

    mp_outflow_start(&relay->out, relay->to, relay->group);
    x.client.fd = relay->out.fd;
    relay->ending = MP_RELAY_NONE;
    send_out(&x);
    while (!x.is_over) {
        if (may_send_body(&x))
            pull_body(&x);
        if (x.is_over)
            break;
        if (x.out_start < x.out_end)
            send_out(&x);
        if (!x.is_over && x.has_more && !mp_outflow_is_full(&relay->out))
            receive(&x);
        else if (!x.is_over)
            wait_for_news(&x);
    }
    if (!x.has_ended) {
        relay->reusable = 0;
        hear_last_lines(&x);
    }
    return x.result;
}

void mp_relay_end(mp_relay *relay)
{
    mp_outflow *out = &relay->out;
    apr_status_t rv = APR_SUCCESS;

    if (relay->ending == MP_RELAY_CUT)
        rv = mp_outflow_cut(out);
    else if (relay->ending != MP_RELAY_NONE)
        rv = mp_outflow_end(out, relay->ending == MP_RELAY_FLUSHED ? MP_PUSH_END : MP_PUSH_LAST);
    if (rv != APR_SUCCESS && !relay->r->eos_sent)       /* as in abandon() */
        relay->r->connection->aborted = 1;
    mp_outflow_stop(out, relay->group);
}
