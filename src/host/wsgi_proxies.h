/* What trusted proxies say about the client (WSGITrustedProxyHeaders, WSGITrustedProxies). */
#ifndef MP_HOST_WSGI_PROXIES_H
#define MP_HOST_WSGI_PROXIES_H

#include "config/records.h"

/* Works on `variables` (mp_pair), the variables for environ, before an application sees them: sets what a trusted proxy
 * says, takes out the headers that nobody may believe. *is_https: the scheme; *mount_point is set if a header says it.
 * Both are otherwise left alone. Request thread, no GIL. */
void mp_wsgi_proxies_apply(request_rec *r, const mp_wsgi_conf *conf, apr_array_header_t *variables, int *is_https,
                           const char **mount_point);

#endif
