#include "host/wsgi_bound.h"
#include "config/records.h"

#include <stdlib.h>

#define OPTION "mod_python.wsgi.max_interpreters"
#define USUAL 100
#define MOST 1000000
#define LONGEST 1024            /* of a name, in bytes */

/* -1: no number. */
static int read_bound(const server_rec *s)
{
    const apr_table_t *options = mp_dir_conf_of_server(s)->options;
    const char *text = options ? apr_table_get(options, OPTION) : NULL;

    if (!text)
        return USUAL;
    if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 7 || atoi(text) > MOST)
        return -1;
    return atoi(text);
}

const char *mp_wsgi_bound_check(const server_rec *s, apr_pool_t *ptemp)
{
    for (; s; s = s->next)
        if (read_bound(s) < 0)
            return apr_psprintf(ptemp, "PythonOption " OPTION " must be a whole number from 0 to %d, such as %d", MOST,
                                USUAL);
    return NULL;
}

int mp_wsgi_bound(request_rec *r, mp_wsgi_target *target)
{
    const char *name = target->interpreter;
    size_t n = strlen(name);

    target->by_client = 1;
    target->most_interpreters = read_bound(r->server);
    if (n <= LONGEST && target->most_interpreters)
        return OK;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0313: no interpreter '%.200s%s' is made: clients have a say in this "
                  "name, and %s", name, n > 200 ? "..." : "",
                  n > LONGEST ? "it is too long" : "PythonOption " OPTION " 0 allows no such interpreter");
    return HTTP_SERVICE_UNAVAILABLE;
}
