#include "daemon/request_threads.h"
#include "daemon/serve.h"
#include "daemon/words.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define OVERSIGHT 1000          /* milliseconds, until a connection is found that woke a process which then died */

/* A connection; while it is idle, it is in the list. */
typedef struct link link_t;
struct link {
    link_t *next, *before;
    int fd;
    int is_public;
    int has_served;             /* a request, at least */
    int is_watched;             /* epoll knows it */
};

typedef struct request_thread request_thread;
struct request_thread {
    request_thread *other;      /* of all */
    int fd;                     /* of the connection that it serves, or -1 */
    mp_seat seat;
};

static struct {
    const mp_group *group;
    server_rec *server;
    mp_board *board;
    const mp_engine_table *engine;
    int listener, public_listener, slot;
    int epoll, wake;            /* wake: an eventfd in epoll */
    void (*say)(char word);

    pthread_mutex_t lock;       /* of what follows */
    pthread_cond_t changed;
    request_thread *all;
    link_t links;               /* head of the ring of idle connections */
    int fresh;                  /* how many there are that have not had a request yet: it is on its way */
    int waiting, active, alive; /* request threads: without a request, with one, in all */
    _Atomic int is_closing;     /* nothing new is taken; read without the lock, too */
    int is_quitting;
    int has_asked_reload;
    int reason;                 /* of the end: an mp_reason, the first that was given */
} me = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static link_t on_private = {.fd = -1}, on_public = {.fd = -1, .is_public = 1}, on_wake = {.fd = -1};

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
    me.fresh -= !link->has_served;
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
    me.fresh += !link->has_served;
    if (epoll_ctl(me.epoll, link->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, link->fd, &event) != 0) {
        take_from_ring(link);
        close_link(link);
        return;
    }
    link->is_watched = 1;
}

/* A connection that woke this process and no other would wait for the next one that comes. Its client sees a reset,
 * with all unread, and asks again. */
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
        if (me.waiting)         /* else nobody here was woken, and who is in the queue has a place in it */
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

/* Holding the lock, so that a fork finds it. NULL, with errno: another process was faster, or there is no room. */
static link_t *accept_link(const link_t *from)
{
    link_t *link = calloc(1, sizeof(*link));
    int saved;

    if (!link)
        return NULL;
    link->is_public = from->is_public;
    link->fd = accept4(from->is_public ? me.public_listener : me.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (link->fd >= 0) {
        set_buffers(link->fd);
        return link;
    }
    saved = errno;
    free(link);
    errno = saved;
    return NULL;
}

/* After a failed accept, without the lock. What can't be taken stays ready, and would wake all threads for ever. */
static void rest_if_short(int error)
{
    static _Atomic int64_t said;
    int64_t now = mp_clock();

    if (error != EMFILE && error != ENFILE && error != ENOMEM && error != ENOBUFS)
        return;
    if (!said || now - said > 60000000) {
        said = now;
        ap_log_error(APLOG_MARK, APLOG_ERR, error, me.server, "MP0486: process '%s' can't take a request: raise the "
                     "limit of what it lacks, or find what keeps it", me.group->name);
    }
    usleep(100000);
}

/* No more than there are threads for: what is accepted waits for this process, though another one may be idle. The last
 * thread keeps what it accepts: that is returned. */
static link_t *accept_private(void)
{
    link_t *link = NULL;
    int has_room, error = 0;

    pthread_mutex_lock(&me.lock);
    has_room = me.fresh < me.waiting;
    if (has_room && !(link = accept_link(&on_private)))
        error = errno;
    else if (has_room) {
        if (me.fresh + 1 < me.waiting && !me.is_closing) {
            watch_link(link);
            link = NULL;
        }
        else
            me.fresh++;
    }
    pthread_mutex_unlock(&me.lock);
    if (!has_room)
        usleep(100);            /* what is on its way to the other connections is there in a moment */
    rest_if_short(error);
    return link;
}

/* A connection that has something to say, on_public, or NULL when the process takes no more; *kept: one that this
 * thread has accepted, and keeps. All idle threads wait here, and the kernel wakes one for an event: the last that has
 * come, whose caches are warm. The one that was the nth to come looks after n * OVERSIGHT on its own, so the first of
 * them does once in that time. */
static link_t *wait_for_link(int nth, link_t **kept)
{
    struct epoll_event event;
    link_t *link;
    int n;

    while (!me.is_closing) {
        n = epoll_wait(me.epoll, &event, 1, nth * OVERSIGHT);
        if (n < 0)
            continue;
        link = n ? event.data.ptr : &on_private;
        if (link == &on_private) {
            if ((*kept = accept_private()))
                return *kept;
        }
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

/* The link, or NULL if it was closed. A public one is accepted by the thread that serves it: its client does not ask
 * again, so nobody may take it who is not going to answer. */
static link_t *take_link(request_thread *self, link_t *link, link_t *kept)
{
    int error = 0;

    pthread_mutex_lock(&me.lock);
    me.waiting--;
    if (kept) {
        me.fresh--;
        if (me.is_closing) {
            close_link(kept);           /* it asks again */
            link = NULL;
        }
    }
    else if (link == &on_public) {
        link = me.is_closing ? NULL : accept_link(link);
        error = link || me.is_closing ? 0 : errno;
    }
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
    rest_if_short(error);
    return link;
}

static void leave_link(request_thread *self, link_t *link, int keeps)
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
    request_thread *self = self_;
    link_t *link, *kept;
    int keeps, nth;

    pthread_mutex_lock(&me.lock);
    while (!me.is_closing) {
        nth = ++me.waiting;
        pthread_mutex_unlock(&me.lock);
        kept = NULL;
        link = wait_for_link(nth, &kept);
        if ((link = take_link(self, link, kept))) {
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

/* After so many another process is asked for; the processes of a group do not all come to theirs at the same time. */
static apr_int64_t most_requests(void)
{
    apr_int64_t most = me.group->maximum_requests;

    return most ? most - most * me.slot / (4 * me.group->processes) : 0;
}

/* As wsgi.run_once promises; else it serves until the other one is ready. */
static int is_for_one_request(void)
{
    return me.group->threads == 1 && me.group->maximum_requests == 1;
}

static int admit(void *unused)
{
    int admitted;

    pthread_mutex_lock(&me.lock);
    admitted = !me.is_quitting && !(is_for_one_request() && me.board->requests);
    if (admitted && ++me.board->requests == most_requests()) {
        me.say(MP_WORD_MAXIMUM);
        if (is_for_one_request())
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
        me.say(MP_WORD_RELOAD);
    me.has_asked_reload = 1;
    pthread_mutex_unlock(&me.lock);
    if (is_first)
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, me.server, "MP0413: Forcing restart of daemon process '%s' due to "
                     "modification of script '%s'.", me.group->name, script);
}

static int start_one(int number, pthread_attr_t *attributes)
{
    request_thread *one = calloc(1, sizeof(*one));
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

void mp_request_threads_prepare(const mp_group *group, mp_board *board, int listener, int public_listener, int slot,
                                void (*say)(char word))
{
    me.group = group;
    me.server = group->server;
    me.board = board;
    me.listener = listener;
    me.public_listener = public_listener;
    me.slot = slot;
    me.say = say;
    me.epoll = me.wake = -1;
    me.links.next = me.links.before = &me.links;
}

int mp_request_threads_start(const mp_engine_table *engine)
{
    pthread_attr_t attributes;
    int i;

    me.engine = engine;
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
        if (!start_one(i, &attributes))
            break;
    pthread_attr_destroy(&attributes);
    if (i && i < me.group->threads)
        ap_log_error(APLOG_MARK, APLOG_WARNING, errno, me.server, "MP0487: process '%s' has %d of its %d threads; more "
                     "can't be started", me.group->name, i, me.group->threads);
    return i > 0;
}

/* The end. */

/* Holding the lock. Nobody waits for clients that have connected and say nothing. */
static void drop_silent_links(void)
{
    request_thread *one;

    for (one = me.all; one; one = one->other)
        if (one->fd >= 0 && !me.board->threads[one->seat.number])
            shutdown(one->fd, SHUT_RD);
}

void mp_request_threads_close(int quits, int reason)
{
    pthread_mutex_lock(&me.lock);
    me.is_quitting |= quits;
    if (me.is_quitting)
        drop_silent_links();
    begin_closing(reason);
    pthread_cond_broadcast(&me.changed);
    pthread_mutex_unlock(&me.lock);
}

int mp_request_threads_go_on(void)
{
    return !me.is_closing;
}

int mp_request_threads_wait_for_close(void)
{
    int reason;

    pthread_mutex_lock(&me.lock);
    while (!me.is_closing || (me.active && !me.is_quitting))
        pthread_cond_wait(&me.changed, &me.lock);
    reason = me.reason;
    pthread_mutex_unlock(&me.lock);
    return reason;
}

void mp_request_threads_wait_for_end(void)
{
    struct timespec limit;

    pthread_mutex_lock(&me.lock);
    while (me.active)
        pthread_cond_wait(&me.changed, &me.lock);
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec++;
    while (me.alive && pthread_cond_timedwait(&me.changed, &me.lock, &limit) == 0)
        ;
    pthread_mutex_unlock(&me.lock);
}

/* Forks of the application. */

void mp_request_threads_before_fork(void)
{
    pthread_mutex_lock(&me.lock);
}

void mp_request_threads_after_fork(void)
{
    pthread_mutex_unlock(&me.lock);
}

static void close_own(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void mp_request_threads_leave_in_fork(void)
{
    request_thread *one;
    link_t *link;

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
    pthread_mutex_unlock(&me.lock);
}
