/* Where an application runs: names of groups and of the callable, expanded for a request, and whether it may. */
#ifndef MP_HOST_WSGI_NAMES_H
#define MP_HOST_WSGI_NAMES_H

#include "host/engine.h"

/* The mount point: the URL's path without path info, slashes collapsed. */
const char *mp_wsgi_script_name(request_rec *r);

/* The value of a written name. *by_client becomes 1 if the client has a say in it, and stays as it is if not. NULL:
 * %{ENV:x} that is nowhere. */
const char *mp_wsgi_expand(request_rec *r, const char *name, int *by_client);

/* Sets groups, interpreter and callable of the target. What counts most comes first: what the dispatch script says
 * ("" is embedded, and main_interpreter), the options of the alias or handler script, directives. `dispatched` and
 * `options` may be NULL. OK, or the HTTP status that answers (logged). */
int mp_wsgi_choose(request_rec *r, const mp_wsgi_choice *dispatched, const mp_wsgi_choice *options,
                   mp_wsgi_target *target);

/* Sets application_group and interpreter of the target only: for scripts that decide about the request. `group` is as
 * written, NULL for main_interpreter. */
int mp_wsgi_choose_interpreter(request_rec *r, const char *group, mp_wsgi_target *target);

#endif
