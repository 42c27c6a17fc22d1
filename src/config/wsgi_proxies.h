/* WSGITrustedProxyHeaders and WSGITrustedProxies. */
#ifndef MP_CONFIG_WSGI_PROXIES_H
#define MP_CONFIG_WSGI_PROXIES_H

#include "config/wsgi.h"

const char *mp_wsgi_add_trusted_header(cmd_parms *cmd, void *conf, const char *name);
const char *mp_wsgi_add_trusted_proxy(cmd_parms *cmd, void *conf, const char *network);

/* In check_config: warns of headers that are believed whoever sends them. */
void mp_wsgi_proxies_check(server_rec *s);

#endif
