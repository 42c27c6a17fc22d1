#include "handlers/answer.h"

#include "util_filter.h"

/* ap_escape_html2() leaves the single quote, which may stand around an attribute too. */
static const char *escape(apr_pool_t *p, const char *text)
{
    const char *html = ap_escape_html2(p, text, 0);
    size_t quotes = 0;
    const char *from;
    char *out, *to;

    for (from = html; *from; from++)
        quotes += *from == '\'';
    if (!quotes)
        return html;
    out = to = apr_palloc(p, (apr_size_t)(from - html) + quotes * 4 + 1);
    for (from = html; *from; from++) {
        if (*from == '\'') {
            memcpy(to, "&#39;", 5);
            to += 5;
        }
        else
            *to++ = *from;
    }
    *to = '\0';
    return out;
}

const char *mp_answer_report(apr_pool_t *p, const char *what, const char *traceback)
{
    return apr_pstrcat(p, "\n<pre>\nMod_python error: \"", escape(p, what), "\"\n\n", escape(p, traceback), "</pre>\n",
                       NULL);
}

static void report(request_rec *r, const char *what, const char *traceback)
{
    if (!r->sent_bodyct) {
        r->status = HTTP_INTERNAL_SERVER_ERROR;
        r->status_line = NULL;
        apr_table_unset(r->headers_out, "Content-Length");      /* what the handler meant to send */
        ap_set_content_type(r, "text/html; charset=utf-8");
    }
    ap_rputs(mp_answer_report(r->pool, what, traceback), r);
    ap_rflush(r);
}

/* As a proxy does whose backend went away: the chunk filter sees this bucket and sends no last chunk. */
static void cut(request_rec *r)
{
    conn_rec *c = r->connection;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, c->bucket_alloc);

    c->keepalive = AP_CONN_CLOSE;
    APR_BRIGADE_INSERT_TAIL(bb, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, c->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(c->bucket_alloc));
    ap_pass_brigade(r->output_filters, bb);
}

/* What ap_rwrite() and friends still keep in their buffer must not stand before the error page. */
static void drop_queued(request_rec *r)
{
    ap_filter_t *f = r->output_filters, *next;

    for (; f && f->frec->ftype < AP_FTYPE_PROTOCOL; f = next) {
        next = f->next;
        if (!strcasecmp(f->frec->name, "OLD_WRITE"))
            ap_remove_output_filter(f);
    }
}

int mp_answer_failure(request_rec *r, const char *what, const char *traceback)
{
    if (r->eos_sent)            /* by an internal redirect, say: nothing can be added */
        return DONE;
    if (traceback) {
        report(r, what, traceback);
        return DONE;
    }
    if (r->sent_bodyct) {
        cut(r);
        return DONE;
    }
    drop_queued(r);
    return HTTP_INTERNAL_SERVER_ERROR;
}
