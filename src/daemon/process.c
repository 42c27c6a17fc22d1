#include "daemon/process.h"
#include "daemon/words.h"
#include "host/mutex.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "mpm_common.h"
#include "scoreboard.h"

int mp_process_log_of(const server_rec *s)
{
    apr_os_file_t fd;

    return s->error_log && apr_os_file_get(&fd, s->error_log) == APR_SUCCESS ? fd : -1;
}

static int is_kept(int fd, const int *keep, int kept)
{
    while (kept-- > 0)
        if (keep[kept] == fd)
            return 1;
    return fd <= 2 || mp_mutex_has_descriptor(fd);
}

/* What ErrorLog says, or NULL. glibc has one connection for all servers: what httpd has opened last holds. */
static const char *syslog_of(const server_rec *main_server)
{
    const server_rec *s, *before;
    const char *found = NULL;

    for (s = main_server; s; s = s->next) {
        if (s->error_log || !s->error_fname || ap_cstr_casecmpn(s->error_fname, "syslog", 6))
            continue;
        for (before = main_server; before != s; before = before->next)
            if (before->error_fname && !strcmp(before->error_fname, s->error_fname))
                break;              /* opened with that one */
        if (before == s)
            found = s->error_fname;
    }
    return found;
}

/* syslog[:[FACILITY][:TAG]] */
static void open_syslog(const char *text)
{
    static const struct {
        const char *name;
        int number;
    } all[] = {
        {"auth", LOG_AUTH}, {"authpriv", LOG_AUTHPRIV}, {"cron", LOG_CRON}, {"daemon", LOG_DAEMON}, {"ftp", LOG_FTP},
        {"kern", LOG_KERN}, {"lpr", LOG_LPR}, {"mail", LOG_MAIL}, {"news", LOG_NEWS}, {"syslog", LOG_SYSLOG},
        {"user", LOG_USER}, {"uucp", LOG_UUCP}, {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2},
        {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4}, {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6},
        {"local7", LOG_LOCAL7}
    };
    const char *name = strchr(text, ':'), *tag = name ? strchr(++name, ':') : NULL;
    size_t length = tag ? (size_t)(tag - name) : name ? strlen(name) : 0, i;
    int facility = length ? LOG_USER : LOG_LOCAL7;

    for (i = 0; length && i < sizeof(all) / sizeof(all[0]); i++)
        if (strlen(all[i].name) == length && !ap_cstr_casecmpn(name, all[i].name, length))
            facility = all[i].number;
    openlog(tag && tag[1] ? tag + 1 : ap_server_argv0, LOG_NDELAY | LOG_CONS | LOG_PID, facility);
}

static void close_others(const int *keep, int kept)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    int fd, most;

    if (directory) {
        /* Closing while reading may skip entries, so those found are closed after each pass. */
        int found[256], n;

        do {
            rewinddir(directory);
            for (n = 0; n < 256 && (entry = readdir(directory));) {
                fd = atoi(entry->d_name);
                if (*entry->d_name != '.' && fd != dirfd(directory) && !is_kept(fd, keep, kept))
                    found[n++] = fd;
            }
            for (fd = 0; fd < n; fd++)
                close(found[fd]);
        } while (n == 256);
        closedir(directory);
        return;
    }
    most = (int)sysconf(_SC_OPEN_MAX);
    for (fd = 3; fd < most; fd++)
        if (!is_kept(fd, keep, kept))
            close(fd);
}

/* glibc would go on writing to the number of syslog's descriptor, whatever that is by then: so it closes it itself. */
void mp_process_close_others(const int *keep, int kept, const server_rec *main_server)
{
    const char *text = syslog_of(main_server);

    closelog();
    close_others(keep, kept);
    if (text)
        open_syslog(text);
}

__attribute__((noreturn)) static void refuse(const mp_group *group, const char *step)
{
    ap_log_error(APLOG_MARK, APLOG_CRIT, errno, group->server,
                 "MP0401: a process of group '%s' can't %s; it ends here, "
                 "and is tried again later", group->name, step);
    _exit(MP_EXIT_UNFIT);
}

/* ps shows the words that httpd was started with; they lie in memory one after the other, and there is no more room. */
static void set_title(const char *title, const process_rec *process)
{
    char *first = (char *)process->argv[0];
    size_t room = strlen(first);
    int i;

    prctl(PR_SET_NAME, title, 0, 0, 0);
    for (i = 1; i < process->argc && process->argv[i] == first + room + 1; i++)
        room += 1 + strlen(process->argv[i]);
    memset(first, 0, room);
    memcpy(first, title, strlen(title) < room ? strlen(title) : room);
}

/* Supplementary groups. */
typedef struct {
    gid_t *ids;
    int count;
} gid_set;

static int is_among(gid_t id, const gid_t *ids, int count)
{
    while (count-- > 0)
        if (ids[count] == id)
            return 1;
    return 0;
}

static int has_exactly(const gid_set *wanted)
{
    int count = getgroups(0, NULL), i, is_right;
    gid_t *ids = calloc(count < 0 ? 1 : (size_t)count + 1, sizeof(gid_t));

    is_right = ids && count >= 0 && getgroups(count, ids) == count;
    for (i = 0; is_right && i < count; i++)
        is_right = is_among(ids[i], wanted->ids, wanted->count);
    for (i = 0; is_right && i < wanted->count; i++)
        is_right = is_among(wanted->ids[i], ids, count);
    free(ids);
    return is_right;
}

static int is_dropped(const mp_group *group, const gid_set *groups)
{
    uid_t real_user, effective_user, saved_user;
    gid_t real_group, effective_group, saved_group;

    return getresuid(&real_user, &effective_user, &saved_user) == 0 &&
           getresgid(&real_group, &effective_group, &saved_group) == 0 &&
           real_user == group->uid && effective_user == group->uid && saved_user == group->uid &&
           real_group == group->gid && effective_group == group->gid && saved_group == group->gid &&
           has_exactly(groups) && setuid(0) != 0 && seteuid(0) != 0 && setgid(0) != 0;
}

static gid_set find_groups(const mp_group *group)
{
    gid_set found = {NULL, 16};
    int room = 0;

    if (group->groups)
        return (gid_set){(gid_t *)group->groups->elts, group->groups->nelts};
    if (!group->user_name)
        return (gid_set){(gid_t *)&group->gid, 1};
    do {
        if (found.count <= room)
            refuse(group, "find the groups of its user");
        room = found.count;
        free(found.ids);
        if (!(found.ids = calloc((size_t)room, sizeof(gid_t))))
            refuse(group, "find the groups of its user");
    } while (getgrouplist(group->user_name, group->gid, found.ids, &found.count) < 0);
    return found;
}

static void drop_privileges(const mp_group *group)
{
    gid_set groups;

    if (geteuid() != 0) {
        errno = EPERM;
        if (group->chroot)
            refuse(group, "change its root, because httpd was not started as root");
        return;
    }
    groups = find_groups(group);        /* from this root: files in the other one may be anybody's */
    if (group->chroot) {
        /* The engine is outside of it; what is loaded now is found by its name later. */
        if (!dlopen(group->engine, RTLD_NOW | RTLD_GLOBAL))
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, group->server,
                         "MP0402: the engine for group '%s' can't be loaded: %s",
                         group->name, dlerror());
        if (chroot(group->chroot) != 0 || chdir("/") != 0)
            refuse(group, apr_psprintf(group->server->process->pool, "change its root to %s", group->chroot));
    }
    if (setgid(group->gid) != 0)
        refuse(group, "become its group");
    if (setgroups((size_t)groups.count, groups.ids) != 0)
        refuse(group, "take its supplementary groups");
    if (setuid(group->uid) != 0)
        refuse(group, "become its user");
    errno = 0;
    if (!is_dropped(group, &groups))
        refuse(group, "give up all rights of root");
}

static void limit(const mp_group *group, int what, apr_int64_t soft, apr_int64_t hard, const char *option)
{
    struct rlimit limits = {(rlim_t)soft, (rlim_t)hard};

    if (soft && setrlimit(what, &limits) != 0)
        ap_log_error(APLOG_MARK, APLOG_WARNING, errno, group->server,
                     "MP0403: WSGIDaemonProcess %s: %s=%" APR_INT64_T_FMT
                     " can't be set; the processes run without it", group->name, option, soft);
}

static void set_limits(const mp_group *group)
{
    apr_int64_t cpu = group->cpu_time_limit;

    limit(group, RLIMIT_CPU, cpu, cpu + 1 + apr_time_sec(group->shutdown_timeout), "cpu-time-limit");
    limit(group, RLIMIT_DATA, group->memory_limit, group->memory_limit, "memory-limit");
    limit(group, RLIMIT_AS, group->virtual_memory_limit, group->virtual_memory_limit, "virtual-memory-limit");
}

static void set_environment(const mp_group *group)
{
    static const char *const names[] = {"USER", "LOGNAME", "USERNAME"};
    size_t i;

    if (group->user_home)
        setenv("HOME", group->user_home, 1);
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (group->user_name && getenv(names[i]))
            setenv(names[i], group->user_name, 1);
    if (group->lang)
        setenv("LANG", group->lang, 1);
    if (group->locale) {
        setenv("LC_ALL", group->locale, 1);
        if (!setlocale(LC_ALL, group->locale))
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, group->server,
                         "MP0404: WSGIDaemonProcess %s: there is no locale "
                         "'%s'; `locale -a` lists those that are installed", group->name, group->locale);
    }
    if (group->python_eggs)
        setenv("PYTHON_EGG_CACHE", group->python_eggs, 1);
}

/* All servers log where the group's server does: the other logs are closed here. */
static void settle_logs(const mp_group *group, server_rec *main_server)
{
    int log = mp_process_log_of(group->server);
    server_rec *s;

    for (s = main_server; s; s = s->next)
        s->error_log = group->server->error_log;        /* NULL: syslog */
    if (log >= 0) {
        dup2(log, 1);
        dup2(log, 2);       /* which it is already, if it is the main server's */
    }
}

/* All clients' requests are in httpd's scoreboard, and its parent believes what is there: server-metrics= is to read
 * only. It is a mapping of its own under every MPM that forks. */
static void settle_scoreboard(const mp_group *group)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start;
    size_t size;

    if (!ap_exists_scoreboard_image())
        return;
    start = (uintptr_t)ap_scoreboard_image->global & ~(page - 1);
    size = (uintptr_t)ap_scoreboard_image->global - start + (size_t)ap_calc_scoreboard_size();
    if (group->server_metrics)
        mprotect((void *)start, size, PROT_READ);
    else {
        munmap((void *)start, size);
        ap_scoreboard_image = NULL;
    }
}

void mp_process_become(const mp_group *group, server_rec *main_server, const int *keep, int kept)
{
    const apr_array_header_t *groups = mp_process_get()->groups;
    int i, *all = apr_pcalloc(group->server->process->pool, (kept + 1) * sizeof(int));

    setpgid(0, 0);      /* signals to httpd's group are not meant for it: the supervisor says what is to be done */
    settle_logs(group, main_server);
    memcpy(all, keep, kept * sizeof(int));
    all[kept] = mp_process_log_of(group->server);
    mp_process_close_others(all, kept + 1, main_server);
    for (i = 0; i < groups->nelts; i++) {
        mp_group *other = APR_ARRAY_IDX(groups, i, mp_group *);

        if (other != group)
            memset(other->secret, 0, sizeof(other->secret));
    }
    settle_scoreboard(group);
    if (group->title)
        set_title(strcmp(group->title, "%{GROUP}") ? group->title
                  : apr_psprintf(group->server->process->pool, "(wsgi:%s)", group->name), main_server->process);
    if (group->has_cpu_priority && setpriority(PRIO_PROCESS, 0, group->cpu_priority) != 0)
        ap_log_error(APLOG_MARK, APLOG_WARNING, errno, group->server, "MP0403: WSGIDaemonProcess %s: cpu-priority=%d "
                     "can't be set; the processes run without it", group->name, group->cpu_priority);
    drop_privileges(group);
    if (group->home && chdir(group->home) != 0)
        refuse(group, apr_psprintf(group->server->process->pool, "enter its home %s", group->home));
    if (group->umask >= 0)
        umask((mode_t)group->umask);
    if (ap_coredumpdir_configured)
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    set_limits(group);
    set_environment(group);
}
