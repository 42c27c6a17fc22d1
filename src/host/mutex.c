#include <unistd.h>

#include "host/mutex.h"

#include "apr_atomic.h"
#include "apr_global_mutex.h"
#include "apr_lib.h"
#include "apr_portable.h"
#include "unixd.h"
#include "util_mutex.h"

#define TYPE "mod_python"           /* in Mutex directives and names of files */
#define LOCKS "mod_python.mutex_locks"
#define DIRECTORY "mod_python.mutex_directory"
#define FEWEST 2                    /* lock 0, and one for all keys */
#define MANY 8                      /* by default not more than that */
#define MOST 4096

#if APR_HAS_SYSVSEM_SERIALIZE
#define MECHANISM APR_LOCK_SYSVSEM
#else
#define MECHANISM APR_LOCK_DEFAULT
#endif

/* Lives in httpd's process pool, over restarts and a new load of this library. */
typedef struct {
    apr_global_mutex_t **locks;
    int count;
    const char *made_from;          /* all settings that matter to them */
} lock_set;

static lock_set *kept;
static apr_uint32_t *holders;       /* a child's: for each lock that it holds its process id, else 0 */

apr_status_t mp_mutex_register(apr_pool_t *pconf)
{
    return ap_mutex_register(pconf, TYPE, NULL, MECHANISM, 0);
}

/* What the main server's PythonOption says, or NULL. */
static const char *option(server_rec *s, const char *key)
{
    const mp_dir_conf *conf = mp_dir_conf_of_server(s);
    const char *value = conf->options ? apr_table_get(conf->options, key) : NULL;

    return value && *value ? value : NULL;
}

/* -1: it is no number. */
static int parse_count(const char *text)
{
    apr_int64_t number;
    char *end;

    if (!apr_isdigit(*text))
        return -1;
    number = apr_strtoi64(text, &end, 10);
    return *end || number > MOST ? -1 : number < FEWEST ? FEWEST : (int)number;
}

/* NULL: it can't be a path. */
static const char *directory_of(server_rec *s, apr_pool_t *p)
{
    const char *text = option(s, DIRECTORY);

    return text ? ap_server_root_relative(p, text) : NULL;
}

const char *mp_mutex_check(server_rec *s, apr_pool_t *ptemp)
{
    const char *locks = option(s, LOCKS), *directory = option(s, DIRECTORY), *path = directory_of(s, ptemp);
    apr_finfo_t finfo;

    if (locks && parse_count(locks) < 0)
        return apr_psprintf(ptemp, "PythonOption " LOCKS " %s: the number of global locks is a number up to %d, e.g. "
                            "'PythonOption " LOCKS " 8'", locks, MOST);
    if (directory && (!path || (apr_stat(&finfo, path, APR_FINFO_TYPE, ptemp) == APR_SUCCESS &&
                                finfo.filetype != APR_DIR)))
        return apr_psprintf(ptemp, "PythonOption " DIRECTORY " %s: that is no directory; name the one for lock files, "
                            "e.g. 'PythonOption " DIRECTORY " /run/lock', or leave the line out", directory);
    return NULL;
}

static int ask_mpm(int code)
{
    int answer;

    return ap_mpm_query(code, &answer) == APR_SUCCESS ? answer : 0;
}

static int count_for(server_rec *s, int processes, int threads)
{
    const char *text = option(s, LOCKS);

    if (text)
        return parse_count(text);
    if (threads < 1)
        threads = 1;
    return processes >= MANY || threads >= MANY || processes * threads >= MANY ? MANY :
           processes * threads <= FEWEST ? FEWEST : processes * threads;
}

/* There the options would be without effect, and nobody would know. Sections can't be seen from here. */
static void warn_of_virtual_hosts(server_rec *main)
{
    static const char *const keys[] = {LOCKS, DIRECTORY};
    server_rec *s;
    size_t i;

    for (s = main->next; s; s = s->next)
        for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
            const char *outside = option(main, keys[i]), *inside = option(s, keys[i]);

            if (inside && (!outside || strcmp(inside, outside)))
                ap_log_error(APLOG_MARK, APLOG_WARNING, 0, main, "MP0063: PythonOption %s %s in the virtual host at "
                             "%s:%u has no effect: the global locks are those of all hosts; write it outside",
                             keys[i], inside, s->defn_name, s->defn_line_number);
        }
}

/* In words: what users should know of another mechanism than ours; NULL: nothing. */
static const char *weakness_of(apr_lockmech_e mechanism)
{
    switch (mechanism) {
    case APR_LOCK_PROC_PTHREAD:
        return "only the thread that took a lock can give it back, but the end of a request may come on another thread";
    case APR_LOCK_FCNTL:
        return "the system may see a deadlock where several threads of several processes wait, and refuse a lock";
    case APR_LOCK_POSIXSEM:
        return "a lock stays locked for ever if the process that holds it is killed";
    default:
        return NULL;
    }
}

static void announce(server_rec *s, int processes, int threads, const char *directory, apr_pool_t *ptemp)
{
    apr_global_mutex_t *lock = kept->locks[0];
    const char *mechanism = apr_global_mutex_name(lock), *file = apr_global_mutex_lockfile(lock);
    const char *weakness = weakness_of(apr_global_mutex_mech(lock));

    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "MP0060: %d global locks for up to %d processes with %d threads each; "
                 "mechanism %s; directory %s", kept->count, processes, threads, mechanism,
                 file ? ap_make_dirstr_parent(ptemp, file) : "not needed");
    if (weakness && (threads > 1 || apr_global_mutex_mech(lock) == APR_LOCK_POSIXSEM))
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, "MP0064: Mutex %s for " TYPE ": %s; write 'Mutex sysvsem " TYPE
                     "' or 'Mutex flock:/run/lock " TYPE "'", mechanism, weakness);
    if (directory && !file && !ap_is_directory(ptemp, directory))
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, "MP0062: PythonOption " DIRECTORY " %s: there is no such "
                     "directory; it is not needed, because the mechanism %s has no files", directory, mechanism);
}

/* Everything that the locks depend on. Mutex directives stand outside of sections. */
static const char *settings(int count, const char *directory, apr_pool_t *p)
{
    const char *text = apr_psprintf(p, "%d %ld %s", count, (long)ap_unixd_config.user_id, directory ? directory : "");
    const ap_directive_t *line;

    for (line = ap_conftree; line; line = line->next)
        if (!ap_cstr_casecmp(line->directive, "Mutex"))
            text = apr_pstrcat(p, text, "\n", line->args, NULL);
    return text;
}

/* httpd knows the mechanism, rights and messages; but not our directory. */
static apr_status_t create_one(apr_global_mutex_t **lock, int index, const char *directory, server_rec *s,
                               apr_pool_t *p)
{
    apr_status_t status = ap_global_mutex_create(lock, NULL, TYPE, apr_itoa(p, index), s, p, 0);
    apr_lockmech_e mechanism;
    char *file;

    if (status != APR_SUCCESS || !*lock)
        return status ? status : APR_ENOLOCK;
    if (!directory || !apr_global_mutex_lockfile(*lock))
        return APR_SUCCESS;
    mechanism = apr_global_mutex_mech(*lock);
    apr_global_mutex_destroy(*lock);
    file = apr_psprintf(p, "%s/" TYPE "-%d.%" APR_PID_T_FMT, directory, index, getpid());
    apr_file_remove(file, p);       /* a dead httpd with our process id left it */
    status = apr_global_mutex_create(lock, file, mechanism, p);
    return status ? status : ap_unixd_set_global_mutex_perms(*lock);
}

/* Old children may still use the old set: it stays until httpd ends. */
static apr_status_t create_set(int count, const char *directory, const char *made_from, server_rec *s)
{
    apr_pool_t *p;
    apr_global_mutex_t **locks;
    apr_status_t status;
    int i;

    apr_pool_create(&p, s->process->pool);
    apr_pool_tag(p, "mod_python_locks");
    locks = apr_pcalloc(p, count * sizeof(*locks));
    for (i = 0; i < count; i++)
        if ((status = create_one(&locks[i], i, directory, s, p)) != APR_SUCCESS) {
            apr_pool_destroy(p);
            ap_log_error(APLOG_MARK, APLOG_EMERG, status, s, "MP0061: global lock %d of %d can't be made%s%s; create "
                         "that directory, or choose another mechanism, e.g. 'Mutex sysvsem " TYPE "' or 'Mutex flock:"
                         "/run/lock " TYPE "'", i + 1, count, directory ? " in " : "", directory ? directory : "");
            return status;
        }
    kept->locks = locks;
    kept->count = count;
    kept->made_from = apr_pstrdup(p, made_from);
    return APR_SUCCESS;
}

apr_status_t mp_mutex_create(server_rec *s, apr_pool_t *ptemp)
{
    int processes = ask_mpm(AP_MPMQ_MAX_DAEMONS), threads = ask_mpm(AP_MPMQ_MAX_THREADS);
    int count = count_for(s, processes, threads);
    const char *directory = directory_of(s, ptemp), *made_from = settings(count, directory, ptemp);
    apr_status_t status = APR_SUCCESS;

    kept = ap_retained_data_get(TYPE "-locks");
    if (!kept)
        kept = ap_retained_data_create(TYPE "-locks", sizeof(*kept));
    if (!kept->locks || strcmp(kept->made_from, made_from))
        status = create_set(count, directory, made_from, s);
    if (status == APR_SUCCESS) {
        warn_of_virtual_hosts(s);
        announce(s, processes, threads, directory, ptemp);
    }
    return status;
}

/* flock's is opened anew by each process: who inherits it has the lock together with the others. */
int mp_mutex_has_descriptor(int fd)
{
    apr_os_global_mutex_t all;
    apr_os_proc_mutex_t own;
    int i;

    for (i = 0; i < kept->count; i++)
        if (apr_global_mutex_mech(kept->locks[i]) == APR_LOCK_FCNTL &&
            apr_os_global_mutex_get(&all, kept->locks[i]) == APR_SUCCESS &&
            apr_os_proc_mutex_get(&own, all.proc_mutex) == APR_SUCCESS && own.crossproc == fd)
            return 1;
    return 0;
}

void mp_mutex_join(server_rec *s)
{
    apr_status_t status;
    apr_pool_t *p;          /* never destroyed, so that no lock goes from under a thread that waits for it */
    int i;

    apr_pool_create_unmanaged_ex(&p, NULL, NULL);
    for (i = 0; i < kept->count; i++) {
        status = apr_global_mutex_child_init(&kept->locks[i], apr_global_mutex_lockfile(kept->locks[i]), p);
        if (status != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, status, s, "MP0065: this process can't use global lock %d (%s); see "
                         "that its user may open the lock's file", i, apr_global_mutex_name(kept->locks[i]));
            return;
        }
    }
    holders = apr_pcalloc(p, kept->count * sizeof(*holders));
}

int mp_mutex_count(void)
{
    return holders ? kept->count : 0;
}

apr_status_t mp_mutex_do(mp_mutex_op op, int index)
{
    apr_uint32_t us = (apr_uint32_t)getpid();       /* now: a handler may have forked, without its locks */
    apr_global_mutex_t *lock = kept->locks[index];
    apr_status_t status;

    /* A semaphore would count what nobody has: from then on two could have the lock. */
    if (op == MP_MUTEX_UNLOCK)
        return apr_atomic_cas32(&holders[index], 0, us) == us ? apr_global_mutex_unlock(lock) : EPERM;
    status = op == MP_MUTEX_LOCK ? apr_global_mutex_lock(lock) : apr_global_mutex_trylock(lock);
    if (status == APR_SUCCESS)
        apr_atomic_set32(&holders[index], us);
    return status;
}
