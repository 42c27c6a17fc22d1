/* Whether a request gets to a WSGI script at all. */
#ifndef MP_HOST_WSGI_ADMIT_H
#define MP_HOST_WSGI_ADMIT_H

#include "config/records.h"

/* Each: OK, or the HTTP status that answers (logged). */

/* The file is a script that may run here. */
int mp_wsgi_admit_script(request_rec *r, int is_aliased);

/* Path and body, of scripts and of handler scripts. */
int mp_wsgi_admit_request(request_rec *r, const mp_wsgi_conf *conf);

#endif
