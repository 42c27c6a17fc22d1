#include "daemon/scripts.h"

#include <pthread.h>
#include <sys/stat.h>

typedef struct {
    struct timespec time;       /* of the file; tv_nsec -1: not known yet */
    int is_loaded;
} script;

static struct {
    pthread_mutex_t lock;
    apr_hash_t *scripts;
    apr_pool_t *pool;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

void mp_scripts_start(apr_pool_t *p)
{
    seen.pool = p;
    seen.scripts = apr_hash_make(p);
}

/* Holding the lock. */
static script *find(const char *path)
{
    script *known = apr_hash_get(seen.scripts, path, APR_HASH_KEY_STRING);

    if (!known) {
        known = apr_pcalloc(seen.pool, sizeof(*known));
        known->time.tv_nsec = -1;
        apr_hash_set(seen.scripts, apr_pstrdup(seen.pool, path), APR_HASH_KEY_STRING, known);
    }
    return known;
}

int mp_scripts_changed(const char *path)
{
    script *known;
    struct stat info;
    int changed = 0;

    if (stat(path, &info) != 0)
        return 0;               /* the one who runs it says what is wrong */
    pthread_mutex_lock(&seen.lock);
    known = find(path);
    if (known->time.tv_nsec >= 0)
        changed = known->time.tv_sec != info.st_mtim.tv_sec || known->time.tv_nsec != info.st_mtim.tv_nsec;
    else
        known->time = info.st_mtim;
    pthread_mutex_unlock(&seen.lock);
    return changed;
}

/* Where the pair's texts end, or NULL. */
static const char *pair_end(const char *at, const char *end, const char **script)
{
    const char *stop = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;

    *script = stop ? stop + 1 : NULL;
    stop = stop && stop + 1 < end ? memchr(stop + 1, '\0', (size_t)(end - stop - 1)) : NULL;
    return stop ? stop + 1 : NULL;
}

void mp_scripts_note(mp_board *board, const char *interpreter, const char *script)
{
    size_t first = strlen(interpreter) + 1, second = strlen(script) + 1;
    const char *at, *next, *known, *end;

    pthread_mutex_lock(&seen.lock);
    find(script)->is_loaded = 1;
    end = board->loaded + board->loaded_length;
    for (at = board->loaded; (next = pair_end(at, end, &known)); at = next)
        if (!strcmp(at, interpreter) && !strcmp(known, script))
            break;
    if (!next && at + first + second <= board->loaded + MP_LOADED_ROOM) {
        memcpy((char *)at, interpreter, first);
        memcpy((char *)at + first, script, second);
        board->loaded_length += (uint32_t)(first + second);
    }
    pthread_mutex_unlock(&seen.lock);
}

void mp_scripts_preload(const mp_group *group, const char *loaded, size_t length, apr_array_header_t *preloads)
{
    const char *at, *next, *script;
    struct stat info;

    for (at = loaded; (next = pair_end(at, loaded + length, &script)); at = next) {
        mp_preload *preload;

        if (stat(script, &info) != 0 || !mp_scripts_trusted(group, script, seen.pool))
            continue;               /* it may be gone: a request for it will say so */
        preload = apr_array_push(preloads);
        memset(preload, 0, sizeof(*preload));
        preload->kind = MP_PRELOAD_SCRIPT;
        preload->name = script;
        preload->interpreter = at;
        preload->process_group = group->name;
        preload->server = group->server;
    }
}

int mp_scripts_trusted(const mp_group *group, const char *script, apr_pool_t *p)
{
    const char *paths[2] = {script, ap_make_dirstr_parent(p, script)};
    struct stat info;
    int i;

    if (group->script_user == MP_NOBODY && group->script_group == (gid_t)-1)
        return 1;
    for (i = 0; i < 2; i++) {
        if (stat(paths[i], &info) != 0 || (info.st_mode & S_IWOTH))
            return 0;
        if (group->script_user != MP_NOBODY && (info.st_uid != group->script_user || (info.st_mode & S_IWGRP)))
            return 0;
        if (group->script_group != (gid_t)-1 && info.st_gid != group->script_group)
            return 0;
    }
    return 1;
}

const char *mp_scripts_inside(const mp_group *group, const char *path)
{
    size_t length = group->chroot ? strlen(group->chroot) : 0;

    while (length && group->chroot[length - 1] == '/')
        length--;
    if (!length)
        return path;
    if (strncmp(path, group->chroot, length) || (path[length] && path[length] != '/'))
        return NULL;
    return path[length] ? path + length : "/";
}

int mp_scripts_are_loaded(const char *path)
{
    int is_loaded;

    pthread_mutex_lock(&seen.lock);
    is_loaded = find(path)->is_loaded;
    pthread_mutex_unlock(&seen.lock);
    return is_loaded;
}
