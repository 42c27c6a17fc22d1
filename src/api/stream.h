/* What flows through a filter: plain brigades of httpd's, without Python.
 *
 * A mp_stream belongs to one filter of one request (for a page element: to one run of it) and lives in the request's
 * pool. `in` is what read() takes from, `out` what was written and is not passed on yet.
 *   - output: `in` is the brigade that came; it is used up when the call returns. `out` is empty between calls. A FLUSH
 *     bucket ends a batch: what came before it goes out before what comes after it is looked at.
 *   - input: both are our own and may keep something from call to call, set aside into the request's pool. One call of
 *     the function fetches from the neighbour at most once, so that a long body goes through in pieces.
 *   - include: `in` is NULL, `out` is mod_include's brigade.
 * Buckets that we know nothing of keep their place and are never lost.
 *
 * Threads: one at a time, detached wherever it says so. What does not say so touches memory only.
 */
#ifndef MP_API_STREAM_H
#define MP_API_STREAM_H

#include "engine.h"

typedef enum { MP_STREAM_OUTPUT, MP_STREAM_INPUT, MP_STREAM_INCLUDE } mp_stream_kind;

typedef struct {
    mp_stream_kind kind;
    ap_filter_t *f;             /* the running call's */
    apr_bucket_brigade *in;
    apr_bucket_brigade *out;
    apr_size_t waiting;         /* bytes written to `out` since it was passed on */
    apr_status_t status;        /* how the neighbour failed; stays */
    apr_read_type_e block;      /* input: how the consumer asks, and for how much */
    apr_off_t wanted;
    unsigned fetched : 1;       /* input, this call: the neighbour was asked */
    unsigned again : 1;         /* input, this call: it has nothing yet */
    unsigned used : 1;          /* this call: something was taken or written */
    unsigned ended : 1;         /* read() has told the end */
    unsigned drained : 1;       /* input: the neighbour's end was seen */
    unsigned closed : 1;        /* the end was passed on */
    unsigned changed : 1;       /* what goes out is not what came in */
    unsigned settled : 1;       /* output: the head of the answer fits that */
} mp_stream;

/* Why a read brought no more: it has all that was wanted; there is no more for now; there is none, and never will be */
typedef enum { MP_STREAM_FULL, MP_STREAM_SHORT, MP_STREAM_END } mp_stream_stop;

/* stream.c */

/* Detached. Takes at most n bytes; with `line` up to and with a line feed. An error is in s->status. */
apr_size_t mp_stream_take(mp_stream *s, char *to, apr_size_t n, int line, mp_stream_stop *stop);
/* s->status in words. */
const char *mp_stream_reason(const mp_stream *s, char *buffer, apr_size_t size);
/* Roughly how much a read without a limit will bring; 0 if nobody knows. */
apr_size_t mp_stream_length(const mp_stream *s);

/* Copies n bytes to `out`, and passes on what has become too much: detached, unless mp_stream_fits() says that it will
 * not. */
int mp_stream_fits(const mp_stream *s, apr_size_t n);
apr_status_t mp_stream_write(mp_stream *s, const char *data, apr_size_t n);

/* Detached. Passes `out` on (input: nothing), with a FLUSH bucket behind it. */
apr_status_t mp_stream_pass(mp_stream *s, int flush);
/* Detached. The end: nothing can be written any more. */
apr_status_t mp_stream_close(mp_stream *s);
/* Detached. What is left of `in` goes on unchanged (input: what the neighbour has, if it was not asked yet). */
apr_status_t mp_stream_pass_on(mp_stream *s);

/* Moves `in` to `out`: metadata always, data with `keep` unless the stream is closed; with one_batch only up to the
 * first FLUSH bucket. */
void mp_stream_forward(mp_stream *s, int keep, int one_batch);
/* There is data or an end, so a function that reads the brigade has something to do. */
int mp_stream_has_work(const apr_bucket_brigade *bb);

/* streaminput.c: input only */

/* Detached. Asks the neighbour: fetched, again, status say what came of it. */
void mp_stream_fetch(mp_stream *s);
/* Detached. `out` has what a consumer with that mode waits for. */
int mp_stream_ready(mp_stream *s, ap_input_mode_t mode);
/* Detached. Gives it to the consumer; what is more stays. */
apr_status_t mp_stream_deliver(mp_stream *s, apr_bucket_brigade *bb, ap_input_mode_t mode);
/* What `in` and `out` keep until the next call becomes theirs. */
apr_status_t mp_stream_set_aside(mp_stream *s);

#endif
