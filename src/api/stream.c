#include "api/stream.h"

#define PASS_AT AP_MIN_BYTES_TO_WRITE   /* small writes are gathered up to this */
#define PIECE 65536                     /* large ones are copied in pieces of this */

const char *mp_stream_reason(const mp_stream *s, char *buffer, apr_size_t size)
{
    if (s->status == AP_FILTER_ERROR)
        return "another filter has ended the answer with an error";
    return apr_strerror(s->status, buffer, size);
}

/* Out */

/* The answer is not the one that the head tells of: its length and checksum are unknown, and its bytes are other ones,
 * which a weak ETag says. Conditional requests still work with it. */
static void settle(mp_stream *s)
{
    apr_table_t *head = s->f->r->headers_out;
    const char *etag = apr_table_get(head, "ETag");

    apr_table_unset(head, "Content-Length");
    apr_table_unset(head, "Content-MD5");
    if (etag && *etag == '"')
        apr_table_setn(head, "ETag", apr_pstrcat(s->f->r->pool, "W/", etag, NULL));
}

/* While nothing was changed, the head may stay as it is if nothing can be changed any more either. */
static int is_unchanged(const mp_stream *s, const mp_filtering *filtering)
{
    return !s->changed && (s->closed || filtering->off);
}

apr_status_t mp_stream_pass(mp_stream *s, int flush)
{
    ap_filter_t *f = s->f;
    apr_status_t status;

    if (s->kind == MP_STREAM_INPUT)
        return s->status;
    if (flush && !s->closed)
        APR_BRIGADE_INSERT_TAIL(s->out, apr_bucket_flush_create(f->c->bucket_alloc));
    if (APR_BRIGADE_EMPTY(s->out))
        return s->status;
    if (s->kind == MP_STREAM_OUTPUT && !s->settled && !is_unchanged(s, f->ctx)) {
        settle(s);
        s->settled = 1;
    }
    status = ap_pass_brigade(f->next, s->out);
    apr_brigade_cleanup(s->out);
    s->waiting = 0;
    if (status == APR_SUCCESS && f->c->aborted)
        status = APR_ECONNABORTED;
    if (s->status == APR_SUCCESS)
        s->status = status;
    return s->status;
}

int mp_stream_fits(const mp_stream *s, apr_size_t n)
{
    return n < PASS_AT && (s->kind == MP_STREAM_INPUT || s->waiting + n < PASS_AT);
}

apr_status_t mp_stream_write(mp_stream *s, const char *data, apr_size_t n)
{
    s->used = 1;
    while (n > 0 && s->status == APR_SUCCESS) {
        apr_size_t part = n < PIECE ? n : PIECE;
        apr_status_t status = apr_brigade_write(s->out, NULL, NULL, data, part);

        if (status != APR_SUCCESS)
            return s->status = status;
        s->changed = 1;
        s->waiting += part;
        data += part;
        n -= part;
        if (s->waiting >= PASS_AT)
            mp_stream_pass(s, 0);
    }
    return s->status;
}

/* The consumer of an input filter gets its EOS with the last data (mp_stream_deliver). */
static void put_end(mp_stream *s)
{
    if (s->kind != MP_STREAM_INPUT)
        APR_BRIGADE_INSERT_TAIL(s->out, apr_bucket_eos_create(s->f->c->bucket_alloc));
    s->closed = 1;
}

apr_status_t mp_stream_close(mp_stream *s)
{
    if (s->closed || s->kind == MP_STREAM_INCLUDE)      /* the page goes on */
        return s->status;
    if (s->kind == MP_STREAM_INPUT && s->status)        /* a body that broke off must not look complete */
        return s->status;
    s->used = 1;
    s->changed |= !s->ended;
    put_end(s);
    return mp_stream_pass(s, 0);
}

void mp_stream_forward(mp_stream *s, int keep, int one_batch)
{
    while (s->in && !APR_BRIGADE_EMPTY(s->in)) {
        apr_bucket *e = APR_BRIGADE_FIRST(s->in);

        if (APR_BUCKET_IS_EOS(e)) {
            apr_bucket_delete(e);
            s->drained = 1;
            if (!s->closed)
                put_end(s);
        }
        else if (!APR_BUCKET_IS_METADATA(e) && (s->closed || !keep)) {
            s->changed |= e->length != 0;
            apr_bucket_delete(e);
        }
        else {
            APR_BUCKET_REMOVE(e);
            APR_BRIGADE_INSERT_TAIL(s->out, e);
            if (one_batch && APR_BUCKET_IS_FLUSH(e))
                return;
        }
    }
}

apr_status_t mp_stream_pass_on(mp_stream *s)
{
    s->used = 1;
    if (s->kind == MP_STREAM_INPUT && APR_BRIGADE_EMPTY(s->in) && !s->fetched && !s->closed)
        mp_stream_fetch(s);
    mp_stream_forward(s, 1, 0);
    return mp_stream_pass(s, 0);
}

int mp_stream_has_work(const apr_bucket_brigade *bb)
{
    const apr_bucket *e;

    for (e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb); e = APR_BUCKET_NEXT(e))
        if (APR_BUCKET_IS_EOS(e) || (!APR_BUCKET_IS_METADATA(e) && e->length != 0))
            return 1;
    return 0;
}

/* In */

apr_size_t mp_stream_length(const mp_stream *s)
{
    apr_off_t length = -1;

    if (s->in)
        apr_brigade_length(s->in, 0, &length);
    return length > 0 ? (apr_size_t)length : 0;
}

/* The first bucket with data; NULL if there is none now, and why. Metadata must stay between the data before it and the
 * data behind it: what was taken may be written first. */
static apr_bucket *next(mp_stream *s, apr_size_t got, mp_stream_stop *stop)
{
    *stop = MP_STREAM_SHORT;
    while (s->in) {
        apr_bucket *e;

        if (APR_BRIGADE_EMPTY(s->in)) {
            if (s->kind != MP_STREAM_INPUT || s->fetched || got || s->status)
                return NULL;
            mp_stream_fetch(s);
            continue;
        }
        e = APR_BRIGADE_FIRST(s->in);
        if (!APR_BUCKET_IS_METADATA(e))
            return e;
        if (got)
            return NULL;
        if (APR_BUCKET_IS_EOS(e)) {
            s->ended = s->used = 1;
            *stop = MP_STREAM_END;
            return NULL;
        }
        if (APR_BUCKET_IS_FLUSH(e) && s->kind == MP_STREAM_OUTPUT)
            return NULL;
        APR_BUCKET_REMOVE(e);
        APR_BRIGADE_INSERT_TAIL(s->out, e);
    }
    return NULL;
}

/* Where the source (a pipe, a backend's connection) makes us wait, the client should have what is ready. APR_EAGAIN:
 * there is something to return already. */
static apr_status_t read_bucket(mp_stream *s, apr_bucket *e, apr_size_t got, const char **data, apr_size_t *length)
{
    apr_status_t status = apr_bucket_read(e, data, length, APR_NONBLOCK_READ);

    if (!APR_STATUS_IS_EAGAIN(status) || got || (s->kind == MP_STREAM_INPUT && s->block == APR_NONBLOCK_READ))
        return status;
    if ((status = mp_stream_pass(s, 1)) != APR_SUCCESS)
        return status;
    return apr_bucket_read(e, data, length, APR_BLOCK_READ);
}

apr_size_t mp_stream_take(mp_stream *s, char *to, apr_size_t n, int line, mp_stream_stop *stop)
{
    apr_size_t got = 0;
    apr_bucket *e;

    while (got < n && (e = next(s, got, stop))) {
        const char *data, *lf;
        apr_size_t length;
        apr_status_t status = read_bucket(s, e, got, &data, &length);

        if (APR_STATUS_IS_EAGAIN(status)) {
            s->again = !got;
            return got;
        }
        if (status != APR_SUCCESS && !APR_STATUS_IS_EOF(status)) {
            s->status = status;
            return got;
        }
        if (status != APR_SUCCESS)
            length = 0;
        if (length > n - got) {
            length = n - got;
            apr_bucket_split(e, length);
        }
        lf = line ? memchr(data, '\n', length) : NULL;
        if (lf) {
            if ((apr_size_t)(lf + 1 - data) < length)
                apr_bucket_split(e, (apr_size_t)(lf + 1 - data));
            length = (apr_size_t)(lf + 1 - data);
        }
        memcpy(to + got, data, length);
        apr_bucket_delete(e);
        got += length;
        s->used = 1;
        s->changed |= length != 0;
        if (lf)
            break;
    }
    if (got == n || (got && to[got - 1] == '\n' && line))
        *stop = MP_STREAM_FULL;
    return got;
}
