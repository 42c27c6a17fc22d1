/* Scripts that decide about a request: who may see it (WSGIAccessScript), who the user is (WSGIAuthUserScript, as the
 * provider `wsgi` of Basic and Digest) and to which groups he belongs (WSGIAuthGroupScript, as `Require wsgi-group`).
 *
 * Whatever goes wrong with a script refuses the request.
 */
#ifndef MP_HOST_WSGI_ACCESS_H
#define MP_HOST_WSGI_ACCESS_H

#include "../engine.h"

void mp_wsgi_access_register(apr_pool_t *p);

/* Whether a script decides about this request's access or user. */
int mp_wsgi_access_any(const request_rec *r);

/* Asks the script for which `directive` stands. `pass_authorization` is for MP_ASK_DISPATCH, whose environ is the
 * request's. Whatever fails was logged. */
void mp_wsgi_ask(request_rec *r, mp_question question, const char *directive, const mp_wsgi_script *script,
                 const char *first, const char *second, int pass_authorization, mp_answer *answer);

#endif
