#include "daemon/daemon.h"
#include "daemon/board.h"
#include "daemon/sockets.h"
#include "daemon/supervisor.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scoreboard.h"

#define RETAINED "mod_python-daemon"
#define SOON 5000000            /* microseconds: a supervisor that lives shorter makes the next one wait */

typedef struct {
    pid_t pid;
    int generation;
    char *directory;            /* of its sockets; NULL: there was no memory */
} old_one;

/* Over restarts, and a new load of this library: supervisors that may still be there. Of malloc's memory. */
typedef struct {
    int generation;
    old_one *all;
    int count, room;
} old_ones;

/* This generation's; in the parent. */
static struct {
    old_ones *old;
    mp_supervision *supervision;
    apr_pool_t *pconf;
    pid_t parent;               /* our own process id */
    pid_t pid;                  /* the supervisor's */
    int64_t started;
    int wire;                   /* our end of the socket pair */
    int children;               /* the write end of the pipe */
    int is_over;
} here;

static void forget(pid_t pid)
{
    int i;

    for (i = 0; i < here.old->count; i++)
        if (here.old->all[i].pid == pid) {
            free(here.old->all[i].directory);
            here.old->all[i--] = here.old->all[--here.old->count];
        }
}

static void remember(pid_t pid)
{
    if (here.old->count == here.old->room) {
        old_one *more = realloc(here.old->all, (here.old->room + 16) * sizeof(old_one));

        if (!more)
            return;
        here.old->all = more;
        here.old->room += 16;
    }
    here.old->all[here.old->count++] = (old_one){pid, here.supervision->generation,
                                                  strdup(here.supervision->directory)};
}

/* It may have been killed, or have ended before it was told that its generation is over. */
static void remove_sockets_of(pid_t pid)
{
    int i;

    for (i = 0; i < here.old->count; i++)
        if (here.old->all[i].pid == pid && here.old->all[i].directory)
            mp_sockets_remove(here.old->all[i].directory, here.old->all[i].generation, here.pconf);
}

static void on_event(int reason, void *data, int status);

static void watch(pid_t pid)
{
    apr_proc_t *process = apr_pcalloc(here.pconf, sizeof(*process));

    process->pid = pid;
    apr_proc_other_child_register(process, on_event, process, NULL, here.pconf);
}

/* Not in a pool: descriptors of a supervisor that is to be followed by another one go with it. */
static apr_status_t fork_supervisor(void)
{
    sigset_t all, before;
    int ends[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return errno;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);    /* httpd's handlers are not for the supervisor */
    pid = fork();
    if (pid != 0)
        sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        close(ends[0]);
        close(ends[1]);
        return errno;
    }
    if (pid == 0) {
        here.supervision->parent = ends[1];
        close(ends[0]);
        close(here.children);
        mp_supervisor_run(here.supervision);
    }
    close(ends[1]);
    here.wire = ends[0];
    here.pid = pid;
    here.started = mp_clock();
    remember(pid);
    watch(pid);
    return APR_SUCCESS;
}

static int is_stopping(void)
{
    int state;

    return here.is_over || (ap_mpm_query(AP_MPMQ_MPM_STATE, &state) == APR_SUCCESS && state == AP_MPMQ_STOPPING);
}

static void replace_supervisor(int status)
{
    apr_status_t rv;

    close(here.wire);
    here.supervision->deaths = mp_clock() - here.started < SOON ? here.supervision->deaths + 1 : 0;
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, here.supervision->server,
                 "MP0408: the supervisor of the process groups (pid "
                 "%" APR_PID_T_FMT ") has died, status %d; a new one starts with new processes", here.pid, status);
    if ((rv = fork_supervisor()) != APR_SUCCESS)
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, here.supervision->server, "MP0409: the supervisor of the process "
                     "groups can't be started; requests to them are answered with 503 until httpd is restarted");
}

static void say(char word)
{
    if (write(here.wire, &word, 1) < 0) {
        ;                               /* it is dead, and the next one is not needed */
    }
}

static void on_event(int reason, void *data, int status)
{
    apr_proc_t *process = data;
    pid_t pid = process->pid;

    switch (reason) {
    case APR_OC_REASON_DEATH:
    case APR_OC_REASON_LOST:
        apr_proc_other_child_unregister(process);
        if (pid == here.pid && !is_stopping()) {
            forget(pid);
            replace_supervisor(status);
        }
        else {
            remove_sockets_of(pid);
            forget(pid);
        }
        break;
    case APR_OC_REASON_RESTART:         /* httpd ends its children, so as to stop or to start anew */
        here.is_over = 1;
        if (pid == here.pid)
            say(MP_WORD_STOP);
        kill(pid, SIGTERM);
        break;
    }
}

/* How long a supervisor may take to end its processes; 0: as long as it likes. */
static int64_t longest_shutdown(void)
{
    const apr_array_header_t *groups = here.supervision->groups;
    int64_t longest = 0;
    int i;

    for (i = 0; i < groups->nelts; i++) {
        const mp_group *group = APR_ARRAY_IDX(groups, i, mp_group *);

        if (!group->shutdown_timeout)
            return 0;
        longest = group->shutdown_timeout > longest ? group->shutdown_timeout : longest;
    }
    return longest;
}

static void wait_for_all(void)
{
    int64_t longest = longest_shutdown(), limit = mp_clock() + longest + 3000000;
    int i;

    for (i = 0; i < here.old->count; i++)
        kill(here.old->all[i].pid, SIGTERM);
    while (here.old->count) {
        pid_t pid = here.old->all[0].pid;

        if (waitpid(pid, NULL, WNOHANG) != 0) {
            forget(pid);
            continue;
        }
        if (longest && mp_clock() > limit) {
            kill(pid, SIGKILL);
            limit += 1000000;
        }
        usleep(5000);
    }
    free(here.old->all);
    memset(here.old, 0, sizeof(*here.old));
}

/* Of pconf, in the parent: the generation is over. */
static apr_status_t end_generation(void *unused)
{
    const mp_supervision *supervision = here.supervision;
    int i;

    if (getpid() != here.parent)
        return APR_SUCCESS;
    here.is_over = 1;
    say(MP_WORD_OVER);
    close(here.children);
    close(supervision->children);
    close(here.wire);
    for (i = 0; i < supervision->groups->nelts; i++) {
        mp_group *group = APR_ARRAY_IDX(supervision->groups, i, mp_group *);

        close(supervision->listeners[i]);
        memset(group->secret, 0, sizeof(group->secret));        /* what is forked later does not find it */
    }
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_EXITING) {
        wait_for_all();
        mp_sockets_remove(supervision->directory, 0, here.pconf);
        mp_sockets_drop_public();
    }
    return APR_SUCCESS;
}

static apr_status_t make_secret(mp_group *group, apr_pool_t *p)
{
    unsigned char bytes[32];
    apr_status_t rv = apr_generate_random_bytes(bytes, sizeof(bytes));

    ap_bin2hex(bytes, sizeof(bytes), group->secret);
    memset(bytes, 0, sizeof(bytes));
    return rv;
}

static apr_status_t make_sockets(mp_supervision *supervision, apr_pool_t *pconf)
{
    int i;

    for (i = 0; i < supervision->groups->nelts; i++) {
        mp_group *group = APR_ARRAY_IDX(supervision->groups, i, mp_group *);

        supervision->listeners[i] = mp_sockets_listen(group, supervision->directory, supervision->generation, pconf);
        supervision->public_listeners[i] = mp_sockets_listen_public(group, pconf);
        if (supervision->listeners[i] < 0 || supervision->public_listeners[i] == -2)
            return APR_EGENERAL;
        if (make_secret(group, pconf) != APR_SUCCESS)
            return APR_EGENERAL;
    }
    mp_sockets_drop_public();
    return APR_SUCCESS;
}

/* Where httpd makes it, in pre_mpm, it is too late for processes that shall see it; there it is only zeroed then. */
static void make_scoreboard(const apr_array_header_t *groups, server_rec *s)
{
    int i;

    for (i = 0; i < groups->nelts && !ap_exists_scoreboard_image(); i++)
        if (APR_ARRAY_IDX(groups, i, mp_group *)->server_metrics)
            ap_create_scoreboard(s->process->pool, SB_SHARED);
}

apr_status_t mp_daemon_start(apr_pool_t *pconf, server_rec *s)
{
    const mp_process *process = mp_process_get();
    mp_supervision *supervision;
    apr_status_t rv;
    int ends[2], i;

    memset(&here, 0, sizeof(here));
    here.old = ap_retained_data_get(RETAINED);
    if (!here.old)
        here.old = ap_retained_data_create(RETAINED, sizeof(*here.old));
    here.pconf = pconf;
    here.parent = getpid();
    for (i = 0; i < here.old->count; i++)
        watch(here.old->all[i].pid);
    if (!process->groups->nelts) {
        mp_sockets_drop_public();
        return APR_SUCCESS;
    }

    here.supervision = supervision = apr_pcalloc(pconf, sizeof(*supervision));
    supervision->server = s;
    supervision->groups = process->groups;
    supervision->generation = ++here.old->generation;
    supervision->listeners = apr_pcalloc(pconf, process->groups->nelts * sizeof(int));
    supervision->public_listeners = apr_pcalloc(pconf, process->groups->nelts * sizeof(int));
    if (!(supervision->directory = mp_sockets_directory(process, s, pconf)))
        return APR_EGENERAL;
    if ((rv = make_sockets(supervision, pconf)) != APR_SUCCESS)
        return rv;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    supervision->children = ends[0];
    here.children = ends[1];
    make_scoreboard(process->groups, s);
    rv = fork_supervisor();
    if (rv != APR_SUCCESS)
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s, "MP0409: the supervisor of the process groups can't be started");
    else
        apr_pool_cleanup_register(pconf, NULL, end_generation, apr_pool_cleanup_null);
    return rv;
}

/* What an application forks in a child is none of the generation: it may live much longer. */
static void leave_in_fork(void)
{
    if (here.children >= 0)
        close(here.children);
    here.children = -1;
}

void mp_daemon_child_init(void)
{
    int i;

    if (!here.supervision || getpid() == here.parent)
        return;
    close(here.wire);
    close(here.supervision->children);
    for (i = 0; i < here.supervision->groups->nelts; i++) {
        close(here.supervision->listeners[i]);
        if (here.supervision->public_listeners[i] >= 0)
            close(here.supervision->public_listeners[i]);
    }
    pthread_atfork(NULL, NULL, leave_in_fork);
}
