#include "daemon/scripts.h"

#include <pthread.h>
#include <sys/stat.h>

static struct {
    pthread_mutex_t lock;
    apr_hash_t *times;
    apr_pool_t *pool;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

void mp_scripts_start(apr_pool_t *p)
{
    seen.pool = p;
    seen.times = apr_hash_make(p);
}

int mp_scripts_changed(const char *path)
{
    struct timespec *known;
    struct stat info;
    int changed = 0;

    if (stat(path, &info) != 0)
        return 0;               /* the one who runs it says what is wrong */
    pthread_mutex_lock(&seen.lock);
    known = apr_hash_get(seen.times, path, APR_HASH_KEY_STRING);
    if (known)
        changed = known->tv_sec != info.st_mtim.tv_sec || known->tv_nsec != info.st_mtim.tv_nsec;
    else
        apr_hash_set(seen.times, apr_pstrdup(seen.pool, path), APR_HASH_KEY_STRING,
                     apr_pmemdup(seen.pool, &info.st_mtim, sizeof(info.st_mtim)));
    pthread_mutex_unlock(&seen.lock);
    return changed;
}
