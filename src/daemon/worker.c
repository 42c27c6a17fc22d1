#include "daemon/worker.h"
#include "config/home.h"
#include "daemon/scripts.h"
#include "daemon/serve.h"
#include "daemon/words.h"
#include "host/engine.h"
#include "host/mutex.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define OVERSIGHT 1000          /* milliseconds, until a connection is found that woke a process which died of something */

/* A connection; while it is idle, it is in the list. */
typedef struct link link_t;
struct link {
    link_t *next, *before;
    int fd;
    int is_public;
    int has_served;             /* a request, at least */
    int is_watched;             /* epoll knows it */
};

/* A request thread. */
typedef struct hand hand;
struct hand {
    hand *other;                /* of all */
    int fd;                     /* of the connection that it serves, or -1 */
    mp_seat seat;
};

static struct {
    const mp_group *group;
    server_rec *server;
    apr_pool_t *pool;
    mp_board *board;
    const mp_engine_table *engine;
    int control, listener, public_listener, slot;
    int epoll, wake;            /* wake: an eventfd in epoll */
    int signals[2];
    pid_t pid;
    mp_seat forked;             /* of a process that was forked from this one, on its main thread */

    pthread_mutex_t lock;       /* of what follows */
    pthread_cond_t changed;
    hand *all;
    link_t links;               /* head of the ring of idle connections */
    int waiting, active, alive; /* request threads: without a request, with one, in all */
    _Atomic int is_closing;     /* nothing new is taken; read without the lock, too */
    int is_quitting;
    int has_been_told;          /* by the supervisor, or a signal, to end */
    int has_asked_reload, has_asked_maximum;
    int reason;                 /* of the end: an mp_reason, the first that was given */

    pthread_mutex_t beating;    /* held while the heartbeat tries Python's lock, which may be for ever */
    int has_ended;              /* Python; guarded by that one */
} me = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .beating = PTHREAD_MUTEX_INITIALIZER};

static link_t on_private = {.fd = -1}, on_public = {.fd = -1, .is_public = 1}, on_wake = {.fd = -1};

static void say(char word)
{
    if (write(me.control, &word, 1) < 0) {
        ;                       /* the supervisor is gone, and the control thread knows */
    }
}

/* Idle connections. Holding the lock. */

static void close_link(link_t *link)
{
    close(link->fd);
    free(link);
}

static void take_from_ring(link_t *link)
{
    link->before->next = link->next;
    link->next->before = link->before;
}

/* New ones have a request on its way. */
static void close_idle_links(int new_ones, int public_ones)
{
    link_t *link, *next;

    for (link = me.links.next; link != &me.links; link = next) {
        next = link->next;
        if ((link->has_served || new_ones) && (!link->is_public || public_ones)) {
            take_from_ring(link);
            close_link(link);
        }
    }
}

static void watch_link(link_t *link)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = link};

    link->next = me.links.next;
    link->before = &me.links;
    me.links.next->before = link;
    me.links.next = link;
    if (epoll_ctl(me.epoll, link->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, link->fd, &event) != 0) {
        take_from_ring(link);
        close_link(link);
        return;
    }
    link->is_watched = 1;
}

/* A connection that woke this process and no other would wait for the next one that comes. Its client sees a reset, with
 * all unread, and asks again. */
static void turn_away(void)
{
    int fd;

    while ((fd = accept4(me.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        close(fd);
}

/* Takes nothing new, and wakes whoever waits for something. Clients on idle connections see an end of file, and go
 * elsewhere. */
static void begin_closing(int reason)
{
    uint64_t one = 1;

    if (!me.reason)
        me.reason = reason;
    if (me.is_closing)
        return;
    me.is_closing = 1;
    close_idle_links(1, 1);
    if (me.epoll >= 0) {
        epoll_ctl(me.epoll, EPOLL_CTL_DEL, me.listener, NULL);
        turn_away();
        if (me.public_listener >= 0)
            epoll_ctl(me.epoll, EPOLL_CTL_DEL, me.public_listener, NULL);
        if (write(me.wake, &one, sizeof(one)) < 0) {
            ;                   /* it is full: it wakes already */
        }
    }
    pthread_cond_broadcast(&me.changed);
}

/* Request threads. */

/* Unix sockets inherit nothing from the listening one. */
static void set_buffers(int fd)
{
    int size;

    if ((size = (int)me.group->send_buffer_size))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if ((size = (int)me.group->receive_buffer_size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* Holding the lock, so that a fork finds it. NULL: another process was faster, or there is no memory. */
static link_t *accept_link(const link_t *from)
{
    link_t *link = calloc(1, sizeof(*link));

    if (!link)
        return NULL;
    link->is_public = from->is_public;
    link->fd = accept4(from->is_public ? me.public_listener : me.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (link->fd >= 0) {
        set_buffers(link->fd);
        return link;
    }
    free(link);
    return NULL;
}

static void accept_private(void)
{
    link_t *link;

    pthread_mutex_lock(&me.lock);
    if ((link = accept_link(&on_private))) {
        if (me.is_closing)
            close_link(link);           /* it asks again */
        else
            watch_link(link);
    }
    pthread_mutex_unlock(&me.lock);
}

/* A connection that has something to say, on_public, or NULL when the process takes no more. All idle threads wait here,
 * and the kernel wakes one for an event: the last that has come, whose caches are warm. The one that was the nth to come
 * looks after n * OVERSIGHT on its own, so the first of them does once in that time. */
static link_t *wait_for_link(int nth)
{
    struct epoll_event event;
    link_t *link;
    int n;

    while (!me.is_closing) {
        n = epoll_wait(me.epoll, &event, 1, nth * OVERSIGHT);
        if (n < 0)
            continue;
        link = n ? event.data.ptr : &on_private;
        if (link == &on_private)
            accept_private();
        else if (link != &on_wake)
            return link;
    }
    return NULL;
}

/* Holding the lock. A link that was closed with all idle ones meanwhile is not looked at. */
static int is_idle_link(const link_t *link)
{
    const link_t *one;

    for (one = me.links.next; one != &me.links; one = one->next)
        if (one == link)
            return 1;
    return 0;
}

/* The link, or NULL if it was closed. A public one is accepted by the thread that serves it: its client does not ask again,
 * so nobody may take it who is not going to answer. */
static link_t *take_link(hand *self, link_t *link)
{
    pthread_mutex_lock(&me.lock);
    me.waiting--;
    if (link == &on_public)
        link = me.is_closing ? NULL : accept_link(link);
    else if (link && is_idle_link(link))
        take_from_ring(link);
    else
        link = NULL;
    if (link) {
        self->fd = link->fd;
        me.active++;
        /* When nobody waits any more, what comes on idle connections goes to other processes, if there are some. */
        if (!me.waiting && me.group->processes > 1)
            close_idle_links(0, 0);
    }
    pthread_mutex_unlock(&me.lock);
    return link;
}

static void leave_link(hand *self, link_t *link, int keeps)
{
    pthread_mutex_lock(&me.lock);
    me.active--;
    self->fd = -1;
    link->has_served = 1;
    if (keeps && !me.is_closing)
        watch_link(link);
    else
        close_link(link);
    if (me.is_closing)
        pthread_cond_broadcast(&me.changed);
    pthread_mutex_unlock(&me.lock);
}

static void *work(void *self_)
{
    hand *self = self_;
    link_t *link;
    int keeps, nth;

    pthread_mutex_lock(&me.lock);
    while (!me.is_closing) {
        nth = ++me.waiting;
        pthread_mutex_unlock(&me.lock);
        if ((link = take_link(self, wait_for_link(nth)))) {
            /* Bytes that came with the last request are the beginning of the next. */
            do
                keeps = mp_serve(&self->seat, link->fd, link->is_public);
            while (keeps && self->seat.in.start < self->seat.in.end && !me.is_closing);
            leave_link(self, link, keeps);
        }
        pthread_mutex_lock(&me.lock);
    }
    me.alive--;
    pthread_cond_broadcast(&me.changed);
    pthread_mutex_unlock(&me.lock);
    return NULL;
}

/* Exactly maximum-requests are served; the processes of a group do not all come to theirs at the same time. */
static apr_int64_t most_requests(void)
{
    apr_int64_t most = me.group->maximum_requests;

    return most ? most - most * me.slot / (4 * me.group->processes) : 0;
}

static int admit(void *unused)
{
    apr_int64_t most = most_requests();
    int admitted = 1;

    pthread_mutex_lock(&me.lock);
    if (me.is_quitting || (most && me.board->requests >= most))
        admitted = 0;
    else if (++me.board->requests == most) {
        if (!me.has_asked_maximum)
            say(MP_WORD_MAXIMUM);
        me.has_asked_maximum = 1;
        begin_closing(MP_REASON_MAXIMUM);
    }
    pthread_mutex_unlock(&me.lock);
    return admitted;
}

static void reload(void *unused, const char *script)
{
    int is_first;

    pthread_mutex_lock(&me.lock);
    is_first = !me.has_asked_reload;
    if (is_first)
        say(MP_WORD_RELOAD);
    me.has_asked_reload = 1;
    pthread_mutex_unlock(&me.lock);
    if (is_first)
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, me.server, "MP0413: Forcing restart of daemon process '%s' due to "
                     "modification of script '%s'.", me.group->name, script);
}

static int start_hand(int number, pthread_attr_t *attributes)
{
    hand *one = calloc(1, sizeof(*one));
    pthread_t thread;

    if (!one)
        return 0;
    one->seat = (mp_seat){.group = me.group, .server = me.server, .board = me.board, .engine = me.engine,
                          .number = number, .admit = admit, .reload = reload};
    apr_pool_create_unmanaged_ex(&one->seat.pool, NULL, NULL);
    one->fd = -1;
    pthread_mutex_lock(&me.lock);
    one->other = me.all;
    me.all = one;
    me.alive++;
    pthread_mutex_unlock(&me.lock);
    if (pthread_create(&thread, attributes, work, one) == 0) {
        pthread_detach(thread);
        return 1;
    }
    pthread_mutex_lock(&me.lock);
    me.alive--;
    pthread_mutex_unlock(&me.lock);
    return 0;
}

static int listen_to(int fd, link_t *as)
{
    /* Of all processes that wait for the same socket one is woken; other clients than ours do not ask again. */
    struct epoll_event event = {.events = EPOLLIN | (as == &on_private ? EPOLLEXCLUSIVE : 0), .data.ptr = as};

    return fd < 0 || epoll_ctl(me.epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int start_hands(void)
{
    pthread_attr_t attributes;
    int i;

    pthread_mutex_lock(&me.lock);
    me.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    me.epoll = epoll_create1(EPOLL_CLOEXEC);
    pthread_mutex_unlock(&me.lock);
    if (me.wake < 0 || me.epoll < 0 || !listen_to(me.wake, &on_wake) || !listen_to(me.listener, &on_private) ||
        !listen_to(me.public_listener, &on_public))
        return 0;
    pthread_attr_init(&attributes);
    if (me.group->stack_size && pthread_attr_setstacksize(&attributes, (size_t)me.group->stack_size) != 0)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, me.server, "MP0403: WSGIDaemonProcess %s: stack-size=%"
                     APR_INT64_T_FMT " can't be set; the threads run without it", me.group->name, me.group->stack_size);
    for (i = 0; i < me.group->threads; i++)
        if (!start_hand(i, &attributes))
            break;
    pthread_attr_destroy(&attributes);
    return i > 0;
}

/* The heartbeat. */

static void *beat(void *unused)
{
    int64_t pause = me.group->deadlock_timeout / 4;

    if (pause > 1000000)
        pause = 1000000;
    for (;;) {
        pthread_mutex_lock(&me.beating);
        if (!me.has_ended && me.engine->acquire(MP_MAIN_INTERPRETER))
            me.engine->release();
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

/* What the application forks is a process like any other: signals have their usual meaning, and what is between httpd and
 * us is none of its business. As long as it had such a connection, too, nobody would see the end of it. */

static void before_fork(void)
{
    pthread_mutex_lock(&me.lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&me.lock);
}

static void close_own(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void leave_in_fork(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL}, now;
    link_t *link;
    hand *one;
    size_t i;

    for (i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
        if (sigaction(handled[i], NULL, &now) == 0 && now.sa_handler == on_signal)
            sigaction(handled[i], &action, NULL);
    me.forked.is_forked = 1;
    for (one = me.all; one; one = one->other) {
        one->seat.is_forked = 1;
        close_own(&one->fd);
    }
    for (link = me.links.next; link != &me.links; link = link->next)
        close_own(&link->fd);
    close_own(&me.listener);
    close_own(&me.public_listener);
    close_own(&me.epoll);
    close_own(&me.wake);
    close_own(&me.control);
    close_own(&me.signals[0]);
    close_own(&me.signals[1]);
    pthread_mutex_unlock(&me.lock);
}

/* Holding the lock. Nobody waits for clients that have connected and say nothing. */
static void drop_silent_links(void)
{
    hand *one;

    for (one = me.all; one; one = one->other)
        if (one->fd >= 0 && !me.board->threads[one->seat.number])
            shutdown(one->fd, SHUT_RD);
}

/* A service's scripts hear SIGTERM, while they run. */
static void close_up(int quits, int reason)
{
    int is_first;

    pthread_mutex_lock(&me.lock);
    is_first = !me.has_been_told;
    me.has_been_told = 1;
    if (is_first)
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, me.server, "MP0456: Shutdown requested for daemon process '%s'.",
                     me.group->name);
    me.is_quitting |= quits;
    if (me.is_quitting)
        drop_silent_links();
    begin_closing(reason);
    pthread_cond_broadcast(&me.changed);
    pthread_mutex_unlock(&me.lock);
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

/* `thread` counts from 0. What it has meanwhile may be another request than the supervisor saw. */
static void interrupt(int thread)
{
    if (me.engine && me.engine->interrupt)
        me.engine->interrupt(thread + 1, me.group->request_timeout);
}

static void start_thread(void *(*run)(void *), void *data)
{
    pthread_t thread;
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, run, data) != 0)
        _exit(MP_EXIT_UNFIT);
    pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
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
        start_thread(dump, NULL);
        break;
    case MP_WORD_ABORT:
        start_thread(dump, &me);
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

static void *control(void *unused)
{
    struct pollfd fds[2] = {{me.control, POLLIN, 0}, {me.signals[0], POLLIN, 0}};
    char words[16];
    ssize_t n, i;

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

/* What the group's line says of its interpreters, under what <WSGIInterpreterOptions> says. Copied, not to grow what the
 * others see. */
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
    options->python_path = me.group->is_home_given && me.group->python_path
        ? apr_pstrcat(me.pool, me.group->home, ":", me.group->python_path, NULL)
        : me.group->is_home_given ? me.group->home : me.group->python_path;
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
    me.engine = mp_engine_load_in_group(me.group);
}

/* Subscribers hear of the end when the requests are through, or when the supervisor does not wait for them any more; then
 * it waits for shutdown-timeout. */
static void wait_for_end(void)
{
    struct timespec limit;

    pthread_mutex_lock(&me.lock);
    while (!me.is_closing || (me.active && !me.is_quitting))
        pthread_cond_wait(&me.changed, &me.lock);
    pthread_mutex_unlock(&me.lock);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, me.server, "MP0457: Stopping process '%s'.", me.group->name);
    if (me.engine && me.engine->stopping)
        me.engine->stopping(mp_reason_name(me.reason));
    pthread_mutex_lock(&me.lock);
    while (me.active)
        pthread_cond_wait(&me.changed, &me.lock);
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec++;
    while (me.alive && pthread_cond_timedwait(&me.changed, &me.lock, &limit) == 0)
        ;
    pthread_mutex_unlock(&me.lock);
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

static int goes_on(void)
{
    return !me.is_closing;
}

static void serve_scripts(void)
{
    say(MP_WORD_READY);
    if (me.engine && me.engine->run_services)
        me.engine->run_services(goes_on);
    say(MP_WORD_SERVED);
    pthread_mutex_lock(&me.lock);
    begin_closing(MP_REASON_NONE);
    pthread_mutex_unlock(&me.lock);
}

void mp_worker_run(const mp_group *group, server_rec *main_server, mp_board *board, int control_end, int listener,
                   int public_listener, int slot)
{

    me.group = group;
    me.server = me.forked.server = group->server;
    me.forked.group = group;
    me.board = board;
    me.control = control_end;
    me.listener = listener;
    me.public_listener = public_listener;
    me.slot = slot;
    me.epoll = me.wake = -1;
    me.links.next = me.links.before = &me.links;
    me.pid = getpid();
    apr_pool_create(&me.pool, main_server->process->pool);
    if (pipe2(me.signals, O_CLOEXEC | O_NONBLOCK) != 0)
        _exit(MP_EXIT_UNFIT);
    set_signals();
    pthread_atfork(before_fork, after_fork, leave_in_fork);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, me.server, "MP0426: Starting daemon process '%s' with uid=%ld, gid=%ld and "
                 "threads=%d.", group->name, (long)geteuid(), (long)getegid(), group->threads);
    mp_scripts_start(me.pool);
    mp_mutex_join(main_server);
    start_thread(control, NULL);
    load_engine();
    if (me.forked.is_forked)    /* by a script, which went on in both */
        mp_serve_end_fork(&me.forked);
    if (me.engine && me.engine->acquire && group->threads && group->deadlock_timeout) {
        board->heartbeat = mp_clock();      /* the first request may be the one that sticks */
        start_thread(beat, NULL);
    }
    if (!group->threads)
        serve_scripts();
    else if (!start_hands()) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, errno, me.server, "MP0427: process '%s' can't start its threads",
                     group->name);
        _exit(MP_EXIT_UNFIT);
    }
    else
        say(MP_WORD_READY);
    wait_for_end();
    if (me.engine)
        end_python();
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, me.server, "MP0428: Exiting daemon process '%s'.", group->name);
    fflush(NULL);
    _exit(0);
}
