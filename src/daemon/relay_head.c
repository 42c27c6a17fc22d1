/* From the CGI head of an answer to the calls of a gateway. */
#include "daemon/front.h"

#include "apr_lib.h"

static int fail(const mp_relay *relay, const char *what)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, relay->r,
                  "MP0437: the answer of group '%s' is no good: %s", relay->group->name,
                  what);
    return HTTP_INTERNAL_SERVER_ERROR;
}

int mp_relay_head(mp_relay *relay, char *text)
{
    apr_array_header_t *pairs = apr_array_make(relay->to->pool, 16, sizeof(mp_pair));
    const char *line = "200 OK";
    int status;

    while (*text) {
        char *end = strstr(text, "\r\n"), *colon = strchr(text, ':');
        mp_pair *pair;

        if (!end || !colon || colon > end || colon == text)
            return fail(relay, "a line of its head has no name and value");
        *end = *colon = '\0';
        colon += colon[1] == ' ' ? 2 : 1;       /* the process's blank; others are the application's */
        if (!strcmp(text, "Status"))
            line = colon;
        else {
            pair = apr_array_push(pairs);
            pair->name = text;
            pair->value = colon;
        }
        text = end + 2;
    }
    status = atoi(line);
    if (!apr_isdigit(line[0]) || !apr_isdigit(line[1]) || !apr_isdigit(line[2]) || apr_isdigit(line[3]) || status < 100)
        return fail(relay, "its status is no number of three digits");
    relay->to->calls->head(relay->to, status, line, pairs);
    return OK;
}
