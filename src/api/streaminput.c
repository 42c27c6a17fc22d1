/* The two ends of an input filter: the neighbour that has the body, and the consumer that wants it. */
#include "api/stream.h"

#define FETCH_AT_LEAST HUGE_STRING_LEN  /* to ask for more waits no longer, and the rest is kept */
#define LONGEST_LINE HUGE_STRING_LEN    /* as httpd's own input has it */

void mp_stream_fetch(mp_stream *s)
{
    apr_off_t n = s->wanted > FETCH_AT_LEAST ? s->wanted : FETCH_AT_LEAST;
    apr_status_t status = ap_get_brigade(s->f->next, s->in, AP_MODE_READBYTES, s->block, n);

    s->fetched = s->used = 1;
    if (status == APR_SUCCESS && !APR_BRIGADE_EMPTY(s->in))
        return;
    if (APR_STATUS_IS_EAGAIN(status) || (status == APR_SUCCESS && s->block == APR_NONBLOCK_READ))
        s->again = 1;
    else
        s->status = status == APR_SUCCESS ? APR_EOF : status;   /* a blocking read brings something, or it's over */
    apr_brigade_cleanup(s->in);
}

int mp_stream_ready(mp_stream *s, ap_input_mode_t mode)
{
    apr_off_t n = 0;

    if (s->closed)
        return 1;
    if (mode == AP_MODE_EXHAUSTIVE)
        return 0;
    apr_brigade_length(s->out, 0, &n);
    if (mode != AP_MODE_GETLINE || n < 0 || n >= LONGEST_LINE)
        return n != 0;
    for (apr_bucket *e = APR_BRIGADE_FIRST(s->out); e != APR_BRIGADE_SENTINEL(s->out); e = APR_BUCKET_NEXT(e)) {
        const char *data;
        apr_size_t length;

        if (!APR_BUCKET_IS_METADATA(e) &&
            (apr_bucket_read(e, &data, &length, APR_BLOCK_READ) != APR_SUCCESS ||
             memchr(data, '\n', length)))
            return 1;
    }
    return 0;
}

static apr_status_t copy(apr_bucket_brigade *from, apr_bucket_brigade *to, const apr_bucket *end)
{
    apr_status_t status = APR_SUCCESS;
    apr_bucket *e, *twin;

    for (e = APR_BRIGADE_FIRST(from); e != end && e != APR_BRIGADE_SENTINEL(from); e = APR_BUCKET_NEXT(e)) {
        if ((status = apr_bucket_copy(e, &twin)) != APR_SUCCESS)
            break;
        APR_BRIGADE_INSERT_TAIL(to, twin);
    }
    return status;
}

/* The function may have closed before the body was at its end. But the next request begins behind it, and nobody else
 * will read on: those who discard bodies stop at the first EOS. */
static apr_status_t drain(mp_stream *s)
{
    while (!s->drained && s->status == APR_SUCCESS) {
        for (apr_bucket *e = APR_BRIGADE_FIRST(s->in); e != APR_BRIGADE_SENTINEL(s->in); e = APR_BUCKET_NEXT(e))
            s->drained |= APR_BUCKET_IS_EOS(e);
        apr_brigade_cleanup(s->in);
        s->again = 0;
        if (!s->drained)
            mp_stream_fetch(s);
        if (s->again)
            return APR_EAGAIN;
    }
    return s->status;
}

static apr_status_t hand_out(mp_stream *s, apr_bucket_brigade *bb, ap_input_mode_t mode)
{
    apr_bucket *end = APR_BRIGADE_SENTINEL(s->out);
    apr_status_t status;

    if (mode == AP_MODE_GETLINE)
        return apr_brigade_split_line(bb, s->out, APR_BLOCK_READ, LONGEST_LINE);
    if (mode != AP_MODE_EXHAUSTIVE) {
        status = apr_brigade_partition(s->out, s->wanted, &end);
        if (status != APR_SUCCESS && status != APR_INCOMPLETE)
            return status;
    }
    if (mode == AP_MODE_SPECULATIVE)
        return copy(s->out, bb, end);
    while (!APR_BRIGADE_EMPTY(s->out) && APR_BRIGADE_FIRST(s->out) != end) {
        apr_bucket *e = APR_BRIGADE_FIRST(s->out);

        APR_BUCKET_REMOVE(e);
        APR_BRIGADE_INSERT_TAIL(bb, e);
    }
    return APR_SUCCESS;
}

apr_status_t mp_stream_deliver(mp_stream *s, apr_bucket_brigade *bb, ap_input_mode_t mode)
{
    apr_status_t status = APR_SUCCESS;

    if (!APR_BRIGADE_EMPTY(s->out))
        status = hand_out(s, bb, mode);
    else if (s->closed)
        status = drain(s);
    if (status == APR_SUCCESS && s->closed && s->drained && APR_BRIGADE_EMPTY(s->out))
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(bb->bucket_alloc));
    return status;
}

apr_status_t mp_stream_set_aside(mp_stream *s)
{
    apr_bucket_brigade *kept[] = { s->in, s->out };

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        for (apr_bucket *e = APR_BRIGADE_FIRST(kept[i]); e != APR_BRIGADE_SENTINEL(kept[i]); e = APR_BUCKET_NEXT(e)) {
            apr_status_t status = APR_BUCKET_IS_METADATA(e) ? APR_SUCCESS : apr_bucket_setaside(e, s->f->r->pool);

            if (status != APR_SUCCESS && status != APR_ENOTIMPL)
                return s->status = status;
        }
    return APR_SUCCESS;
}
