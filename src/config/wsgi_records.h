/* The records of config/wsgi.h: made and merged. */
#ifndef MP_CONFIG_WSGI_RECORDS_H
#define MP_CONFIG_WSGI_RECORDS_H

#include "config/wsgi.h"

void mp_wsgi_choice_init(mp_wsgi_choice *choice);       /* nothing said */
void mp_wsgi_conf_init(mp_wsgi_conf *conf);
void mp_wsgi_process_init(apr_pool_t *pconf, mp_wsgi_process *process);

/* `out` is a copy of `base`; what `add` says goes over it. */
void mp_wsgi_conf_merge(apr_pool_t *p, const mp_wsgi_conf *base, const mp_wsgi_conf *add, mp_wsgi_conf *out);

/* What httpd calls for each server. */
void *mp_server_conf_create(apr_pool_t *p, server_rec *s);
void *mp_server_conf_merge(apr_pool_t *p, void *base, void *add);
const mp_server_conf *mp_server_conf_get(const server_rec *s);

#endif
