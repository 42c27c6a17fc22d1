/* The C side of wsgi.py: what its WSGI application does, done by a handler of httpd's. */
#include "httpd.h"
#include "http_config.h"
#include "http_protocol.h"
#include "apr_strings.h"

#define HEADERS 20
#define BODY 65536
#define CHUNKS 16

static int put_number(request_rec *r, long number)
{
    ap_set_content_type(r, "text/plain");
    ap_rputs(apr_ltoa(r->pool, number), r);
    return OK;
}

static int hello(request_rec *r)
{
    ap_set_content_type(r, "text/plain");
    ap_rputs("Hello, world\n", r);
    return OK;
}

static int headers(request_rec *r)
{
    long length = 0;
    int i;

    for (i = 0; i < HEADERS; i++) {
        const char *value = apr_table_get(r->headers_in, apr_psprintf(r->pool, "X-Header-%d", i));

        length += value ? (long)strlen(value) : 0;
    }
    return put_number(r, length);
}

static int post(request_rec *r)
{
    char *body = apr_palloc(r->pool, BODY);
    long n, length = 0;
    int status = ap_setup_client_block(r, REQUEST_CHUNKED_ERROR);

    if (status != OK)
        return status;
    while (length < BODY && (n = ap_get_client_block(r, body + length, BODY - length)) > 0)
        length += n;
    return put_number(r, length);
}

static int chunks(request_rec *r)
{
    static char chunk[BODY];
    int i;

    memset(chunk, 'x', sizeof(chunk));
    ap_set_content_type(r, "text/plain");
    for (i = 0; i < CHUNKS; i++) {
        ap_rwrite(chunk, sizeof(chunk), r);
        ap_rflush(r);
    }
    return OK;
}

static int handler(request_rec *r)
{
    if (!r->handler || strcmp(r->handler, "wsgi-like") || !r->path_info)
        return DECLINED;
    if (!strcmp(r->path_info, "/hello"))
        return hello(r);
    if (!strcmp(r->path_info, "/headers"))
        return headers(r);
    if (!strcmp(r->path_info, "/post"))
        return post(r);
    if (!strcmp(r->path_info, "/chunks"))
        return chunks(r);
    return HTTP_NOT_FOUND;
}

static void hooks(apr_pool_t *p)
{
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(wsgi_like) = { STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks };
