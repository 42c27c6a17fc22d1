#include "daemon/serve.h"
#include "daemon/scripts.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define IN_ROOM (MP_WIRE_HEADER + MP_WIRE_MOST + 255)       /* the longest record */
#define MOST_PARAMS (16u * 1024 * 1024)
#define MOST_KEPT (256u * 1024)     /* larger buffers are given back after the request */
#define SMALL 16384                 /* shorter output is copied, so that it goes out with what is around it */
#define AT_ONCE 16              /* records in one call */
#define MOST_UNSENT (1024u * 1024)  /* of log lines for a child that does not read */
#define PATIENCE 5000           /* milliseconds more: a child says itself, and first, that its client is too slow */
#define PACKED_NAME MP_FACTS_NAME

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
    const unsigned char *body;      /* what is unread of a STDIN record in seat->in */
    size_t body_left;
    int body_ended, wanted;
    pthread_mutex_t out_lock;       /* of seat->out: lines for the log may come from other threads */
    apr_status_t in_error, out_error;
    int has_head, has_body, is_cut;
    const char *script, *interpreter;
    int was_loaded;                 /* before this request */
} served;

int mp_bytes_room(mp_bytes *bytes, size_t n)
{
    unsigned char *more;
    size_t room;

    if (bytes->start) {
        memmove(bytes->bytes, bytes->bytes + bytes->start, bytes->end - bytes->start);
        bytes->end -= bytes->start;
        bytes->start = 0;
    }
    if (bytes->room - bytes->end >= n)
        return 1;
    room = (bytes->end + n + 4095) & ~(size_t)4095;
    if (!(more = realloc(bytes->bytes, room)))
        return 0;
    bytes->bytes = more;
    bytes->room = room;
    return 1;
}

static void empty(mp_bytes *bytes)
{
    bytes->start = bytes->end = 0;
    if (bytes->room > MOST_KEPT) {
        free(bytes->bytes);
        memset(bytes, 0, sizeof(*bytes));
    }
}

static void touch(served *one)
{
    if (!(one->flags & MP_FLAG_IGNORE_ACTIVITY))
        one->seat->board->activity = mp_clock();
}

/* Out. */


static int wait_for(served *one, short events)
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
static apr_status_t send_all(served *one, struct iovec *iov, int count, int waits)
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
            if (!wait_for(one, POLLOUT))
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

static apr_status_t flush(served *one, int waits)
{
    mp_bytes *out = &one->seat->out;
    struct iovec iov = {out->bytes + out->start, out->end - out->start};
    apr_status_t rv;

    if (one->out_error || !iov.iov_len)
        return one->out_error;
    rv = send_all(one, &iov, 1, waits);
    out->start = out->end - iov.iov_len;
    if (rv == APR_SUCCESS)
        out->start = out->end = 0;
    else if (rv != APR_EAGAIN)
        one->out_error = rv;
    return one->out_error;
}

/* Appends whole records. */
static apr_status_t put(served *one, int type, const void *data, size_t n)
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

static apr_status_t put_note(served *one, mp_note note, const void *data, size_t n)
{
    unsigned char bytes[64] = {(unsigned char)note};

    memcpy(bytes + 1, data, n);
    return put(one, MP_WIRE_NOTE, bytes, n + 1);
}

/* What waits goes in front of the caller's bytes, and these are not copied. */
static apr_status_t send_large(served *one, const char *data, size_t n)
{
    mp_bytes *out = &one->seat->out;

    while (n && !one->out_error) {
        unsigned char headers[AT_ONCE][MP_WIRE_HEADER];
        struct iovec iov[1 + 2 * AT_ONCE] = {{out->bytes + out->start, out->end - out->start}};
        int i;

        for (i = 0; i < AT_ONCE && n; i++) {
            size_t part = n < MP_WIRE_ONE ? n : MP_WIRE_ONE;

            mp_wire_header(headers[i], MP_WIRE_STDOUT, one->id, part);
            iov[1 + 2 * i] = (struct iovec){headers[i], MP_WIRE_HEADER};
            iov[2 + 2 * i] = (struct iovec){(char *)data, part};
            data += part;
            n -= part;
        }
        one->out_error = send_all(one, iov, 1 + 2 * i, 1);
        out->start = out->end - iov[0].iov_len;
        if (out->start == out->end)
            out->start = out->end = 0;
    }
    return one->out_error;
}

/* In. */

static apr_status_t fill(served *one)
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
            if (!wait_for(one, POLLIN))
                return APR_TIMEUP;
        }
        else if (errno != EINTR)
            return errno == ECONNRESET ? APR_EOF : errno;
    }
}

/* The next record; it stays until the next call. */
static apr_status_t next_record(served *one, mp_record *record)
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

static apr_status_t answer_values(served *one, const mp_record *record)
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
    return put(one, MP_WIRE_GET_VALUES_RESULT, reply, (size_t)(end - reply)) ? one->out_error : flush(one, 1);
}

/* What belongs to no request that runs. 1: handled. */
static int is_management(served *one, const mp_record *record, apr_status_t *rv)
{
    unsigned char unknown[16];
    struct iovec iov = {unknown, sizeof(unknown)};

    if (record->id)
        return 0;
    if (record->type == MP_WIRE_GET_VALUES)
        *rv = answer_values(one, record);
    else {
        mp_wire_unknown(unknown, record->type);
        *rv = send_all(one, &iov, 1, 1);
    }
    return 1;
}

static apr_status_t refuse(served *one, unsigned id, int protocol_status)
{
    unsigned char end[16];
    struct iovec iov = {end, sizeof(end)};

    mp_wire_end(end, id, 0, protocol_status);
    return send_all(one, &iov, 1, 1);
}

static apr_status_t add_params(served *one, const mp_record *record)
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
static apr_status_t read_request(served *one)
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
            empty(&one->seat->params);
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
static apr_status_t broken(served *one, const unsigned char *said)
{
    apr_status_t rv = (apr_status_t)((unsigned)said[2] << 24 | (unsigned)said[3] << 16 | (unsigned)said[4] << 8 | said[5]);

    one->base.read_status = said[0] << 8 | said[1];
    return rv ? rv : APR_EGENERAL;
}

static apr_status_t next_body(served *one)
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

static apr_status_t gateway_read(mp_gateway *gateway, char *to, apr_size_t *n)
{
    served *one = (served *)gateway;
    apr_size_t part;

    if (!one->wanted && (one->flags & MP_FLAG_SAY_WANTED)) {
        one->wanted = 1;
        pthread_mutex_lock(&one->out_lock);
        put_note(one, MP_NOTE_WANTED, "", 0);       /* its head may be before it, and waits in the child for bytes */
        pthread_mutex_unlock(&one->out_lock);
    }
    if (!one->in_error && !one->body_left && !one->body_ended) {
        pthread_mutex_lock(&one->out_lock);
        flush(one, 1);
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
    touch(one);
    return one->in_error;
}

/* The answer. */

static apr_status_t put_head(mp_gateway *gateway, int status, const char *line, const apr_array_header_t *pairs)
{
    served *one = (served *)gateway;
    const char *text = apr_pstrcat(gateway->pool, "Status: ", line, "\r\n", NULL);
    int i;

    one->has_head = 1;
    one->seat->board->first_attempt = -1;
    if (put(one, MP_WIRE_STDOUT, text, strlen(text)) != APR_SUCCESS)
        return one->out_error;
    for (i = 0; i < pairs->nelts; i++) {
        const mp_pair *pair = &APR_ARRAY_IDX(pairs, i, mp_pair);

        text = apr_pstrcat(gateway->pool, pair->name, ": ", pair->value, "\r\n", NULL);
        if (put(one, MP_WIRE_STDOUT, text, strlen(text)) != APR_SUCCESS)
            return one->out_error;
    }
    return put(one, MP_WIRE_STDOUT, "\r\n", 2);
}

static apr_status_t gateway_head(mp_gateway *gateway, int status, const char *line, const apr_array_header_t *pairs)
{
    served *one = (served *)gateway;
    apr_status_t rv;

    pthread_mutex_lock(&one->out_lock);
    rv = put_head(gateway, status, line, pairs);
    pthread_mutex_unlock(&one->out_lock);
    return rv;
}

static apr_status_t gateway_write(mp_gateway *gateway, const char *data, apr_size_t n, mp_push push)
{
    served *one = (served *)gateway;

    touch(one);
    if (one->out_error || (one->flags & MP_FLAG_NO_BODY))
        return one->out_error;
    pthread_mutex_lock(&one->out_lock);
    if (n && push == MP_PUSH_LAST && !one->has_body && !one->is_public)
        put_note(one, MP_NOTE_WHOLE, "", 0);
    one->has_body |= n > 0;
    if (n > SMALL)
        send_large(one, data, n);
    else if (n)
        put(one, MP_WIRE_STDOUT, data, n);
    if (push == MP_PUSH_NOW || push == MP_PUSH_END || one->seat->out.end - one->seat->out.start > MP_WIRE_ONE)
        flush(one, 1);
    pthread_mutex_unlock(&one->out_lock);
    return one->out_error;
}

static apr_status_t gateway_send_file(mp_gateway *gateway, int fd, apr_off_t offset, apr_off_t n)
{
    served *one = (served *)gateway;
    char *part = apr_palloc(gateway->pool, MP_WIRE_ONE);

    one->has_body = 1;
    while (n > 0 && !one->out_error && !(one->flags & MP_FLAG_NO_BODY)) {
        ssize_t got = pread(fd, part, n < MP_WIRE_ONE ? (size_t)n : MP_WIRE_ONE, offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got ? errno : APR_EOF;
        pthread_mutex_lock(&one->out_lock);
        send_large(one, part, (size_t)got);
        pthread_mutex_unlock(&one->out_lock);
        offset += got;
        n -= got;
        touch(one);
    }
    return one->out_error;
}

static void gateway_cut(mp_gateway *gateway)
{
    ((served *)gateway)->is_cut = 1;
}

/* 0: it can't be put. */
static int put_line(served *one, const char *file, int number, int level, const char *line)
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
    if (!one->has_head)         /* else it goes with the next part of the answer, or at the end */
        flush(one, 0);
    return 1;
}

/* Never waits: it may be called with a GIL. What the other side does not take now goes along later; while another thread
 * is sending, a line goes to the process's own log. */
static void gateway_log_at(mp_gateway *gateway, const char *file, int number, int level, const char *line)
{
    served *one = (served *)gateway;
    int put = 0;

    if (!one->is_public && !one->seat->is_forked && pthread_mutex_trylock(&one->out_lock) == 0) {
        put = put_line(one, file, number, level, line);
        pthread_mutex_unlock(&one->out_lock);
    }
    if (!put)
        ap_log_error_(file, number, APLOG_MODULE_INDEX, level, 0, gateway->server, "%s", line);
}

static void gateway_log(mp_gateway *gateway, int level, const char *line)
{
    gateway_log_at(gateway, __FILE__, __LINE__, level, line);
}

/* The body may come. What was put before, that somebody has the request, goes along. */
static void gateway_begin(mp_gateway *gateway)
{
    served *one = (served *)gateway;

    one->seat->board->first_attempt = -1;
    mp_scripts_note(one->seat->board, one->interpreter, one->script);
    if (!(one->flags & MP_FLAG_SAY_TAKEN))
        return;
    if (!one->was_loaded)
        mp_scripts_loaded(one->script);
    pthread_mutex_lock(&one->out_lock);     /* nobody else knows of the request yet */
    put_note(one, MP_NOTE_BEGUN, "", 0);
    flush(one, 0);
    pthread_mutex_unlock(&one->out_lock);
}

static const mp_gateway_calls calls = {
    gateway_read, gateway_head, gateway_write, gateway_send_file, gateway_cut, gateway_log, gateway_begin,
    gateway_log_at
};

/* The request's facts. */

static int same_secret(const char *given, const char *ours)
{
    unsigned difference = given && strlen(given) == strlen(ours) && *ours ? 0 : 1;
    size_t i;

    for (i = 0; !difference && ours[i]; i++)
        difference |= (unsigned)(given[i] ^ ours[i]);       /* texts of equal length */
    return !difference;
}

/* Texts with a NUL behind each. */
static int unpack(const char *value, size_t length, const char *facts[MP_FACTS])
{
    const char *end = value + length;
    int i;

    for (i = 0; i < MP_FACTS; i++) {
        const char *stop = memchr(value, '\0', (size_t)(end - value));

        if (!stop)
            return 0;
        facts[i] = strcmp(value, MP_FACT_NONE) ? value : NULL;
        value = stop + 1;
    }
    return value == end;
}

static int is_hidden(const char *name)
{
    return !strcmp(name, PACKED_NAME) || !strcmp(name, "HTTP_PROXY");
}

/* The parameters become variables, and those that are packed become facts. 0: they can't be what they should. */
static int read_params(served *one, const char *facts[MP_FACTS])
{
    apr_pool_t *p = one->base.pool;
    const unsigned char *at = one->seat->params.bytes;
    size_t left = one->seat->params.end, name_length, value_length;
    const char *name, *value;

    one->base.variables = apr_array_make(p, 48, sizeof(mp_pair));
    while (left) {
        if (mp_wire_pair(&at, &left, &name, &name_length, &value, &value_length) != MP_WIRE_OK)
            return 0;
        name = apr_pstrmemdup(p, name, name_length);
        value = apr_pstrmemdup(p, value, value_length);
        if (!strcmp(name, PACKED_NAME) && !one->is_public && !unpack(value, value_length, facts))
            return 0;
        if (!is_hidden(name) && strlen(name) == name_length && strlen(value) == value_length && *name) {
            mp_pair *pair = apr_array_push(one->base.variables);

            pair->name = name;
            pair->value = value;
        }
    }
    return one->is_public || same_secret(facts[MP_FACT_SECRET], one->seat->group->secret);
}

static const char *variable(const served *one, const char *name)
{
    int i;

    for (i = one->base.variables->nelts; i-- > 0;)
        if (!strcmp(APR_ARRAY_IDX(one->base.variables, i, mp_pair).name, name))
            return APR_ARRAY_IDX(one->base.variables, i, mp_pair).value;
    return NULL;
}

static const char *text(const char *fact)
{
    return fact ? fact : "";
}

static apr_time_t number(const char *fact)
{
    return fact ? apr_atoi64(fact) : 0;
}

static void describe(served *one, const char *facts[MP_FACTS], mp_wsgi_target *target)
{
    mp_gateway *gateway = &one->base;

    one->flags = (int)number(facts[MP_FACT_FLAGS]);
    target->interpreter = facts[MP_FACT_INTERPRETER] ? facts[MP_FACT_INTERPRETER] : MP_MAIN_INTERPRETER;
    target->application_group = text(facts[MP_FACT_APPLICATION_GROUP]);
    target->script = text(facts[MP_FACT_SCRIPT]);
    target->resource = text(facts[MP_FACT_RESOURCE]);
    target->callable = text(facts[MP_FACT_CALLABLE]);
    target->handler = text(facts[MP_FACT_HANDLER]);
    target->handler_script = text(facts[MP_FACT_HANDLER_SCRIPT]);
    target->script_name = text(facts[MP_FACT_SCRIPT_NAME]);
    target->path_info = text(facts[MP_FACT_PATH_INFO]);
    target->mount_point = facts[MP_FACT_MOUNT_POINT];
    target->listener_host = text(facts[MP_FACT_LISTENER_HOST]);
    target->listener_port = (unsigned)number(facts[MP_FACT_LISTENER_PORT]);
    target->case_sensitive = one->flags & MP_FLAG_CASE_SENSITIVE;
    target->reloading = one->flags & MP_FLAG_RELOADING;
    gateway->is_https = one->flags & MP_FLAG_HTTPS;
    gateway->is_head = one->flags & MP_FLAG_HEAD;
    gateway->sends_files = one->flags & MP_FLAG_SENDFILE;
    gateway->request_start = number(facts[MP_FACT_REQUEST_START]);
    gateway->queue_start = number(facts[MP_FACT_QUEUE_START]);
    gateway->request_id = facts[MP_FACT_REQUEST_ID];
    gateway->connection_id = facts[MP_FACT_CONNECTION_ID];
    gateway->server_pid = text(facts[MP_FACT_SERVER_PID]);
    gateway->body_length = number(facts[MP_FACT_BODY_LENGTH]);
}

/* What came from another FastCGI client: it chooses the URL, and we the application. */
static void describe_public(served *one, mp_wsgi_target *target)
{
    const mp_group *group = one->seat->group;
    mp_gateway *gateway = &one->base;
    const char *https = variable(one, "HTTPS"), *scheme = variable(one, "REQUEST_SCHEME");
    const char *method = variable(one, "REQUEST_METHOD"), *inside;

    target->interpreter = MP_MAIN_INTERPRETER;
    target->application_group = target->handler_script = "";
    inside = mp_scripts_inside(group, group->listen_script);
    target->script = target->resource = inside ? inside : group->listen_script;
    target->callable = "application";
    target->handler = "wsgi-script";
    target->script_name = text(variable(one, "SCRIPT_NAME"));
    target->path_info = text(variable(one, "PATH_INFO"));
    target->listener_host = text(variable(one, "SERVER_ADDR"));
    target->listener_port = (unsigned)number(variable(one, "SERVER_PORT"));
    target->case_sensitive = target->reloading = 1;
    gateway->is_https = (https && (!ap_cstr_casecmp(https, "on") || !strcmp(https, "1"))) ||
                        (scheme && !ap_cstr_casecmp(scheme, "https"));
    gateway->is_head = method && !strcmp(method, "HEAD");
    if (gateway->is_head)
        one->flags |= MP_FLAG_NO_BODY;
    gateway->request_start = gateway->queue_start = gateway->daemon_start;
    gateway->server_pid = "";
    gateway->body_length = variable(one, "CONTENT_LENGTH") ? number(variable(one, "CONTENT_LENGTH")) : -1;
}

/* The end. */

static void put_error(served *one, int status)
{
    unsigned char bytes[2] = {(unsigned char)(status >> 8), (unsigned char)status};
    const char *page;

    if (!one->is_public) {
        put_note(one, MP_NOTE_STATUS, bytes, sizeof(bytes));
        return;
    }
    page = apr_psprintf(one->base.pool, "Status: %s\r\nContent-Type: text/plain\r\n\r\n%s\n",
                        ap_get_status_line(status), ap_get_status_line(status));
    put(one, MP_WIRE_STDOUT, page, strlen(page));
}

static apr_status_t put_end(served *one, unsigned app_status)
{
    mp_bytes *out = &one->seat->out;

    put(one, MP_WIRE_STDOUT, "", 0);
    if (!mp_bytes_room(out, 16))
        return APR_ENOMEM;
    mp_wire_end(out->bytes + out->end, one->id, app_status, MP_WIRE_COMPLETE);
    out->end += 16;
    return flush(one, 1);
}

/* Lines that the child has not got: it has hung up. */
static void log_unsent(served *one)
{
    mp_bytes *out = &one->seat->out;
    mp_record record;
    size_t used;

    for (; mp_wire_decode(out->bytes + out->start, out->end - out->start, &record, &used) == MP_WIRE_OK; out->start += used)
        if (record.type == MP_WIRE_NOTE && record.length >= 2 && record.content[0] == MP_NOTE_LOG)
            ap_log_error(APLOG_MARK, record.content[1] & 7, 0, one->base.server, "%.*s", (int)(record.length - 2),
                         (const char *)record.content + 2);
}

/* What an attempt at a script comes out as, and who says so: its process. */
static int reject(served *one, const char *reason)
{
    const char *why = apr_psprintf(one->base.pool, "%s %d", reason, (int)getpid());

    put_note(one, MP_NOTE_REJECTED, why, strlen(why));
    put_end(one, 0);
    return 0;
}

void mp_serve_end_fork(const mp_seat *seat)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, seat->server, "MP0465: a process that an application of group '%s' forked has "
                 "come back from the application; it ends here, and only its parent answers", seat->group->name);
    _exit(1);
}

/* The script is not the one that this process has loaded. 1: a fresh process shall have the request. */
static int is_elsewhere(served *one, mp_wsgi_target *target)
{
    one->seat->reload(one->seat->worker, target->script);
    if (!one->is_public && one->seat->group->processes == 1)
        return 1;
    /* Several go on with what they have, until others have loaded what is new. Other clients would not ask again. */
    target->reloading = 0;
    return 0;
}

static int run_engine(served *one, mp_wsgi_target *target)
{
    const mp_engine_table *engine = one->seat->engine;
    int status = engine->wsgi(&one->base, target);

    if (status == DECLINED && !is_elsewhere(one, target))
        status = engine->wsgi(&one->base, target);
    return status;
}

/* Runs the application. 1: the connection can be used again. */
static int run(served *one, mp_wsgi_target *target)
{
    mp_seat *seat = one->seat;
    int64_t none = 0, begun = mp_clock();
    int status = HTTP_INTERNAL_SERVER_ERROR;

    seat->board->threads[seat->number] = begun;
    atomic_compare_exchange_strong(&seat->board->first_attempt, &none, begun);
    touch(one);
    if (one->flags & MP_FLAG_SAY_TAKEN) {
        put_note(one, MP_NOTE_TAKEN, "", 0);
        one->was_loaded = mp_scripts_are_loaded(target->script);
        if (!one->was_loaded)       /* else it is soon said that it has begun */
            flush(one, 1);
    }
    if (seat->engine && seat->engine->wsgi)
        status = run_engine(one, target);
    else
        gateway_log(&one->base, APLOG_ERR, "MP0423: this process has no Python; what it logged when it started says why");
    if (seat->is_forked)
        mp_serve_end_fork(seat);
    seat->board->threads[seat->number] = 0;
    touch(one);
    if (status == DECLINED) {
        atomic_compare_exchange_strong(&seat->board->first_attempt, &begun, 0);
        return reject(one, "script");
    }
    if (one->is_cut && one->is_public) {
        flush(one, 1);
        return 0;               /* whoever ignores appStatus sees an end that came too early */
    }
    if (status != OK && !one->has_head)
        put_error(one, status);
    put_end(one, one->is_cut ? MP_WIRE_CUT : 0);
    return one->keeps && !one->out_error && !one->in_error && !one->is_cut;
}

/* The rest of a body that is there already; a client that still sends has to look for another connection. */
static int drain_body(served *one)
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

static int process(served *one)
{
    mp_seat *seat = one->seat;
    const char *facts[MP_FACTS] = {NULL};
    mp_wsgi_target target = {0};

    one->base.daemon_start = apr_time_now();
    if (!read_params(one, facts)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, seat->server, "MP0424: somebody who does not know its secret has connected "
                     "to group '%s'; nothing was run", seat->group->name);
        return 0;
    }
    if (one->is_public)
        describe_public(one, &target);
    else
        describe(one, facts, &target);
    target.process_group = seat->group->name;
    if (facts[MP_FACT_DEADLINE] && one->base.daemon_start > number(facts[MP_FACT_DEADLINE])) {
        put_error(one, HTTP_GATEWAY_TIME_OUT);
        put_end(one, 0);
        return one->keeps && drain_body(one);
    }
    if (one->is_public && !mp_scripts_trusted(seat->group, target.script, seat->pool)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, seat->server, MP_SCRIPTS_UNTRUSTED, target.script, seat->group->name);
        put_error(one, HTTP_FORBIDDEN);
        put_end(one, 0);
        return one->keeps && drain_body(one);
    }
    one->script = target.script;
    one->interpreter = target.interpreter;
    if (target.reloading && mp_scripts_changed(target.script) && is_elsewhere(one, &target))
        return reject(one, "script");
    if (!seat->admit(seat->worker) && !one->is_public)      /* such clients do not ask again */
        return reject(one, "end");
    return run(one, &target) && drain_body(one);
}

/* A TCP connection that is closed with unread bytes loses what we sent. */
static void linger(served *one)
{
    struct pollfd fd = {one->fd, POLLIN, 0};
    char waste[4096];
    int i;

    shutdown(one->fd, SHUT_WR);
    for (i = 0; i < 64 && poll(&fd, 1, 500) > 0 && recv(one->fd, waste, sizeof(waste), MSG_DONTWAIT) > 0; i++)
        ;
}

int mp_serve(mp_seat *seat, int fd, int is_public)
{
    const mp_group *group = seat->group;
    served *one = apr_pcalloc(seat->pool, sizeof(*one));
    apr_status_t rv;
    int keeps = 0;

    one->base.calls = &calls;
    one->base.pool = seat->pool;
    one->base.server = seat->server;
    one->base.multithread = group->threads != 1;
    one->base.multiprocess = group->is_multiprocess || group->processes > 1;
    one->base.thread = seat->number + 1;
    one->out_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    one->base.run_once = group->threads == 1 && group->maximum_requests == 1;
    one->seat = seat;
    one->fd = fd;
    one->is_public = is_public;
    one->timeout = group->socket_timeout ? group->socket_timeout : seat->server->timeout;
    rv = read_request(one);
    if (rv == APR_SUCCESS)
        keeps = process(one);
    else if (rv != APR_EOF && rv != APR_ECONNABORTED)
        ap_log_error(APLOG_MARK, APLOG_INFO, rv, seat->server, "MP0425: what came to group '%s' is no request of FastCGI",
                     group->name);
    if (!keeps && is_public)
        linger(one);
    if (one->out_error)
        log_unsent(one);
    empty(&seat->params);
    empty(&seat->out);
    if (!keeps)
        seat->in.start = seat->in.end = 0;
    apr_pool_clear(seat->pool);
    return keeps;
}
