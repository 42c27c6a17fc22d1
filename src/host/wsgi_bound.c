#include "host/wsgi_bound.h"
#include "config/records.h"

#include "apr_thread_mutex.h"

#include <stdlib.h>

#define OPTION "mod_python.wsgi.max_interpreters"
#define USUAL 100
#define MOST 1000000
#define LONGEST 1024            /* of a name, in bytes */

static struct {
    apr_pool_t *pool;
    apr_thread_mutex_t *lock;
    apr_hash_t *names;
} bound;

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

void mp_wsgi_bound_start(apr_pool_t *pchild)
{
    apr_pool_create(&bound.pool, pchild);
    bound.names = apr_hash_make(bound.pool);
    if (apr_thread_mutex_create(&bound.lock, APR_THREAD_MUTEX_DEFAULT, bound.pool) != APR_SUCCESS)
        bound.lock = NULL;
}

int mp_wsgi_bound(request_rec *r, const char *interpreter)
{
    int most = read_bound(r->server), fits;
    size_t n = strlen(interpreter);

    if (!bound.lock || apr_thread_mutex_lock(bound.lock) != APR_SUCCESS)
        return HTTP_SERVICE_UNAVAILABLE;
    fits = apr_hash_get(bound.names, interpreter, (apr_ssize_t)n) != NULL;
    if (!fits && n <= LONGEST && apr_hash_count(bound.names) < (unsigned)most) {
        const char *name = apr_pstrmemdup(bound.pool, interpreter, n);

        apr_hash_set(bound.names, name, (apr_ssize_t)n, name);
        fits = 1;
    }
    apr_thread_mutex_unlock(bound.lock);
    if (fits)
        return OK;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0313: no interpreter '%.200s%s' is made: clients have a say in this "
                  "name, and this process has %d such interpreters already, or the name is too long; choose the "
                  "application group by something that is not the client's, or raise PythonOption " OPTION,
                  interpreter, n > 200 ? "..." : "", most);
    return HTTP_SERVICE_UNAVAILABLE;
}
