/* The body of a request, as httpd's input filters give it: without the chunked coding, inflated if so configured.
 *
 * httpd answers `Expect: 100-continue` when its filters are first asked, so nothing here reads before the application
 * does.
 */
#include "host/gateway.h"

void mp_gateway_open_input(mp_request_gateway *gateway)
{
    const request_rec *r = gateway->base.r;
    int is_measured = !r->read_chunked && apr_table_get(r->headers_in, "Content-Length");

    gateway->base.body_length = is_measured ? r->remaining : -1;
}

static void fail(mp_request_gateway *gateway, apr_status_t error)
{
    request_rec *r = gateway->base.r;
    int status = ap_map_http_request_error(error, HTTP_BAD_REQUEST);

    if (APR_STATUS_IS_TIMEUP(error))
        status = HTTP_REQUEST_TIME_OUT;
    gateway->read_error = error;
    gateway->base.read_status = ap_is_HTTP_ERROR(status) ? status : HTTP_BAD_REQUEST;
    apr_brigade_cleanup(gateway->in);
    r->connection->keepalive = AP_CONN_CLOSE;   /* nobody knows where the next request begins */
}

/* Asks httpd for at most n bytes. */
static void fetch(mp_request_gateway *gateway, apr_size_t n)
{
    request_rec *r = gateway->base.r;
    int was_complete = r->eos_sent;
    apr_status_t status = ap_get_brigade(r->input_filters, gateway->in, AP_MODE_READBYTES, APR_BLOCK_READ,
                                         (apr_off_t)(n > APR_INT32_MAX ? APR_INT32_MAX : n));

    if (status == APR_SUCCESS && APR_BRIGADE_EMPTY(gateway->in))
        status = APR_EOF;               /* blocking reads bring something, or there is nothing left */
    if (status == APR_SUCCESS && r->eos_sent && !was_complete)
        status = AP_FILTER_ERROR;       /* httpd refused the body, and answered in our place */
    if (status != APR_SUCCESS)
        fail(gateway, status);
}

/* What is left was fetched for this call only; filters may reuse its memory at the next one. */
static void set_aside(mp_request_gateway *gateway)
{
    apr_bucket *e = APR_BRIGADE_FIRST(gateway->in);

    for (; e != APR_BRIGADE_SENTINEL(gateway->in); e = APR_BUCKET_NEXT(e)) {
        apr_status_t status = APR_BUCKET_IS_METADATA(e) ? APR_SUCCESS : apr_bucket_setaside(e, gateway->base.pool);

        if (status != APR_SUCCESS && status != APR_ENOTIMPL) {
            fail(gateway, status);
            return;
        }
    }
}

/* The first bucket with data; NULL: none is there. */
static apr_bucket *first_data(mp_request_gateway *gateway)
{
    while (!APR_BRIGADE_EMPTY(gateway->in)) {
        apr_bucket *e = APR_BRIGADE_FIRST(gateway->in);

        if (APR_BUCKET_IS_EOS(e)) {
            gateway->read_ended = 1;
            apr_brigade_cleanup(gateway->in);
            return NULL;
        }
        if (!APR_BUCKET_IS_METADATA(e))
            return e;
        apr_bucket_delete(e);
    }
    return NULL;
}

/* Moves what the brigade has, at most n bytes. */
static apr_size_t take(mp_request_gateway *gateway, char *to, apr_size_t n)
{
    apr_size_t got = 0;
    apr_bucket *e;

    while (got < n && (e = first_data(gateway))) {
        const char *data;
        apr_size_t length;
        apr_status_t status = apr_bucket_read(e, &data, &length, APR_BLOCK_READ);

        if (status != APR_SUCCESS) {
            fail(gateway, status);
            break;
        }
        if (length > n - got) {
            length = n - got;
            apr_bucket_split(e, length);
        }
        memcpy(to + got, data, length);
        apr_bucket_delete(e);
        got += length;
    }
    return got;
}

apr_status_t mp_gateway_read(mp_gateway *base, char *to, apr_size_t *n)
{
    mp_request_gateway *gateway = (mp_request_gateway *)base;
    apr_size_t wanted = *n, got = 0;

    *n = 0;
    if (!gateway->in)
        gateway->in = apr_brigade_create(base->pool, base->r->connection->bucket_alloc);
    while (got == 0 && wanted > 0 && !gateway->read_ended && !gateway->read_error) {
        got = take(gateway, to, wanted);
        if (got == 0 && !gateway->read_ended && !gateway->read_error)
            fetch(gateway, wanted);
    }
    if (gateway->read_error)
        return gateway->read_error;
    if (!APR_BRIGADE_EMPTY(gateway->in))
        set_aside(gateway);
    *n = got;
    return APR_SUCCESS;
}
