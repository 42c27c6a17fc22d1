#ifndef MP_HOST_WSGI_DISPATCH_H
#define MP_HOST_WSGI_DISPATCH_H

#include "config/records.h"

/* WSGIDispatchScript, for the mapping: what the script says replaces what is in `choice`, in the same words as the
 * directives have. OK, or 500 if there is a script and it failed. */
int mp_wsgi_dispatch(request_rec *r, const mp_wsgi_conf *conf, mp_wsgi_choice *choice);

#endif
