#include "host/wsgi_dispatch.h"
#include "host/wsgi_access.h"

/* In a directive the embedded process group and the main interpreter have this name. */
static const char *as_written(const char *group)
{
    return *group ? group : "%{GLOBAL}";
}

int mp_wsgi_dispatch(request_rec *r, const mp_wsgi_conf *conf, mp_wsgi_choice *choice)
{
    mp_answer answer;

    if (!conf->dispatch)
        return OK;
    mp_wsgi_ask(r, MP_ASK_DISPATCH, "WSGIDispatchScript", conf->dispatch, NULL, NULL, choice->pass_authorization == 1,
                &answer);
    if (answer.verdict == MP_SAYS_FAILED)
        return HTTP_INTERNAL_SERVER_ERROR;
    if (answer.process_group)
        choice->process_group = as_written(answer.process_group);
    if (answer.application_group)
        choice->application_group = as_written(answer.application_group);
    if (answer.callable)
        choice->callable = answer.callable;
    return OK;
}
