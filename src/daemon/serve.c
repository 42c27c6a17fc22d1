#include "daemon/scripts.h"
#include "daemon/served.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The body may come. What was put before, that somebody has the request, goes along. */
static void gateway_begin(mp_gateway *gateway)
{
    mp_served *one = (mp_served *)gateway;

    one->seat->board->first_attempt = -1;
    mp_scripts_note(one->seat->board, one->interpreter, one->script);
    if (!(one->flags & MP_FLAG_SAY_TAKEN))
        return;
    pthread_mutex_lock(&one->out_lock);     /* nobody else knows of the request yet */
    mp_served_note(one, MP_NOTE_BEGUN, "", 0);
    mp_served_flush(one, 0);
    pthread_mutex_unlock(&one->out_lock);
}

static const mp_gateway_calls calls = {
    mp_served_read, mp_served_head, mp_served_write, mp_served_send_file, mp_served_cut, mp_served_log, gateway_begin,
    mp_served_log_at
};

/* What an attempt at a script comes out as, and who says so: its process. */
static int reject(mp_served *one, const char *reason)
{
    const char *why = apr_psprintf(one->base.pool, "%s %d", reason, (int)getpid());

    mp_served_note(one, MP_NOTE_REJECTED, why, strlen(why));
    mp_served_end(one, 0);
    return 0;
}

void mp_serve_end_fork(const mp_seat *seat)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, seat->server, "MP0465: a process that an application of group '%s' "
                 "forked has come back from the application; it ends here, and only its parent answers",
                     seat->group->name);
    _exit(1);
}

/* The script is not the one that this process has loaded. 1: a fresh process shall have the request. */
static int is_elsewhere(mp_served *one, mp_wsgi_target *target)
{
    one->seat->reload(one->seat->worker, target->script);
    if (!one->is_public && one->seat->group->processes == 1)
        return 1;
    /* Several go on with what they have, until others have loaded what is new. Other clients would not ask again. */
    target->reloading = 0;
    return 0;
}

static int run_engine(mp_served *one, mp_wsgi_target *target)
{
    const mp_engine_table *engine = one->seat->engine;
    int status = engine->wsgi(&one->base, target);

    if (status == DECLINED && !is_elsewhere(one, target))
        status = engine->wsgi(&one->base, target);
    return status;
}

/* Runs the application. 1: the connection can be used again. */
static int run(mp_served *one, mp_wsgi_target *target)
{
    mp_seat *seat = one->seat;
    int64_t none = 0, begun = mp_clock();
    int status = HTTP_INTERNAL_SERVER_ERROR;

    seat->board->threads[seat->number] = begun;
    atomic_compare_exchange_strong(&seat->board->first_attempt, &none, begun);
    mp_served_touch(one);
    if (one->flags & MP_FLAG_SAY_TAKEN) {
        mp_served_note(one, MP_NOTE_TAKEN, "", 0);
        one->was_loaded = mp_scripts_are_loaded(target->script);
        if (!one->was_loaded)       /* else it is soon said that it has begun */
            mp_served_flush(one, 1);
    }
    if (seat->engine && seat->engine->wsgi)
        status = run_engine(one, target);
    else
        mp_served_log(&one->base, APLOG_ERR,
                      "MP0423: this process has no Python; what it logged when it started says why");
    if (seat->is_forked)
        mp_serve_end_fork(seat);
    seat->board->threads[seat->number] = 0;
    mp_served_touch(one);
    if (status == DECLINED) {
        atomic_compare_exchange_strong(&seat->board->first_attempt, &begun, 0);
        return reject(one, "script");
    }
    if (one->is_cut && one->is_public) {
        mp_served_flush(one, 1);
        return 0;               /* whoever ignores appStatus sees an end that came too early */
    }
    if (status != OK && !one->has_head)
        mp_served_error(one, status);
    mp_served_end(one, one->is_cut ? MP_WIRE_CUT : 0);
    return one->keeps && !one->out_error && !one->in_error && !one->is_cut;
}

static int process(mp_served *one)
{
    mp_seat *seat = one->seat;
    const char *facts[MP_FACTS] = {NULL};
    mp_wsgi_target target = {0};

    one->base.daemon_start = apr_time_now();
    if (!mp_served_read_params(one, facts)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, seat->server, "MP0424: somebody who does not know its secret has "
                     "connected to group '%s'; nothing was run", seat->group->name);
        return 0;
    }
    if (one->is_public)
        mp_served_describe_public(one, &target);
    else
        mp_served_describe(one, facts, &target);
    target.process_group = seat->group->name;
    if (one->deadline && one->base.daemon_start > one->deadline) {
        mp_served_error(one, HTTP_GATEWAY_TIME_OUT);
        mp_served_end(one, 0);
        return one->keeps && mp_served_drain(one);
    }
    if (one->is_public && !mp_scripts_trusted(seat->group, target.script, seat->pool)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, seat->server, MP_SCRIPTS_UNTRUSTED, target.script, seat->group->name);
        mp_served_error(one, HTTP_FORBIDDEN);
        mp_served_end(one, 0);
        return one->keeps && mp_served_drain(one);
    }
    one->script = target.script;
    one->interpreter = target.interpreter;
    if (target.reloading && mp_scripts_changed(target.script) && is_elsewhere(one, &target))
        return reject(one, "script");
    if (!seat->admit(seat->worker) && !one->is_public)      /* such clients do not ask again */
        return reject(one, "end");
    return run(one, &target) && mp_served_drain(one);
}

/* A TCP connection that is closed with unread bytes loses what we sent. */
static void linger(mp_served *one)
{
    struct pollfd fd = {one->fd, POLLIN, 0};
    char waste[4096];
    int i;

    shutdown(one->fd, SHUT_WR);
    for (i = 0; i < 64 && poll(&fd, 1, 500) > 0 && recv(one->fd, waste, sizeof(waste), MSG_DONTWAIT) > 0; i++)
        ;
}

int mp_serve(mp_seat *seat, int fd, int is_public)
{
    const mp_group *group = seat->group;
    mp_served *one = apr_pcalloc(seat->pool, sizeof(*one));
    apr_status_t rv;
    int keeps = 0;

    one->base.calls = &calls;
    one->base.pool = seat->pool;
    one->base.server = seat->server;
    one->base.multithread = group->threads != 1;
    one->base.multiprocess = group->is_multiprocess || group->processes > 1;
    one->base.thread = seat->number + 1;
    one->out_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    one->base.run_once = group->threads == 1 && group->maximum_requests == 1;
    one->seat = seat;
    one->fd = fd;
    one->is_public = is_public;
    one->timeout = group->socket_timeout ? group->socket_timeout : seat->server->timeout;
    rv = mp_served_read_request(one);
    if (rv == APR_SUCCESS)
        keeps = process(one);
    else if (rv != APR_EOF && rv != APR_ECONNABORTED)
        ap_log_error(APLOG_MARK, APLOG_INFO, rv, seat->server,
                     "MP0425: what came to group '%s' is no request of FastCGI",
                     group->name);
    if (!keeps && is_public)
        linger(one);
    if (one->out_error)
        mp_served_log_unsent(one);
    mp_bytes_empty(&seat->params);
    mp_bytes_empty(&seat->out);
    if (!keeps)
        seat->in.start = seat->in.end = 0;
    apr_pool_clear(seat->pool);
    return keeps;
}
