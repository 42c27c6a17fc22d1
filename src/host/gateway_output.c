/* The answer, in httpd's buckets. Bytes of the application's are passed down without a copy, with a flush behind them;
 * a filter that keeps some past the call copies these itself, as the kind of bucket (transient) tells it to. */
#include "host/gateway.h"

#include <fcntl.h>
#include <unistd.h>

/* httpd's own error page takes the place of the answer. */
static int is_replaced(const mp_request_gateway *gateway, int status)
{
    return gateway->conf->error_override == 1 && ap_is_HTTP_ERROR(status);
}

/* Lines that may stand side by side; all others are one line, as a daemon has them too. */
static int stays_separate(const char *name)
{
    return !ap_cstr_casecmp(name, "Set-Cookie") || !ap_cstr_casecmp(name, "WWW-Authenticate");
}

static void set_header(request_rec *r, const char *name, const char *value)
{
    if (!ap_cstr_casecmp(name, "Content-Type"))
        ap_set_content_type(r, value);
    else if (!ap_cstr_casecmp(name, "Content-Length"))
        ap_set_content_length(r, (apr_off_t)apr_atoi64(value));
    else if (!ap_cstr_casecmp(name, "WWW-Authenticate"))
        apr_table_addn(r->err_headers_out, name, value);    /* also with httpd's own page of a 401 */
    else if (stays_separate(name))
        apr_table_addn(r->headers_out, name, value);
    else
        apr_table_mergen(r->headers_out, name, value);
}

apr_status_t mp_gateway_head(mp_gateway *base, int status, const char *line, const apr_array_header_t *pairs)
{
    mp_request_gateway *gateway = (mp_request_gateway *)base;
    request_rec *r = base->r;
    int i, has_type = 0;

    if (r->eos_sent)
        return APR_EOF;
    if (is_replaced(gateway, status)) {
        gateway->replaced = status;
        for (i = 0; i < pairs->nelts; i++)
            if (!ap_cstr_casecmp(APR_ARRAY_IDX(pairs, i, mp_pair).name, "WWW-Authenticate"))
                set_header(r, APR_ARRAY_IDX(pairs, i, mp_pair).name, APR_ARRAY_IDX(pairs, i, mp_pair).value);
        return APR_SUCCESS;
    }
    r->status = status;
    r->status_line = line;
    for (i = 0; i < pairs->nelts; i++) {
        const mp_pair *pair = &APR_ARRAY_IDX(pairs, i, mp_pair);

        has_type |= !ap_cstr_casecmp(pair->name, "Content-Type");
        set_header(r, pair->name, pair->value);
    }
    if (!has_type)
        ap_set_content_type(r, NULL);   /* not what mod_mime makes of the script's name */
    if (status < HTTP_OK)               /* an application can't speak on after it */
        r->connection->keepalive = AP_CONN_CLOSE;
    return APR_SUCCESS;
}

/* Passes gateway->out down, and leaves it empty. */
static apr_status_t pass(mp_request_gateway *gateway)
{
    request_rec *r = gateway->base.r;
    apr_status_t status = ap_pass_brigade(r->output_filters, gateway->out);

    apr_brigade_cleanup(gateway->out);
    return r->connection->aborted ? APR_ECONNABORTED : status;
}

/* APR_SUCCESS with gateway->out ready. */
static apr_status_t open_output(mp_request_gateway *gateway)
{
    request_rec *r = gateway->base.r;

    if (r->connection->aborted || r->eos_sent)
        return APR_ECONNABORTED;
    if (!gateway->out)
        gateway->out = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    return APR_SUCCESS;
}

apr_status_t mp_gateway_write(mp_gateway *base, const char *data, apr_size_t n, mp_push push)
{
    mp_request_gateway *gateway = (mp_request_gateway *)base;
    apr_bucket_alloc_t *list = base->r->connection->bucket_alloc;
    apr_status_t status;

    if (gateway->replaced)
        return APR_SUCCESS;
    if ((status = open_output(gateway)) != APR_SUCCESS)
        return status;
    if (push == MP_PUSH_LATER || (push == MP_PUSH_NOW && !n)) {
        if (n <= gateway->holds && gateway->holds) {
            gateway->holds -= n;
            gateway->holds_flush |= push == MP_PUSH_NOW;
            return apr_brigade_write(gateway->out, NULL, NULL, data, n);
        }
        gateway->holds = 0;
    }
    if (n)
        APR_BRIGADE_INSERT_TAIL(gateway->out, apr_bucket_transient_create(data, n, list));
    if (push == MP_PUSH_LAST || push == MP_PUSH_END)
        APR_BRIGADE_INSERT_TAIL(gateway->out, apr_bucket_eos_create(list));
    if (push == MP_PUSH_NOW || push == MP_PUSH_END || gateway->holds_flush)
        APR_BRIGADE_INSERT_TAIL(gateway->out, apr_bucket_flush_create(list));
    gateway->holds_flush = 0;
    return pass(gateway);
}

void mp_gateway_hold(mp_gateway *base, apr_size_t most)
{
    ((mp_request_gateway *)base)->holds = most;
}

static apr_status_t close_descriptor(void *file)
{
    apr_os_file_t fd;

    if (apr_os_file_get(&fd, file) == APR_SUCCESS)
        close(fd);
    return APR_SUCCESS;
}

/* A descriptor of the request's own, which lives until all is sent: the application may close its file before. */
static apr_status_t duplicate(mp_request_gateway *gateway, int fd, apr_file_t **file)
{
    apr_int32_t flags = APR_FOPEN_READ | (gateway->base.sends_files ? APR_FOPEN_SENDFILE_ENABLED : 0);
    apr_os_file_t own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    apr_status_t status;

    if (own < 0)
        return APR_FROM_OS_ERROR(errno);
    if ((status = apr_os_file_put(file, &own, flags, gateway->base.pool)) != APR_SUCCESS) {
        close(own);
        return status;
    }
    apr_pool_cleanup_register(gateway->base.pool, *file, close_descriptor, apr_pool_cleanup_null);
    return APR_SUCCESS;
}

apr_status_t mp_gateway_send_file(mp_gateway *base, int fd, apr_off_t offset, apr_off_t n)
{
    mp_request_gateway *gateway = (mp_request_gateway *)base;
    apr_file_t *file;
    apr_bucket *e;
    apr_status_t status;

    if (gateway->replaced)
        return APR_SUCCESS;
    if ((status = open_output(gateway)) != APR_SUCCESS || (status = duplicate(gateway, fd, &file)) != APR_SUCCESS)
        return status;
    apr_brigade_insert_file(gateway->out, file, offset, n, base->pool);
    for (e = APR_BRIGADE_FIRST(gateway->out); e != APR_BRIGADE_SENTINEL(gateway->out); e = APR_BUCKET_NEXT(e))
        if (APR_BUCKET_IS_FILE(e))
            apr_bucket_file_enable_mmap(e, 0);  /* the application may cut its file short: no SIGBUS */
    return pass(gateway);
}

/* As a proxy does whose backend went away: the chunk filter sees this bucket and sends no last chunk. */
void mp_gateway_cut(mp_gateway *base)
{
    mp_request_gateway *gateway = (mp_request_gateway *)base;
    request_rec *r = base->r;
    apr_bucket_alloc_t *list = r->connection->bucket_alloc;

    r->connection->keepalive = AP_CONN_CLOSE;
    if (gateway->replaced || open_output(gateway) != APR_SUCCESS)
        return;
    APR_BRIGADE_INSERT_TAIL(gateway->out, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, list));
    APR_BRIGADE_INSERT_TAIL(gateway->out, apr_bucket_eos_create(list));
    pass(gateway);
}
