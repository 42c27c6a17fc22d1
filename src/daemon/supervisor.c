#include "daemon/supervisor.h"
#include "daemon/member.h"
#include "daemon/process.h"
#include "daemon/timeouts.h"
#include "daemon/words.h"
#include "daemon/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STILL 500000            /* microseconds that a look may be late on a busy machine */
#define TICK 1000000            /* microseconds between two looks at the time-outs, at most */
#define FRESH 1000000           /* a process that lives shorter keeps its place though its script has changed */
#define SOON 10000000           /* a process that lives shorter has died early */
#define LONGEST_PAUSE 60000000
#define UNFIT_PAUSE 20000000
#define SERVICE_PAUSE 1000000   /* before a service starts again */

/* Of one slot of one group: when the next process may start. */
typedef struct {
    int64_t start_at;
    int deaths;                 /* early ones, in a row */
} place;

static struct {
    const mp_supervision *supervision;
    place **places;             /* by group, slot */
    mp_member *all;
    pid_t parent;
    int signals[2];             /* handlers write here */
    int is_over;                /* httpd has a new generation */
    int is_told;                /* by the parent, that it is so, or that all is to end */
    int are_children_gone;
    int is_stopping;
    int64_t looks_at;           /* when it means to look at its processes again; 0: it has not yet */
} me;

/* What happens in handlers: a byte for the loop. */

static void on_signal(int number)
{
    int saved = errno;
    char word = number == SIGCHLD ? 'c' : 'T';

    if (write(me.signals[1], &word, 1) < 0) {
        ;                       /* the pipe is full of such words */
    }
    errno = saved;
}

static void take_signals(void)
{
    static const int ends[] = {SIGTERM, SIGHUP, SIGINT, SIGCHLD};
    static const int ignored[] = {SIGUSR1, SIGUSR2, SIGWINCH, SIGPIPE, SIGALRM};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    size_t i;
    sigset_t none;

    for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        sigaction(ends[i], &action, NULL);
    action.sa_handler = SIG_IGN;
    for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        sigaction(ignored[i], &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In a new process, where they are blocked until it has handlers of its own: what the supervisor had is gone. */
static void release_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    int number;

    for (number = 1; number < 32; number++)
        if (number != SIGKILL && number != SIGSTOP)
            sigaction(number, &action, NULL);
}

/* Starting. */

static mp_member *find(const mp_group *group, int slot, int is_leaving)
{
    mp_member *one;

    for (one = me.all; one; one = one->next)
        if (one->group == group && one->slot == slot && one->stage <= MP_READY && !one->leaving == !is_leaving)
            return one;
    return NULL;
}

static size_t board_size(const mp_group *group)
{
    return sizeof(mp_board) + (size_t)(group->threads + 1) * sizeof(int64_t);
}

static void become_worker(mp_member *one, const int ends[2])
{
    const mp_supervision *supervision = me.supervision;
    int number = one->group->number;
    int keep[3] = {ends[1], supervision->listeners[number], supervision->public_listeners[number]};
    mp_member *other;

    release_signals();
    for (other = me.all; other; other = other->next)
        if (other != one)
            munmap(other->board, board_size(other->group));
    mp_process_become(one->group, supervision->server, keep, 3);
    mp_worker_run(one->group, supervision->server, one->board, ends[1], keep[1], keep[2], one->slot);
}

static void give_up(const mp_group *group, place *where, const char *what)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, errno, group->server,
                 "MP0410: no process can be started for group '%s': %s; it "
                 "is tried again in a minute", group->name, what);
    where->start_at = mp_clock() + LONGEST_PAUSE;
}

/* What the process before has loaded is loaded before the new one is ready. */
static void pass_on(mp_board *board, const mp_member *old)
{
    uint32_t length = old ? old->board->loaded_length : 0;

    if (length > MP_LOADED_ROOM)
        return;                 /* the application has written there */
    memcpy(board->loaded, old ? old->board->loaded : "", length);
    board->loaded_length = length;
}

static void spawn(const mp_group *group, int slot)
{
    place *where = &me.places[group->number][slot];
    mp_member *one = calloc(1, sizeof(*one) + (size_t)group->threads * sizeof(mp_interruption));
    sigset_t all, before;
    int ends[2];

    if (!one || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        free(one);
        give_up(group, where, "no memory or descriptors");
        return;
    }
    one->board = mmap(NULL, board_size(group), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (one->board != MAP_FAILED)
        pass_on(one->board, find(group, slot, 1));
    one->group = group;
    one->slot = slot;
    one->control = ends[0];
    one->started = mp_clock();
    one->restart_at = mp_timeouts_restart_at(group, slot, one->started);
    one->next = me.all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    if (one->board != MAP_FAILED && (one->pid = fork()) == 0) {
        me.all = one;
        become_worker(one, ends);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (one->board == MAP_FAILED || one->pid < 0) {
        give_up(group, where, one->board == MAP_FAILED ? "no shared memory" : "fork() failed");
        if (one->board != MAP_FAILED)
            munmap(one->board, board_size(group));
        close(ends[0]);
        free(one);
        return;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    me.all = one;
}

/* A service has come to its end. One that does so soon after its start waits longer each time. */
static void note_service_end(mp_member *one)
{
    place *where = &me.places[one->group->number][one->slot];
    int64_t now = mp_clock();
    int times = now - one->started < SOON && one->stage <= MP_READY ? where->deaths++ : (where->deaths = 0);
    int64_t pause = (int64_t)SERVICE_PAUSE << (times < 6 ? times : 6);

    where->start_at = now + (pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, one->group->server,
                 "MP0455: the scripts of process '%s' (pid=%" APR_PID_T_FMT
                 ") have come to their end; they start again in %d seconds", one->group->name, one->pid,
                 (int)((where->start_at - now) / 1000000));
    if (one->stage <= MP_READY) {
        one->stage = MP_STOPPING;       /* by itself */
        one->deadline = one->group->shutdown_timeout ? now + one->group->shutdown_timeout : 0;
    }
}

static void reload_group(const mp_group *group)
{
    mp_member *one;

    for (one = me.all; one; one = one->next)
        if (one->group == group && one->stage <= MP_READY)
            one->is_stale = 1;
}

/* Words of processes. */

static void hear_word(mp_member *one, char word)
{
    switch (word) {
    case MP_WORD_READY:
        if (one->stage == MP_STARTING)
            one->stage = MP_READY;
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, one->group->server, "MP0412: Process '%s' (pid=%" APR_PID_T_FMT ") is "
                     "ready", one->group->name, one->pid);
        break;
    case MP_WORD_MAXIMUM:
        mp_member_leave(one, MP_REASON_MAXIMUM);
        break;
    case MP_WORD_EVICT:
        mp_member_leave(one, one->group->eviction_timeout ? MP_REASON_EVICTION : MP_REASON_GRACEFUL);
        break;
    case MP_WORD_CPU:
        mp_member_leave(one, MP_REASON_CPU);
        break;
    case MP_WORD_RELOAD:
        if (one->is_stale)
            break;              /* another one has seen it before, and those started since have the new script */
        reload_group(one->group);
        break;
    case MP_WORD_TERM:
        mp_member_end(one, MP_REASON_SIGNAL);
        break;
    case MP_WORD_SERVED:
        note_service_end(one);
        break;
    }
}

static void hear(mp_member *one)
{
    char words[64];
    ssize_t n = read(one->control, words, sizeof(words)), i;

    for (i = 0; i < n; i++)
        hear_word(one, words[i]);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        close(one->control);
        one->control = -1;
    }
}

/* Deaths. */

static void note_early_death(mp_member *one, place *where, int status)
{
    int64_t pause, now = mp_clock();

    if (one->stage == MP_READY && now - one->started >= SOON) {
        where->deaths = 0;
        where->start_at = 0;
        return;
    }
    pause = 500000;
    if (where->deaths++ < 1)
        pause = 0;
    else
        pause <<= where->deaths < 10 ? where->deaths - 2 : 8;
    if (WIFEXITED(status) && WEXITSTATUS(status) == MP_EXIT_UNFIT && pause < UNFIT_PAUSE)
        pause = UNFIT_PAUSE;
    where->start_at = now + (pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE);
    if (where->deaths == 3)
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, one->group->server, "MP0414: processes of group '%s' keep dying soon "
                     "after they start; the pauses between attempts grow, up to a minute", one->group->name);
}

static void bury(mp_member *one, int status)
{
    const mp_group *group = one->group;
    place *where = &me.places[group->number][one->slot];
    int is_clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    const char *how = WIFSIGNALED(status) ? "signal" : "exit status";
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);

    if (one->leaving || one->stage >= MP_DRAINING) {
        if (is_clean || one->is_killed)
            ap_log_error(APLOG_MARK, APLOG_INFO, 0, group->server, "MP0415: Process '%s' (pid=%" APR_PID_T_FMT ") has "
                         "ended", group->name, one->pid);
        else
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, group->server, "MP0416: Process '%s' (pid=%" APR_PID_T_FMT ") has "
                         "died at its end: %s %d", group->name, one->pid, how, number);
        if (one->stage >= MP_READY && group->threads)
            where->deaths = 0;
    }
    else {
        note_early_death(one, where, status);
        if (where->deaths <= 3)
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, group->server, "MP0417: Process '%s' (pid=%" APR_PID_T_FMT ") has "
                         "died; deregistering and restarting it. Cause: %s %d", group->name, one->pid, how, number);
    }
    if (one->control >= 0)
        close(one->control);
    munmap(one->board, board_size(group));
    free(one);
}

static void reap(void)
{
    mp_member **at, *one;
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (at = &me.all; (one = *at); at = &one->next)
            if (one->pid == pid) {
                if (one->control >= 0)
                    hear(one);          /* its last words */
                *at = one->next;
                bury(one, status);
                break;
            }
}

/* Replacing. */

/* In whatever stage. */
static int is_there(const mp_group *group, int slot)
{
    mp_member *one;

    for (one = me.all; one; one = one->next)
        if (one->group == group && one->slot == slot)
            return 1;
    return 0;
}

/* A reload_required() that is never content costs no more than a new generation each second, where others serve. */
static void turn_stale_out(const mp_group *group, int64_t now)
{
    mp_member *one;

    for (one = me.all; one; one = one->next)
        if (one->group == group && one->is_stale && group->processes > 1 && now - one->started < FRESH)
            return;
    for (one = me.all; one; one = one->next)
        if (one->group == group && one->is_stale)
            mp_member_leave(one, MP_REASON_SCRIPT);
}

/* Those with the old script give way together: nobody gets an old answer after a new one. */
static int are_fresh_ones_ready(const mp_group *group)
{
    mp_member *one, *fresh;

    for (one = me.all; one; one = one->next)
        if (one->group == group && one->leaving == MP_REASON_SCRIPT && one->stage <= MP_READY &&
            (!(fresh = find(group, one->slot, 0)) || fresh->stage != MP_READY))
            return 0;
    return 1;
}

static void see_to_group(const mp_group *group, int64_t now)
{
    int slot;

    turn_stale_out(group, now);
    for (slot = 0; slot < group->processes; slot++) {
        mp_member *next = find(group, slot, 0), *old = find(group, slot, 1);

        if (!next && now >= me.places[group->number][slot].start_at &&
            (group->threads || (!me.is_over && !is_there(group, slot))))
            spawn(group, slot);
        if (old && next && next->stage == MP_READY && (old->leaving != MP_REASON_SCRIPT || are_fresh_ones_ready(group)))
            mp_member_drain(old, old->leaving == MP_REASON_EVICTION ? group->eviction_timeout : group->graceful_timeout,
                            old->leaving);
    }
}

/* The generation's end. */

static void stop_all(void)
{
    mp_member *one;

    me.is_stopping = me.is_over = 1;
    for (one = me.all; one; one = one->next)
        mp_member_stop(one, MP_REASON_SIGNAL);
}

/* Services do not wait for the last of httpd's children: the next generation's start now. */
static void drain_all(int are_children_gone)
{
    mp_member *one;

    for (one = me.all; one; one = one->next)
        if (are_children_gone || !one->group->threads)
            mp_member_drain(one, one->group->graceful_timeout, MP_REASON_GRACEFUL);
}

static void check_generation(void)
{
    char words[8], *word;
    ssize_t n = 0;

    if (!me.is_stopping)
        n = recv(me.supervision->parent, words, sizeof(words), MSG_DONTWAIT);
    for (word = words; word < words + n; word++) {
        me.is_told = 1;
        if (*word == MP_WORD_STOP)
            stop_all();         /* or a hard restart: nobody waits for an answer */
        else
            me.is_over = 1;
    }
    if (n == 0 && !me.is_over)
        stop_all();             /* the parent is dead */
    if (getppid() != me.parent && !me.is_stopping)
        stop_all();
}

/* If somebody else has told us to end, children go on to use the names: the parent has the sockets, and starts another
 * supervisor. */
static void remove_sockets(void)
{
    char word;
    ssize_t n = me.is_told ? 1 : recv(me.supervision->parent, &word, 1, MSG_DONTWAIT);
    int is_parent_dead = n == 0 || getppid() != me.parent, i;

    if (n < 0 && !is_parent_dead)
        return;
    for (i = 0; i < me.supervision->groups->nelts; i++)
        unlink(APR_ARRAY_IDX(me.supervision->groups, i, mp_group *)->socket);
    if (is_parent_dead)
        rmdir(me.supervision->directory);       /* if no other generation is in it; else the parent does */
}

/* The loop. */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Milliseconds until something is to be looked at. */
static int pause_length(int64_t now)
{
    int64_t pause = TICK;
    mp_member *one;
    int i, slot;

    for (i = 0; i < me.supervision->groups->nelts; i++) {
        const mp_group *group = APR_ARRAY_IDX(me.supervision->groups, i, mp_group *);

        pause = mp_timeouts_pause(group, pause);
        for (slot = 0; slot < group->processes; slot++)
            if (me.places[i][slot].start_at > now)
                pause = least(pause, me.places[i][slot].start_at - now);
    }
    for (one = me.all; one; one = one->next) {
        if (one->deadline)
            pause = least(pause, one->deadline > now ? one->deadline - now : 1);
        if (one->restart_at && one->stage == MP_READY && !one->leaving)
            pause = least(pause, one->restart_at > now ? one->restart_at - now : 1);
    }
    return pause < 10000 ? 10 : (int)(pause / 1000) + 1;
}

/* The machine stood still, or this process: the others have not had that time. */
static void forgive(int64_t now)
{
    int64_t length = now - me.looks_at;
    mp_member *one;

    if (!me.looks_at || length < STILL)
        return;
    mp_timeouts_stood_still(now, length);
    for (one = me.all; one; one = one->next)
        if (one->deadline)
            one->deadline += length;
}

static void wait_for_news(void)
{
    struct pollfd fixed[3] = {{me.signals[0], POLLIN, 0}, {me.supervision->parent, POLLIN, 0},
                              {me.supervision->children, POLLIN, 0}};
    struct pollfd *all;
    mp_member *one;
    int count = 3, i, pause;
    char words[64];
    ssize_t n;

    for (one = me.all; one; one = one->next)
        count++;
    all = calloc((size_t)count, sizeof(*all));
    if (!all) {
        poll(fixed, 1, 100);
        return;
    }
    memcpy(all, fixed, sizeof(fixed));
    if (me.is_over)
        all[1].fd = -1;         /* there is an end of file, for ever */
    if (me.are_children_gone)
        all[2].fd = -1;
    for (one = me.all, i = 3; one; one = one->next, i++) {
        all[i].fd = one->control;
        all[i].events = POLLIN;
    }
    pause = pause_length(mp_clock());
    me.looks_at = mp_clock() + pause * (int64_t)1000;
    poll(all, (nfds_t)count, pause);
    if (all[2].fd >= 0 && (all[2].revents & (POLLHUP | POLLERR)))
        me.are_children_gone = 1;
    for (one = me.all, i = 3; one; one = one->next, i++)
        if (all[i].revents && one->control >= 0)
            hear(one);
    while ((n = read(me.signals[0], words, sizeof(words))) > 0)
        for (i = 0; i < n; i++)
            if (words[i] == 'T')
                stop_all();
    free(all);
}

static void look_after(void)
{
    int64_t now = mp_clock();
    mp_member *one;
    int i;

    forgive(now);
    for (one = me.all; one; one = one->next) {
        if (one->stage >= MP_READY)
            mp_timeouts_check_work(one, now);
        if (one->stage == MP_READY)
            mp_timeouts_check_ready(one, now);
        mp_timeouts_check_deadline(one, now);
    }
    if (me.is_over)
        drain_all(me.are_children_gone);
    if (!me.is_stopping && !(me.is_over && me.are_children_gone))
        for (i = 0; i < me.supervision->groups->nelts; i++)
            see_to_group(APR_ARRAY_IDX(me.supervision->groups, i, mp_group *), now);
}

/* Descriptors that were httpd's: only the logs and what the groups need are kept. */
static void close_others(void)
{
    const mp_supervision *supervision = me.supervision;
    int kept = 0, i, *keep;
    server_rec *s;

    for (s = supervision->server, i = 0; s; s = s->next)
        i++;
    keep = calloc((size_t)i + 4 + 2 * (size_t)supervision->groups->nelts, sizeof(int));
    for (s = supervision->server; s; s = s->next)
        keep[kept++] = mp_process_log_of(s);
    for (i = 0; i < supervision->groups->nelts; i++) {
        keep[kept++] = supervision->listeners[i];
        keep[kept++] = supervision->public_listeners[i];
    }
    keep[kept++] = supervision->parent;
    keep[kept++] = supervision->children;
    keep[kept++] = me.signals[0];
    keep[kept++] = me.signals[1];
    mp_process_close_others(keep, kept, supervision->server);
    free(keep);
}

/* A predecessor died soon: whatever killed it may do so again. */
static void pause_after_deaths(void)
{
    struct pollfd fds[2] = {{me.signals[0], POLLIN, 0}, {me.supervision->parent, POLLIN, 0}};
    int deaths = me.supervision->deaths;

    if (deaths > 1)             /* unless there is news */
        poll(fds, 2, deaths < 7 ? 500 << deaths : 60000);
}

void mp_supervisor_run(const mp_supervision *supervision)
{
    int i;

    me.supervision = supervision;
    me.parent = getppid();
    prctl(PR_SET_NAME, "mp-supervisor", 0, 0, 0);
    if (pipe2(me.signals, O_CLOEXEC | O_NONBLOCK) != 0)
        _exit(1);
    close_others();
    take_signals();
    pause_after_deaths();
    me.places = calloc((size_t)supervision->groups->nelts, sizeof(*me.places));
    for (i = 0; i < supervision->groups->nelts; i++)
        me.places[i] = calloc((size_t)APR_ARRAY_IDX(supervision->groups, i, mp_group *)->processes, sizeof(place));
    do {
        look_after();
        wait_for_news();
        reap();
        check_generation();
    } while (me.all || !(me.is_stopping || (me.is_over && me.are_children_gone)));
    remove_sockets();
    _exit(0);
}
