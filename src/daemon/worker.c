#include "daemon/worker.h"
#include "config/home.h"
#include "daemon/request_threads.h"
#include "daemon/scripts.h"
#include "daemon/serve.h"
#include "daemon/timeouts.h"
#include "daemon/words.h"
#include "host/engine.h"
#include "host/mutex.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    const mp_group *group;
    server_rec *server;
    apr_pool_t *pool;
    mp_board *board;
    const mp_engine_table *engine;
    int control;
    int signals[2];
    pid_t pid;
    mp_seat forked;             /* of a process that was forked from this one, on its main thread */
    int has_been_told;          /* by the supervisor, or a signal, to end; the control thread's */

    pthread_mutex_t beating;    /* held while the heartbeat tries Python's lock, which may be for ever */
    int has_ended;              /* Python; guarded by that one */
} me = {.beating = PTHREAD_MUTEX_INITIALIZER};

static void say(char word)
{
    if (write(me.control, &word, 1) < 0) {
        ;                       /* the supervisor is gone, and the control thread knows */
    }
}

/* The heartbeat. */

static void *beat(void *unused)
{
    int64_t pause = me.group->deadlock_timeout / 4;

    if (pause > 1000000)
        pause = 1000000;
    for (;;) {
        pthread_mutex_lock(&me.beating);
        if (!me.has_ended)
            me.engine->beat();
        pthread_mutex_unlock(&me.beating);
        me.board->heartbeat = mp_clock();
        usleep((useconds_t)pause);
    }
    return unused;
}

/* Control. */

static void on_signal(int number)
{
    int saved = errno;
    char word = (char)number;

    if (getpid() != me.pid) {   /* the application has just forked it, and leave_in_fork() comes too late */
        signal(number, SIG_DFL);
        raise(number);
    }
    else if (write(me.signals[1], &word, 1) < 0) {
        ;
    }
    errno = saved;
}

static const int handled[] = {SIGTERM, SIGINT, SIGUSR1, SIGXCPU, SIGHUP, SIGUSR2}, ignored[] = {SIGPIPE, SIGWINCH};

static void set_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t mask;
    size_t i;

    /* SIGTERM and SIGINT are for a service's script, on Python's main thread; it is the only one that hears signals. */
    for (i = me.group->threads ? 0 : 2; i < sizeof(handled) / sizeof(handled[0]); i++)
        sigaction(handled[i], &action, NULL);
    action.sa_handler = SIG_IGN;
    for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        sigaction(ignored[i], &action, NULL);
    sigemptyset(&mask);
    if (!me.group->threads)
        sigfillset(&mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);      /* the supervisor has held back what came until now */
}

/* What the application forks is a process like any other: signals have their usual meaning, and what is between httpd
 * and us is none of its business. As long as it had such a connection, too, nobody would see the end of it. */
static void leave_in_fork(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL}, now;
    int *own[] = {&me.control, &me.signals[0], &me.signals[1]};
    size_t i;

    for (i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
        if (sigaction(handled[i], NULL, &now) == 0 && now.sa_handler == on_signal)
            sigaction(handled[i], &action, NULL);
    me.forked.is_forked = 1;
    for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (*own[i] >= 0)
            close(*own[i]);
        *own[i] = -1;
    }
    mp_request_threads_leave_in_fork();
}

/* A service's scripts hear SIGTERM, while they run. */
static void close_up(int quits, int reason)
{
    int is_first = !me.has_been_told;

    me.has_been_told = 1;
    if (is_first)
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, me.server, "MP0456: Shutdown requested for daemon process '%s'.",
                     me.group->name);
    mp_request_threads_close(quits, reason);
    if (is_first && !me.group->threads) {
        kill(getpid(), SIGTERM);
        if (me.engine && me.engine->end_services)
            me.engine->end_services();
    }
}

/* Waits for what waits for a GIL. */
static void *dump(void *is_last)
{
    if (me.engine && me.engine->dump)
        me.engine->dump();
    if (is_last)
        _exit(MP_EXIT_UNFIT - 1);
    return NULL;
}

/* `thread` counts from 0. What it has meanwhile may be another request than the supervisor saw: the board knows when
 * that one came, and the engine does not touch one that begins after this look. */
static void interrupt(int thread)
{
    int64_t now = mp_clock(), since = thread < me.group->threads ? me.board->threads[thread] : 0;

    if (me.engine && me.engine->interrupt && since > 0 && now - since > mp_timeouts_request_limit(me.group))
        me.engine->interrupt(thread + 1, now);
}

/* 0: it can't be had. */
static int start_thread(void *(*run)(void *), void *data)
{
    pthread_t thread;
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, NULL, run, data);
    if (!error)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !error;
}

static void must_start(void *(*run)(void *))
{
    if (!start_thread(run, NULL))
        _exit(MP_EXIT_UNFIT);
}

static void obey(char word, int more)
{
    switch (word) {
    case MP_WORD_DRAIN:
        close_up(0, more);
        break;
    case MP_WORD_QUIT:
        close_up(1, more);
        break;
    case MP_WORD_DUMP:
        start_thread(dump, NULL);       /* or there are no stacks in the log */
        break;
    case MP_WORD_ABORT:
        if (!start_thread(dump, &me))
            _exit(MP_EXIT_UNFIT - 1);
        break;
    case MP_WORD_INTERRUPT:
        interrupt(more);
        break;
    }
}

/* The supervisor writes a word at once, so it is here as a whole. 0: the supervisor is gone. */
static int hear(void)
{
    unsigned char words[20 * MP_WORD_LENGTH];
    ssize_t n = recv(me.control, words, sizeof(words), MSG_DONTWAIT), i;

    for (i = 0; i + MP_WORD_LENGTH <= n; i += MP_WORD_LENGTH)
        obey((char)words[i], words[i + 1] << 8 | words[i + 2]);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void take_signal(int number)
{
    switch (number) {
    case SIGUSR1:
        say(MP_WORD_EVICT);
        break;
    case SIGXCPU:
        say(MP_WORD_CPU);
        break;
    case SIGHUP:
    case SIGUSR2:
        if (me.engine && me.engine->signaled)
            me.engine->signaled(number, number == SIGHUP ? "SIGHUP" : "SIGUSR2");
        break;
    default:
        say(MP_WORD_TERM);
        close_up(1, MP_REASON_SIGNAL);
    }
}

/* Here, since the main thread has them blocked while it loads Python and the preloads. */
static void hear_signals(void)
{
    sigset_t all;
    size_t i;

    sigemptyset(&all);
    for (i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
        sigaddset(&all, handled[i]);
    pthread_sigmask(SIG_UNBLOCK, &all, NULL);
}

static void *control(void *unused)
{
    struct pollfd fds[2] = {{me.control, POLLIN, 0}, {me.signals[0], POLLIN, 0}};
    char words[16];
    ssize_t n, i;

    if (me.group->threads)
        hear_signals();
    for (;;) {
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents && !hear()) {
            close_up(1, MP_REASON_PIPE);        /* nobody will tell us when the time is over */
            usleep((useconds_t)(me.group->shutdown_timeout ? me.group->shutdown_timeout : 5000000));
            _exit(1);
        }
        n = fds[1].revents ? read(me.signals[0], words, sizeof(words)) : 0;
        for (i = 0; i < n; i++)
            take_signal(words[i]);
    }
    return unused;
}

/* What the group's line says of its interpreters, under what <WSGIInterpreterOptions> says. Copied, not to grow what
 * the others see. */
static apr_array_header_t *interpreters(const mp_process *process)
{
    apr_array_header_t *all = apr_array_make(me.pool, process->interpreters->nelts + 1, sizeof(mp_interp_options));
    mp_interp_options *options = apr_array_push(all);
    int i;

    memset(options, 0, sizeof(*options));
    options->gil = options->restrict_stdin = options->restrict_stdout = options->restrict_signal = MP_UNSET;
    options->process_group = me.group->name;
    options->specificity = -1;
    options->directive = apr_pstrcat(me.pool, "WSGIDaemonProcess ", me.group->name, NULL);
    options->switch_interval = me.group->switch_interval;
    options->python_path = me.group->python_path;
    apr_array_cat(all, process->interpreters);
    for (i = 0; i < all->nelts; i++)
        if (mp_home_minor(me.group->python) < 13 && APR_ARRAY_IDX(all, i, mp_interp_options).gil == MP_GIL_OWN)
            APR_ARRAY_IDX(all, i, mp_interp_options).gil = MP_GIL_SHARED;   /* as MP0221 says of httpd's children */
    return all;
}

/* This group's; chroot=, script-user= and script-group= are about them, too. */
static apr_array_header_t *preloads(const mp_process *process)
{
    apr_array_header_t *all = apr_array_make(me.pool, process->preloads->nelts + 1, sizeof(mp_preload));
    int i;

    for (i = 0; i < process->preloads->nelts; i++) {
        mp_preload preload = APR_ARRAY_IDX(process->preloads, i, mp_preload);

        if (strcmp(preload.process_group, me.group->name))
            continue;
        if (!(preload.name = mp_scripts_inside(me.group, preload.name)))
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, me.server, "MP0434: %s is outside of the chroot %s of group '%s'",
                         APR_ARRAY_IDX(process->preloads, i, mp_preload).name, me.group->chroot, me.group->name);
        else if (!mp_scripts_trusted(me.group, preload.name, me.pool))
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, me.server, MP_SCRIPTS_UNTRUSTED, preload.name, me.group->name);
        else
            *(mp_preload *)apr_array_push(all) = preload;
    }
    return all;
}

/* The engine, of this group's Python, with this group's preloads. */
static void load_engine(void)
{
    mp_process *own = apr_pmemdup(me.pool, mp_process_get(), sizeof(*own));

    own->engine = me.group->engine;
    own->python = me.group->python;
    own->eggs = NULL;           /* WSGIPythonEggs is for children; python-eggs= is set already */
    own->interpreters = interpreters(own);
    own->preloads = preloads(own);
    if (me.group->threads)
        mp_scripts_preload(me.group, me.board->loaded, me.board->loaded_length, own->preloads);
    own->wsgi.server_metrics = me.group->server_metrics;
    if (me.group->python_home)
        own->home = me.group->python_home;
    mp_process_use(own);
    me.engine = mp_engine_load_in_group(me.group, mp_request_threads_go_on);
}

/* Subscribers hear of the end when the requests are through, or when the supervisor does not wait for them any more;
 * then it waits for shutdown-timeout. */
static void wait_for_end(void)
{
    int reason = mp_request_threads_wait_for_close();

    ap_log_error(APLOG_MARK, APLOG_INFO, 0, me.server, "MP0457: Stopping process '%s'.", me.group->name);
    if (me.engine && me.engine->stopping)
        me.engine->stopping(mp_reason_name(reason));
    mp_request_threads_wait_for_end();
}

/* The heartbeat stops first, unless it is stuck. */
static void end_python(void)
{
    struct timespec limit;

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec++;
    if (pthread_mutex_timedlock(&me.beating, &limit) == 0) {
        me.has_ended = 1;
        pthread_mutex_unlock(&me.beating);
    }
    me.engine->stop();
}

static void serve_scripts(void)
{
    say(MP_WORD_READY);
    if (me.engine && me.engine->run_services)
        me.engine->run_services();
    say(MP_WORD_SERVED);
    mp_request_threads_close(0, MP_REASON_NONE);
}

static void serve_requests(void)
{
    if (!mp_request_threads_go_on())
        return;                 /* it was told to end while it loaded */
    if (mp_request_threads_start(me.engine)) {
        say(MP_WORD_READY);
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_CRIT, errno, me.server,
                 "MP0427: process '%s' can't start its threads", me.group->name);
    _exit(MP_EXIT_UNFIT);
}

void mp_worker_run(const mp_group *group, server_rec *main_server, mp_board *board, int control_end, int listener,
                   int public_listener, int slot)
{

    me.group = group;
    me.server = me.forked.server = group->server;
    me.forked.group = group;
    me.board = board;
    me.control = control_end;
    me.pid = getpid();
    apr_pool_create(&me.pool, main_server->process->pool);
    if (pipe2(me.signals, O_CLOEXEC | O_NONBLOCK) != 0)
        _exit(MP_EXIT_UNFIT);
    mp_request_threads_prepare(group, board, listener, public_listener, slot, say);
    set_signals();
    pthread_atfork(mp_request_threads_before_fork, mp_request_threads_after_fork, leave_in_fork);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, me.server, "MP0426: Starting daemon process '%s' with uid=%ld, gid=%ld and "
                 "threads=%d.", group->name, (long)geteuid(), (long)getegid(), group->threads);
    mp_scripts_start(me.pool);
    mp_mutex_join(main_server);
    must_start(control);
    load_engine();
    if (me.forked.is_forked)    /* by a script, which went on in both */
        mp_serve_end_fork(&me.forked);
    if (me.engine && me.engine->beat && group->threads && group->deadlock_timeout) {
        board->heartbeat = mp_clock();      /* the first request may be the one that sticks */
        must_start(beat);
    }
    if (group->threads)
        serve_requests();
    else
        serve_scripts();
    wait_for_end();
    if (me.engine)
        end_python();
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, me.server, "MP0428: Exiting daemon process '%s'.", group->name);
    fflush(NULL);
    _exit(0);
}
