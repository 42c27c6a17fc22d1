#include "daemon/front.h"
#include "daemon/board.h"
#include "daemon/facts.h"
#include "daemon/wire.h"
#include "daemon/scripts.h"
#include "host/gateway.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RETRY 125000            /* microseconds between attempts, for the first two seconds; then a second */
#define CHANGE 20000            /* the same, while one process takes the place of another */
#define MOST_HEAD (15u * 1024 * 1024)
#define SURE_HEAD 16384         /* a longer head may arrive in pieces: the process has to say that it has taken it */
#define MOST_IDLE 64

static struct {
    pthread_mutex_t lock;
    pid_t pid;
    mp_line **idle;             /* by group */
    int *count;
    int groups;
} front = {.lock = PTHREAD_MUTEX_INITIALIZER};

void mp_front_child_init(apr_pool_t *pchild)
{
    front.groups = mp_process_get()->groups->nelts;
    front.idle = apr_pcalloc(pchild, (front.groups + 1) * sizeof(*front.idle));
    front.count = apr_pcalloc(pchild, (front.groups + 1) * sizeof(int));
    front.pid = getpid();
}

/* Connections. */

static void close_line(mp_line *line)
{
    if (!line)
        return;
    close(line->fd);
    free(line->in.bytes);
    free(line);
}

static mp_line *take_idle(const mp_group *group)
{
    mp_line *line;

    pthread_mutex_lock(&front.lock);
    if ((line = front.idle[group->number])) {
        front.idle[group->number] = line->next;
        front.count[group->number]--;
    }
    pthread_mutex_unlock(&front.lock);
    return line;
}

static void keep_idle(const mp_group *group, mp_line *line)
{
    pthread_mutex_lock(&front.lock);
    if (front.count[group->number] < MOST_IDLE) {
        line->next = front.idle[group->number];
        front.idle[group->number] = line;
        front.count[group->number]++;
        line = NULL;
    }
    pthread_mutex_unlock(&front.lock);
    close_line(line);
}

/* The kernel waits while the socket's queue is full. */
static int try_connect(const mp_group *group, apr_interval_time_t limit)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval wait = {(time_t)apr_time_sec(limit),
                           (suseconds_t)(apr_time_usec(limit) ? apr_time_usec(limit) : 1000)};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), saved, size;

    if (fd < 0)
        return -1;
    if ((size = (int)group->send_buffer_size))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if ((size = (int)group->receive_buffer_size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    apr_cpystrn(address.sun_path, group->socket, sizeof(address.sun_path));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        fcntl(fd, F_SETFL, O_NONBLOCK);
        return fd;
    }
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* A new connection, within connect-timeout; NULL: there is none, and relay->status says what to answer. */
static mp_line *connect_line(mp_relay *relay)
{
    const mp_group *group = relay->group;
    int64_t began = mp_clock(), until = began + group->connect_timeout, now, limit;
    mp_line *line = calloc(1, sizeof(*line));

    for (now = began; line; now = mp_clock()) {
        limit = mp_relay_patience(relay);
        if (until - now < limit)
            limit = until - now;
        relay->connects++;
        line->fd = try_connect(group, limit < 1000 ? 1000 : limit);
        if (line->fd >= 0)
            return line;
        if ((errno != ECONNREFUSED && errno != ENOENT && errno != EAGAIN && errno != EINTR) || mp_clock() >= until ||
            mp_relay_patience(relay) <= 0)
            break;
        if (errno != EAGAIN)
            usleep(now - began < 2000000 ? RETRY : 1000000);
    }
    if (mp_relay_patience(relay) <= 0)
        relay->status = mp_relay_expire(relay);
    else {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, errno, relay->r, "MP0430: no process of group '%s' could be reached at %s "
                      "within connect-timeout (%d seconds)", group->name, group->socket,
                      (int)apr_time_sec(group->connect_timeout));
        relay->status = HTTP_SERVICE_UNAVAILABLE;
    }
    free(line);
    return NULL;
}

/* What is sent. */

static const char *pack(apr_pool_t *p, const mp_relay *relay, const mp_wsgi_target *target, const mp_wsgi_conf *conf,
                        size_t *length)
{
    const mp_gateway *to = relay->to;
    int flags = (target->case_sensitive ? MP_FLAG_CASE_SENSITIVE : 0) | (target->reloading ? MP_FLAG_RELOADING : 0) |
                (to->is_https ? MP_FLAG_HTTPS : 0) | (to->is_head ? MP_FLAG_HEAD : 0) |
                (to->sends_files ? MP_FLAG_SENDFILE : 0) | (relay->says_taken ? MP_FLAG_SAY_TAKEN : 0) |
                (relay->expects ? MP_FLAG_SAY_WANTED : 0) | (conf->ignore_activity == 1 ? MP_FLAG_IGNORE_ACTIVITY : 0) |
                (to->is_head && !mp_gateway_is_transformed(relay->r) ? MP_FLAG_NO_BODY : 0);
    const char *facts[MP_FACTS] = {
        [MP_FACT_SECRET] = relay->group->secret, [MP_FACT_INTERPRETER] = target->interpreter,
        [MP_FACT_APPLICATION_GROUP] = target->application_group, [MP_FACT_SCRIPT] = target->script,
        [MP_FACT_RESOURCE] = target->resource, [MP_FACT_CALLABLE] = target->callable,
        [MP_FACT_HANDLER] = target->handler, [MP_FACT_HANDLER_SCRIPT] = target->handler_script,
        [MP_FACT_SCRIPT_NAME] = target->script_name, [MP_FACT_PATH_INFO] = target->path_info,
        [MP_FACT_MOUNT_POINT] = target->mount_point, [MP_FACT_LISTENER_HOST] = target->listener_host,
        [MP_FACT_LISTENER_PORT] = apr_itoa(p, (int)target->listener_port), [MP_FACT_FLAGS] = apr_itoa(p, flags),
        [MP_FACT_REQUEST_START] = apr_off_t_toa(p, to->request_start),
        [MP_FACT_QUEUE_START] = apr_off_t_toa(p, apr_time_now()),
        [MP_FACT_DEADLINE] = relay->deadline ? apr_off_t_toa(p, relay->deadline) : NULL,
        [MP_FACT_REQUEST_ID] = to->request_id, [MP_FACT_CONNECTION_ID] = to->connection_id,
        [MP_FACT_SERVER_PID] = to->server_pid, [MP_FACT_BODY_LENGTH] = apr_off_t_toa(p, to->body_length),
        [MP_FACT_CONNECTS] = apr_itoa(p, relay->connects), [MP_FACT_RESTARTS] = apr_itoa(p, relay->restarts),
        [MP_FACT_MOST_INTERPRETERS] = target->by_client ? apr_itoa(p, target->most_interpreters) : NULL
    };
    char *packed, *at;
    int i;

    for (i = 0, *length = 0; i < MP_FACTS; i++)
        *length += strlen(facts[i] ? facts[i] : MP_FACT_NONE) + 1;
    packed = at = apr_palloc(p, *length);
    for (i = 0; i < MP_FACTS; i++) {
        size_t size = strlen(facts[i] ? facts[i] : MP_FACT_NONE) + 1;

        memcpy(at, facts[i] ? facts[i] : MP_FACT_NONE, size);
        at += size;
    }
    return packed;
}

/* A stream of PARAMS, cut into records, between BEGIN and, without a body, an empty STDIN. NULL: it is too long. */
static const unsigned char *make_head(apr_pool_t *p, mp_relay *relay, const mp_wsgi_target *target,
                                      const mp_wsgi_conf *conf)
{
    const mp_gateway *to = relay->to;
    size_t length, size, packed_length, left;
    const char *packed = pack(p, relay, target, conf, &packed_length);
    unsigned char *pairs, *at, *head;
    int i;

    length = mp_wire_pair_size(strlen(MP_FACTS_NAME), packed_length);
    for (i = 0; i < to->variables->nelts; i++) {
        const mp_pair *pair = &APR_ARRAY_IDX(to->variables, i, mp_pair);

        size = mp_wire_pair_size(strlen(pair->name), strlen(pair->value));
        if (!size || (length += size) > MOST_HEAD)
            return NULL;
    }
    at = pairs = apr_palloc(p, length);
    for (i = 0; i < to->variables->nelts; i++) {
        const mp_pair *pair = &APR_ARRAY_IDX(to->variables, i, mp_pair);

        at = mp_wire_pair_put(at, pair->name, strlen(pair->name), pair->value, strlen(pair->value));
    }
    mp_wire_pair_put(at, MP_FACTS_NAME, strlen(MP_FACTS_NAME), packed, packed_length);
    at = head = apr_palloc(p, length + (length / MP_WIRE_ONE + 4) * MP_WIRE_HEADER + 16);
    mp_wire_begin(at, 1, MP_WIRE_RESPONDER, MP_WIRE_KEEP_CONN);
    at += 16;
    for (left = length; left; left -= size, pairs += size) {
        size = left < MP_WIRE_ONE ? left : MP_WIRE_ONE;
        mp_wire_header(at, MP_WIRE_PARAMS, 1, size);
        memcpy(at + MP_WIRE_HEADER, pairs, size);
        at += MP_WIRE_HEADER + size;
    }
    mp_wire_header(at, MP_WIRE_PARAMS, 1, 0);
    at += MP_WIRE_HEADER;
    if (!relay->has_body) {
        mp_wire_header(at, MP_WIRE_STDIN, 1, 0);
        at += MP_WIRE_HEADER;
    }
    relay->head_length = (size_t)(at - head);
    return head;
}

/* For one more attempt: a head says how many there were. 0: it is too long. */
static int renew_head(mp_relay *relay, const mp_wsgi_target *target, const mp_wsgi_conf *conf)
{
    apr_pool_t *p = relay->to->pool;

    if (relay->head) {
        if (relay->head_pool)
            apr_pool_clear(relay->head_pool);
        else
            apr_pool_create(&relay->head_pool, p);
        p = relay->head_pool;
    }
    relay->head = make_head(p, relay, target, conf);
    if (relay->head && relay->head_length > SURE_HEAD && !relay->says_taken) {
        relay->says_taken = 1;
        relay->head = make_head(p, relay, target, conf);
    }
    return relay->head != NULL;
}

/* Before. */

static const mp_group *find_group(request_rec *r, const mp_wsgi_target *target, int *status)
{
    const char *why;
    const mp_group *group = mp_groups_find(target->process_group, r->server, &why);

    *status = HTTP_INTERNAL_SERVER_ERROR;
    if (!group)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0431: No WSGI daemon process called '%s' has been configured for "
                      "this server: %s", target->process_group, why);
    else if (!group->threads)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0432: the group '%s' has threads=0 and serves no requests",
                      group->name);
    else if (!mp_scripts_trusted(group, target->script, r->pool)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, MP_SCRIPTS_UNTRUSTED, target->script, group->name);
        *status = HTTP_FORBIDDEN;
    }
    else
        return group;
    return NULL;
}

/* What the process sees is the paths in its root. Nobody but this group's process reads the variables any more. */
static int enter_root(mp_wsgi_target *target, mp_gateway *to, const mp_group *group)
{
    static const char *const names[] = {"DOCUMENT_ROOT", "CONTEXT_DOCUMENT_ROOT", "SCRIPT_FILENAME", "PATH_TRANSLATED"};
    const char *path;
    size_t i;
    int j;

    for (j = 0; group->chroot && j < to->variables->nelts; j++) {
        mp_pair *pair = &APR_ARRAY_IDX(to->variables, j, mp_pair);

        for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            if (!strcmp(pair->name, names[i]) && (path = mp_scripts_inside(group, pair->value)))
                pair->value = path;
    }
    if (*target->handler_script && (path = mp_scripts_inside(group, target->handler_script)))
        target->handler_script = path;
    if ((path = mp_scripts_inside(group, target->resource)))
        target->resource = path;
    return (target->script = mp_scripts_inside(group, target->script)) != NULL;
}

/* How often a request may find no process that takes it. */
typedef struct {
    int64_t changed_until;
    int refusals;                   /* a new connection counts as MOST_IDLE kept ones */
    apr_array_header_t *changed;    /* int: processes that had an old script */
} patience;

static mp_relayed attempt(mp_relay *relay, const mp_wsgi_target *target, const mp_wsgi_conf *conf)
{
    mp_relayed result;

    relay->line = take_idle(relay->group);
    relay->is_new = !relay->line;
    if (relay->line)
        relay->connects++;
    else if (!(relay->line = connect_line(relay)))
        return MP_RELAY_DONE;
    if (!renew_head(relay, target, conf)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, relay->r,
                      "MP0435: the variables of this request are too long for group "
                      "'%s'", relay->group->name);
        close_line(relay->line);
        relay->status = HTTP_INTERNAL_SERVER_ERROR;
        return MP_RELAY_DONE;
    }
    relay->reusable = 0;
    relay->status = OK;
    result = mp_relay_run(relay);
    if (relay->reusable)
        keep_idle(relay->group, relay->line);
    else
        close_line(relay->line);
    mp_relay_end(relay);
    relay->restarts += result != MP_RELAY_DONE;
    return result;
}

/* Old processes may take turns for as long as there is no new one. */
static void remember(const mp_relay *relay, patience *left)
{
    int i;

    if (!left->changed)
        left->changed = apr_array_make(relay->to->pool, 4, sizeof(int));
    for (i = 0; i < left->changed->nelts; i++)
        if (APR_ARRAY_IDX(left->changed, i, int) == relay->rejected_by)
            return;
    APR_ARRAY_PUSH(left->changed, int) = relay->rejected_by;
}

/* 0: another attempt makes no sense. */
static int wait_for_another(const mp_relay *relay, mp_relayed result, patience *left)
{
    if (relay->r->connection->aborted || mp_relay_patience(relay) <= 0)
        return 0;
    if (result == MP_RELAY_CHANGED) {
        remember(relay, left);
        if (left->changed->nelts > 2 * relay->group->processes + 1)
            return 0;
        usleep(CHANGE);
        return mp_clock() < left->changed_until;
    }
    /* Those that were kept may all lead to processes that have ended. */
    left->refusals += relay->is_new ? MOST_IDLE : 1;
    if (relay->is_new)
        usleep(CHANGE);
    return left->refusals <= (2 * relay->group->processes + 10) * MOST_IDLE;
}

static int has_body(request_rec *r)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");

    return apr_table_get(r->headers_in, "Transfer-Encoding") || (length && apr_atoi64(length) > 0);
}

int mp_daemon_serve(mp_gateway *to, const mp_wsgi_target *target, const mp_wsgi_conf *conf)
{
    request_rec *r = to->r;
    mp_wsgi_target inside = *target;
    mp_relay relay = {.to = to, .r = r};
    mp_relayed result;
    patience left = {0};
    int status;

    if (!(relay.group = find_group(r, target, &status)))
        return status;
    if (!enter_root(&inside, to, relay.group)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "MP0434: %s is outside of the chroot %s of group '%s'", target->script,
                      relay.group->chroot, relay.group->name);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    relay.has_body = has_body(r);
    relay.expects = relay.has_body && r->expecting_100;
    relay.deadline = relay.group->queue_timeout ? r->request_time + relay.group->queue_timeout : 0;
    relay.says_taken = relay.has_body || relay.deadline || relay.group->send_buffer_size;
    left.changed_until = mp_clock() + r->server->timeout;
    do
        result = attempt(&relay, &inside, conf);
    while (result != MP_RELAY_DONE && wait_for_another(&relay, result, &left));
    if (result == MP_RELAY_DONE)
        return relay.status;
    if (mp_relay_patience(&relay) <= 0)
        return mp_relay_expire(&relay);
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0436: no process of group '%s' took the request: %s",
                  relay.group->name, result == MP_RELAY_CHANGED
                  ? "its script has changed, and no process with the new one was there in time, or its "
                  "reload_required() is never content"
                  : "they came to their end");
    return HTTP_SERVICE_UNAVAILABLE;
}
