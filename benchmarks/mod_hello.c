/* The C side of hello.py: the same answer as its Python handlers give, queued and flushed. */
#include "httpd.h"
#include "http_config.h"
#include "http_protocol.h"

static int handler(request_rec *r)
{
    int flushed = !strcmp(r->handler, "hello-flushed");

    if (!flushed && strcmp(r->handler, "hello"))
        return DECLINED;
    ap_set_content_type(r, "text/plain");
    ap_rputs("Hello, world\n", r);
    if (flushed)
        ap_rflush(r);
    return OK;
}

static void hooks(apr_pool_t *p)
{
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(hello) = { STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks };
