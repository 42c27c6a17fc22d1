/* A question about a request that a script answers: WSGIAccessScript, WSGIAuthUserScript, WSGIAuthGroupScript and
 * WSGIDispatchScript. Plain C; asked on a request's thread, detached, in a child of httpd only.
 */
#ifndef MP_DECISION_H
#define MP_DECISION_H

#include "gateway.h"

typedef enum {
    MP_ASK_ACCESS,          /* allow_access(environ, host) */
    MP_ASK_PASSWORD,        /* check_password(environ, user, password) */
    MP_ASK_REALM_HASH,      /* get_realm_hash(environ, user, realm) */
    MP_ASK_GROUPS,          /* groups_for_user(environ, user) */
    MP_ASK_DISPATCH         /* process_group(environ), application_group(environ), callable_object(environ) */
} mp_question;

typedef struct {
    mp_question question;
    const char *directive;          /* for log lines */
    const mp_wsgi_target *target;   /* the script; its callable counts for nothing */
    const char *first, *second;     /* the function's arguments behind environ, or NULL */
} mp_decision;

typedef enum {
    MP_SAYS_FAILED,         /* logged; nothing may be allowed */
    MP_SAYS_NO,
    MP_SAYS_NOTHING,        /* None */
    MP_SAYS_YES
} mp_verdict;

/* Strings live in the gateway's pool; NULL: not said. */
typedef struct {
    mp_verdict verdict;
    const char *text;               /* the user's other name; the hash, in lower case */
    apr_array_header_t *groups;     /* const char * */
    const char *process_group, *application_group, *callable;
} mp_answer;

#endif
