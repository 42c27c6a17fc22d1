/* WSGIScriptAlias: from URLs to scripts. */
#ifndef MP_HOST_WSGI_MAP_H
#define MP_HOST_WSGI_MAP_H

#include "config/records.h"

/* Hook translate_name. */
int mp_wsgi_translate(request_rec *r);

/* The alias that mapped this request, or NULL. It is in the notes, so internal redirects to a file keep it. */
const mp_wsgi_alias *mp_wsgi_alias_of(const request_rec *r);

#endif
