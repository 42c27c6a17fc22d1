/* WSGIDaemonProcess and the directives about its sockets. */
#include <grp.h>
#include <limits.h>
#include <locale.h>
#include <pwd.h>

#include "config/directives.h"
#include "config/groups.h"
#include "config/options.h"

#include "apr_lib.h"

typedef enum {
    TEXT, DIRECTORY, PATH, PATH_LIST, NUMBER, SIZE, BUFFER, SECONDS, MILLISECONDS, FLOAT, ON_OFF, PRIORITY, USER, GROUP,
    GROUPS, MODE, ENDPOINT
} option_kind;

/* What may follow NAME=, and where it goes. */
typedef struct {
    const char *name;
    option_kind kind;
    size_t offset;
    apr_int64_t least, most;
} option_row;

#define ROW(name, kind, field, least, most) {name, kind, APR_OFFSETOF(mp_group, field), least, most}

static const option_row rows[] = {
    ROW("user", USER, uid, 0, 0),
    ROW("group", GROUP, gid, 0, 0),
    ROW("supplementary-groups", GROUPS, groups, 0, 0),
    ROW("umask", MODE, umask, 0, 0),
    ROW("home", PATH, home, 0, 0),
    ROW("chroot", DIRECTORY, chroot, 0, 0),
    ROW("lang", TEXT, lang, 0, 0),
    ROW("locale", TEXT, locale, 0, 0),
    ROW("display-name", TEXT, title, 0, 0),
    ROW("python-home", DIRECTORY, python_home, 0, 0),
    ROW("python-path", PATH_LIST, python_path, 0, 0),
    ROW("python-eggs", PATH, python_eggs, 0, 0),
    ROW("script-user", USER, script_user, 0, 0),
    ROW("script-group", GROUP, script_group, 0, 0),
    ROW("socket-user", USER, socket_user, 0, 0),
    ROW("processes", NUMBER, processes, 1, 10000),
    ROW("threads", NUMBER, threads, 0, 65533),
    ROW("stack-size", SIZE, stack_size, 1, APR_INT64_MAX),
    ROW("switch-interval", FLOAT, switch_interval, 0, 0),
    ROW("cpu-priority", PRIORITY, cpu_priority, -20, 19),
    ROW("cpu-time-limit", SIZE, cpu_time_limit, 0, INT_MAX),
    ROW("memory-limit", SIZE, memory_limit, 0, APR_INT64_MAX),
    ROW("virtual-memory-limit", SIZE, virtual_memory_limit, 0, APR_INT64_MAX),
    ROW("server-metrics", ON_OFF, server_metrics, 0, 0),
    ROW("maximum-requests", SIZE, maximum_requests, 0, APR_INT64_MAX),
    ROW("restart-interval", SECONDS, restart_interval, 0, 0),
    ROW("inactivity-timeout", SECONDS, inactivity_timeout, 0, 0),
    ROW("deadlock-timeout", SECONDS, deadlock_timeout, 0, 0),
    ROW("request-timeout", SECONDS, request_timeout, 0, 0),
    ROW("interrupt-timeout", SECONDS, interrupt_timeout, 0, 0),
    ROW("startup-timeout", SECONDS, startup_timeout, 0, 0),
    ROW("graceful-timeout", SECONDS, graceful_timeout, 0, 0),
    ROW("eviction-timeout", SECONDS, eviction_timeout, 0, 0),
    ROW("shutdown-timeout", SECONDS, shutdown_timeout, 0, 0),
    ROW("listen-backlog", SIZE, listen_backlog, 0, INT_MAX),
    ROW("connect-timeout", SECONDS, connect_timeout, 0, 0),
    ROW("socket-timeout", SECONDS, socket_timeout, 0, 0),
    ROW("response-socket-timeout", SECONDS, response_socket_timeout, 0, 0),
    ROW("queue-timeout", SECONDS, queue_timeout, 0, 0),
    ROW("send-buffer-size", BUFFER, send_buffer_size, 512, INT_MAX),
    ROW("receive-buffer-size", BUFFER, receive_buffer_size, 512, INT_MAX),
    ROW("header-buffer-size", BUFFER, header_buffer_size, 8192, 16 * 1024 * 1024),
    ROW("response-buffer-size", BUFFER, response_buffer_size, 65536, INT_MAX),
    ROW("proxy-buffer-size", BUFFER, response_buffer_size, 65536, INT_MAX),
    ROW("response-flush-delay", MILLISECONDS, response_flush_delay, 0, 60000),
    ROW("listen", ENDPOINT, listen, 0, 0),
    ROW("listen-script", PATH, listen_script, 0, 0),
};

/* An option in process: for setters and their complaints. */
typedef struct {
    cmd_parms *cmd;
    const mp_group *group;
    const option_row *row;
    const char *value;
    void *to;
} setting;

static const char *complain(const setting *s, const char *what)
{
    return apr_psprintf(s->cmd->pool, "%s %s: %s=%s: %s", s->cmd->cmd->name, s->group->name, s->row->name, s->value,
                        what);
}

/* Digits only, and a sign where that makes sense. */
static int read_integer(const char *text, apr_int64_t *number)
{
    char *end;

    if (!apr_isdigit(text[*text == '-' || *text == '+']))
        return 0;
    errno = 0;
    *number = apr_strtoi64(text, &end, 10);
    return !*end && errno == 0;
}

static const char *set_integer(const setting *s, apr_int64_t *number)
{
    const option_row *row = s->row;

    if (!read_integer(s->value, number))
        return complain(s, "it is no whole number; write digits only");
    if (row->kind == BUFFER && *number == 0)
        return NULL;
    if (*number < row->least || *number > row->most)
        return complain(s, apr_psprintf(s->cmd->pool, "write a number from %s%" APR_INT64_T_FMT " to %" APR_INT64_T_FMT,
                                        row->kind == BUFFER ? "0 (the default), or from " : "", row->least, row->most));
    return NULL;
}

static int read_decimal(const char *text, double *number)
{
    char *end;

    if (!apr_isdigit(*text) || text[strspn(text, "0123456789.")])
        return 0;
    *number = strtod(text, &end);
    return !*end;
}

static const char *set_seconds(const setting *s)
{
    double seconds;

    if (!read_decimal(s->value, &seconds) || seconds > 1e9)
        return complain(s, "write a number of seconds, such as 15 or 0.5, and 0 for none");
    *(apr_interval_time_t *)s->to = (apr_interval_time_t)(seconds * APR_USEC_PER_SEC);
    return NULL;
}

static const char *set_float(const setting *s)
{
    double *to = s->to;

    return read_decimal(s->value, to) && *to > 0
           ? NULL : complain(s, "write a number of seconds above 0, such as 0.005");
}

static const char *set_flag(const setting *s)
{
    int on = !ap_cstr_casecmp(s->value, "on");

    if (!on && ap_cstr_casecmp(s->value, "off"))
        return complain(s, "must be one of: Off | On");
    *(int *)s->to = on;
    return NULL;
}

static int find_user(const char *text, uid_t *uid)
{
    const struct passwd *user;
    apr_int64_t number;

    if (*text == '#') {
        if (!apr_isdigit(text[1]) || !read_integer(text + 1, &number) || number >= (apr_int64_t)UINT_MAX)
            return 0;
        *uid = (uid_t)number;
        return 1;
    }
    if (!(user = getpwnam(text)))
        return 0;
    *uid = user->pw_uid;
    return 1;
}

static int find_group(const char *text, gid_t *gid)
{
    const struct group *group;
    uid_t number;

    if (*text == '#') {
        if (!find_user(text, &number))
            return 0;
        *gid = (gid_t)number;
        return 1;
    }
    if (!(group = getgrnam(text)))
        return 0;
    *gid = group->gr_gid;
    return 1;
}

static const char *set_user(const setting *s)
{
    if (!find_user(s->value, s->to))
        return complain(s, "there is no such user; write a name that `getent passwd` knows, or #UID");
    if (*(uid_t *)s->to == 0 && !strcmp(s->row->name, "user"))
        return complain(s, "WSGI process blocked from running as root; write an ordinary user");
    return NULL;
}

static const char *set_group(const setting *s)
{
    return find_group(s->value, s->to) ? NULL
        : complain(s, "there is no such group; write a name that `getent group` knows, or #GID");
}

static const char *set_groups(const setting *s)
{
    apr_array_header_t *groups = apr_array_make(s->cmd->pool, 4, sizeof(gid_t));
    const char *rest = s->value;

    while (*rest) {
        const char *name = ap_getword(s->cmd->temp_pool, &rest, ',');

        if (!find_group(name, apr_array_push(groups)))
            return complain(s, apr_psprintf(s->cmd->pool, "there is no group '%s'; write names or #GID with commas "
                                            "between them", name));
    }
    if (groups->nelts > NGROUPS_MAX)
        return complain(s, apr_psprintf(s->cmd->pool, "a process can have %d groups at most", NGROUPS_MAX));
    *(apr_array_header_t **)s->to = groups;
    return NULL;
}

static const char *set_mode(const setting *s)
{
    char *end;
    long mode = strtol(s->value, &end, 8);

    if (!apr_isdigit(*s->value) || *end || mode > 0777)
        return complain(s, "Invalid umask; write octal digits, such as 0027");
    *(int *)s->to = (int)mode;
    return NULL;
}

static const char *set_path(const setting *s)
{
    if (!ap_os_is_path_absolute(s->cmd->temp_pool, s->value))
        return complain(s, "it is a relative path; write it from / on");
    *(const char **)s->to = s->value;
    return NULL;
}

static const char *set_directory(const setting *s)
{
    const char *error = set_path(s);

    if (error)
        return error;
    if (!ap_is_directory(s->cmd->temp_pool, s->value))
        return complain(s, apr_psprintf(s->cmd->pool, "Invalid %s directory: it is not there, or can't be read; create "
                                        "it, or correct the path", s->row->name));
    return NULL;
}

static const char *set_path_list(const setting *s)
{
    const char *rest = s->value;

    while (*rest) {
        const char *directory = ap_getword(s->cmd->temp_pool, &rest, ':');

        if (*directory && !ap_os_is_path_absolute(s->cmd->temp_pool, directory))
            return complain(s, apr_psprintf(s->cmd->pool, "'%s' is a relative path; write directories from / on, with "
                                            "colons between them", directory));
    }
    *(const char **)s->to = s->value;
    return NULL;
}

static const char *set_endpoint(const setting *s)
{
    char *host, *scope;
    apr_port_t port;

    if (!strncmp(s->value, "unix:", 5)) {
        if (s->value[5] != '/' || strlen(s->value) > 100)
            return complain(s, "write unix:/path with an absolute path of at most 95 characters");
    }
    else if (apr_parse_addr_port(&host, &scope, &port, s->value, s->cmd->temp_pool) != APR_SUCCESS || !host || !port)
        return complain(s, "write unix:/path or address:port, such as 127.0.0.1:9000");
    *(const char **)s->to = s->value;
    return NULL;
}

static const char *set_value(const setting *s)
{
    apr_int64_t number;
    const char *error;

    switch (s->row->kind) {
    case DIRECTORY: return set_directory(s);
    case PATH: return set_path(s);
    case PATH_LIST: return set_path_list(s);
    case SECONDS: return set_seconds(s);
    case FLOAT: return set_float(s);
    case ON_OFF: return set_flag(s);
    case USER: return set_user(s);
    case GROUP: return set_group(s);
    case GROUPS: return set_groups(s);
    case MODE: return set_mode(s);
    case ENDPOINT: return set_endpoint(s);
    case TEXT:
        *(const char **)s->to = s->value;
        return NULL;
    default:
        break;
    }
    if ((error = set_integer(s, &number)))
        return error;
    if (s->row->kind == NUMBER || s->row->kind == PRIORITY)
        *(int *)s->to = (int)number;
    else if (s->row->kind == MILLISECONDS)
        *(apr_interval_time_t *)s->to = number * 1000;
    else if (number || s->row->kind != BUFFER)
        *(apr_int64_t *)s->to = number;     /* 0 of a buffer keeps the default */
    return NULL;
}

static const char *set_option(cmd_parms *cmd, mp_group *group, const char *name, const char *value)
{
    setting s = {cmd, group, NULL, value, NULL};
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!strcmp(rows[i].name, name)) {
            s.row = &rows[i];
            s.to = (char *)group + rows[i].offset;
            if (!strcmp(name, "processes"))
                group->is_multiprocess = 1;
            group->has_cpu_priority |= !strcmp(name, "cpu-priority");
            return set_value(&s);
        }
    return apr_psprintf(cmd->pool, "%s %s: the option '%s' is unknown; docs/directives has the list", cmd->cmd->name,
                        group->name, name);
}

static mp_group *new_group(cmd_parms *cmd, const char *name)
{
    mp_group *group = apr_pcalloc(cmd->pool, sizeof(*group));

    group->name = name;
    group->server = cmd->server;
    group->uid = group->script_user = group->socket_user = MP_NOBODY;
    group->gid = group->script_group = (gid_t)-1;
    group->umask = -1;
    group->processes = 1;
    group->threads = 15;
    group->deadlock_timeout = apr_time_from_sec(300);
    group->graceful_timeout = apr_time_from_sec(15);
    group->shutdown_timeout = apr_time_from_sec(5);
    group->connect_timeout = apr_time_from_sec(15);
    group->listen_backlog = 100;
    group->header_buffer_size = 32768;
    group->response_buffer_size = 8 * 1024 * 1024;
    group->response_flush_delay = 5000;
    return group;
}

static const char *check_name(cmd_parms *cmd, const char *name)
{
    const apr_array_header_t *groups = mp_process_get()->groups;
    int i;

    if (!*name || strchr(name, '='))
        return apr_psprintf(cmd->pool, "%s: the group has no name; write %s NAME [option=value ...]", cmd->cmd->name,
                            cmd->cmd->name);
    if (!strncmp(name, "%{", 2) || strlen(name) > 128)
        return apr_psprintf(cmd->pool, "%s: '%s' can't be the name of a process group; write a plain word of at most "
                            "128 characters", cmd->cmd->name, name);
    for (i = 0; i < groups->nelts; i++)
        if (!strcmp(APR_ARRAY_IDX(groups, i, mp_group *)->name, name))
            return apr_psprintf(cmd->pool, "%s: Name duplicates previous WSGI daemon definition: there is a group '%s' "
                                "already, and names are unique over all virtual hosts; write another name",
                                cmd->cmd->name, name);
    return NULL;
}

/* With chroot= it is the path inside. */
static const char *check_home(cmd_parms *cmd, const mp_group *group)
{
    const char *path = group->home && group->chroot
                       ? apr_pstrcat(cmd->pool, group->chroot, group->home, NULL) : group->home;

    if (path && !ap_is_directory(cmd->temp_pool, path))
        return apr_psprintf(cmd->pool, "%s %s: home=%s: Invalid home directory: %s is not there, or can't be read; "
                            "create it, or correct the path", cmd->cmd->name, group->name, group->home, path);
    return NULL;
}

static const char *check_endpoint(cmd_parms *cmd, const mp_group *group)
{
    const apr_array_header_t *groups = mp_process_get()->groups;
    int i;

    if (!group->listen != !group->listen_script)
        return apr_psprintf(cmd->pool, "%s %s: listen= and listen-script= need each other: what connects to that "
                            "address runs that script, and no other; write both", cmd->cmd->name, group->name);
    for (i = 0; group->listen && i < groups->nelts; i++) {
        const mp_group *other = APR_ARRAY_IDX(groups, i, mp_group *);

        if (other->listen && !strcmp(other->listen, group->listen))
            return apr_psprintf(cmd->pool, "%s %s: listen=%s is the address of group '%s' already; write another one",
                                cmd->cmd->name, group->name, group->listen, other->name);
    }
    return NULL;
}

static const char *set_daemon_process(cmd_parms *cmd, void *conf, const char *args)
{
    const char *group_name, *name, *value, *error;
    mp_group *group;

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    group_name = ap_getword_conf(cmd->pool, &args);
    if ((error = check_name(cmd, group_name)))
        return error;
    group = new_group(cmd, group_name);
    while (!(error = mp_option_next(cmd, &args, &name, &value)) && name)
        if ((error = set_option(cmd, group, name, value)))
            return error;
    if (error)
        return error;
    if (group->script_user != MP_NOBODY && group->script_group != (gid_t)-1)
        return apr_psprintf(cmd->pool, "%s %s: script-user= and script-group= exclude each other; write one of them",
                            cmd->cmd->name, group_name);
    if ((error = check_home(cmd, group)) || (error = check_endpoint(cmd, group)))
        return error;
    group->number = mp_process_get()->groups->nelts;
    *(mp_group **)apr_array_push(mp_process_get()->groups) = group;
    return NULL;
}

static const char *set_socket_prefix(cmd_parms *cmd, void *conf, const char *prefix)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    if (error)
        return error;
    if (!*prefix || !(prefix = ap_server_root_relative(cmd->pool, prefix)))
        return apr_psprintf(cmd->pool, "%s: that can't be a path; write one such as /run/apache2/wsgi", cmd->cmd->name);
    mp_process_get()->socket_prefix = prefix;
    return NULL;
}

/* Accepted, and without effect: the sockets of a generation stay until its last child is gone. */
static const char *set_socket_rotation(cmd_parms *cmd, void *conf, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    if (!error && ap_cstr_casecmp(value, "on") && ap_cstr_casecmp(value, "off"))
        error = apr_psprintf(cmd->pool, "%s: '%s' must be one of: Off | On", cmd->cmd->name, value);
    return error;
}

/* Accepted, and without effect: the kernel wakes one process for each connection. */
static const char *set_accept_mutex(cmd_parms *cmd, void *conf, const char *value)
{
    static const char *const known[] = {"default", "flock", "fcntl", "sysvsem", "posixsem", "pthread"};
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    size_t i;

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    for (i = 0; !error && i < sizeof(known) / sizeof(known[0]); i++)
        if (!ap_cstr_casecmp(value, known[i]))
            return NULL;
    return error ? error : apr_psprintf(cmd->pool, "%s: '%s' must be one of: default | flock | fcntl | sysvsem | "
                                        "posixsem | pthread", cmd->cmd->name, value);
}

const command_rec mp_daemon_directives[MP_DAEMON_ROWS] = {
    AP_INIT_RAW_ARGS("WSGIDaemonProcess", set_daemon_process, NULL, RSRC_CONF,
                     "name, option=value ...: a group of processes that run WSGI applications"),
    AP_INIT_TAKE1("WSGISocketPrefix", set_socket_prefix, NULL, RSRC_CONF, "beginning of the names of groups' sockets"),
    AP_INIT_TAKE1("WSGISocketRotation", set_socket_rotation, NULL, RSRC_CONF, "accepted; sockets always rotate"),
    AP_INIT_TAKE1("WSGIAcceptMutex", set_accept_mutex, NULL, RSRC_CONF, "accepted; there is no such lock"),
};
