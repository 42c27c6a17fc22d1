#include "daemon/sockets.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "apr_file_io.h"
#include "unixd.h"

/* Somebody else's directory of that name is a trap. Ours stays the parent's own, so that nobody else can put anything
 * there: httpd's Group, and everybody for socket-user=, may only go through it. errno says what is wrong. */
static int make_directory(const char *directory, mode_t mode)
{
    struct stat info;
    int fd, is_made = 0;

    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return 0;
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0)
        goto done;
    if (info.st_uid != geteuid() || (info.st_mode & 022)) {
        errno = EEXIST;
        goto done;
    }
    is_made = (geteuid() != 0 || fchown(fd, (uid_t)-1, ap_unixd_config.group_id) == 0) && fchmod(fd, mode) == 0;

done:
    if (fd >= 0)
        close(fd);
    return is_made;
}

static int has_socket_users(const mp_process *process)
{
    int i;

    for (i = 0; i < process->groups->nelts; i++)
        if (APR_ARRAY_IDX(process->groups, i, mp_group *)->socket_user != ap_unixd_config.user_id)
            return 1;
    return 0;
}

const char *mp_sockets_directory(const mp_process *process, server_rec *s, apr_pool_t *p)
{
    const char *prefix = mp_groups_prefix(process, p), *parent = ap_make_dirstr_parent(p, prefix);
    const char *directory = apr_psprintf(p, "%s.%" APR_PID_T_FMT, prefix, getpid());
    mode_t mode = geteuid() != 0 ? 0700 : has_socket_users(process) ? 0711 : 0710;
    struct stat info;

    if (stat(parent, &info) == 0 && (info.st_mode & S_IWOTH) && !(info.st_mode & S_ISVTX))
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, "MP0405: everybody may write to %s, where the sockets of process "
                     "groups are; choose another place with WSGISocketPrefix", parent);
    if (!make_directory(directory, mode)) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, errno, s, "MP0406: the directory %s for the sockets of process groups "
                     "can't be made, or is somebody else's; remove it, or choose another place with WSGISocketPrefix",
                     directory);
        return NULL;
    }
    return directory;
}

static void set_buffers(int fd, const mp_group *group)
{
    int size;

    if ((size = (int)group->send_buffer_size))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if ((size = (int)group->receive_buffer_size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* Who may write to the directory may have put something else there, since `from` had it. 0: it logged why not. */
static int give_to(const mp_group *group, const char *path, uid_t from, uid_t owner)
{
    struct stat info;
    int fd, is_given = 0;

    if (geteuid() != 0)
        return 1;
    fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0)
        ;
    else if (!S_ISSOCK(info.st_mode) || info.st_nlink != 1 || (info.st_uid != from && info.st_uid != owner)) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, group->server,
                     "MP0495: %s is not the socket that httpd made there for "
                     "group '%s': somebody who may write to its directory has put something else there", path,
                     group->name);
        goto done;
    }
    else
        is_given = info.st_uid == owner || fchownat(fd, "", owner, (gid_t)-1, AT_EMPTY_PATH) == 0;
    if (!is_given)
        ap_log_error(APLOG_MARK, APLOG_EMERG, errno, group->server, "MP0407: %s can't be given to its user, for group "
                     "'%s'", path, group->name);

done:
    if (fd >= 0)
        close(fd);
    return is_given;
}

static int listen_at(const mp_group *group, const struct sockaddr *address, socklen_t length, const char *name)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    int silence = 30;           /* seconds, in which a client that has nothing to say takes no thread */

    if (fd >= 0 && address->sa_family != AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));  /* an older generation may have it at 0.0.0.0 */
        setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &silence, sizeof(silence));
    }
    if (fd >= 0)
        set_buffers(fd, group);
    if (fd >= 0 && bind(fd, address, length) == 0 && listen(fd, (int)group->listen_backlog) == 0)
        return fd;
    ap_log_error(APLOG_MARK, APLOG_EMERG, errno, group->server,
                 "MP0407: no socket can be made at %s for group '%s'", name,
                 group->name);
    if (fd >= 0)
        close(fd);
    return -1;
}

static int listen_unix(const mp_group *group, const char *path, uid_t owner)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t mask = umask(0177);
    struct stat info;
    int fd;

    apr_cpystrn(address.sun_path, path, sizeof(address.sun_path));
    if (lstat(path, &info) == 0 && S_ISSOCK(info.st_mode))
        unlink(path);
    fd = listen_at(group, (struct sockaddr *)&address, sizeof(address), path);
    umask(mask);
    if (fd >= 0 && !give_to(group, path, geteuid(), owner)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

int mp_sockets_listen(mp_group *group, const char *directory, int generation, apr_pool_t *p)
{
    group->socket = apr_psprintf(p, "%s/%d.%d.sock", directory, generation, group->number);
    return listen_unix(group, group->socket, group->socket_user);
}

/* Sockets of listen=, over restarts: who waits in the queue of one is served by the next generation. From malloc. */
typedef struct kept kept;
struct kept {
    kept *next;
    int fd;
    int is_wanted;              /* by the generation that starts */
    uid_t owner;                /* of the file, if it has one */
    char address[];             /* as listen= has it */
};

static kept **all_kept(void)
{
    static const char key[] = "mod_python-listen";
    kept **all = ap_retained_data_get(key);

    return all ? all : ap_retained_data_create(key, sizeof(*all));
}

static const char *path_of(const char *address)
{
    return strncmp(address, "unix:", 5) ? NULL : address + 5;
}

static void drop(kept **at)
{
    kept *one = *at;

    *at = one->next;
    close(one->fd);
    free(one);
}

/* Whether its clients still find it. */
static int is_in_place(const kept *one)
{
    struct sockaddr_un address = {0};
    socklen_t length = sizeof(address);
    struct stat info;
    const char *path = path_of(one->address);

    return !path || (lstat(path, &info) == 0 && S_ISSOCK(info.st_mode) &&
                     getsockname(one->fd, (struct sockaddr *)&address, &length) == 0
                     && !strcmp(address.sun_path, path));
}

/* The socket of the generation before, with what this one's line says. -1: there is none; -2: it logged why not. */
static int take_over(const mp_group *group)
{
    kept **at, *one;

    for (at = all_kept(); (one = *at); at = &one->next) {
        if (strcmp(one->address, group->listen))
            continue;
        if (!is_in_place(one)) {
            drop(at);
            return -1;
        }
        one->is_wanted = 1;
        set_buffers(one->fd, group);
        listen(one->fd, (int)group->listen_backlog);
        if (path_of(one->address) && !give_to(group, path_of(one->address), one->owner, group->socket_user))
            return -2;
        one->owner = group->socket_user;
        return one->fd;
    }
    return -1;
}

static void keep(int fd, const mp_group *group)
{
    kept **all = all_kept(), *one = calloc(1, sizeof(*one) + strlen(group->listen) + 1);

    if (!one)
        return;                 /* then the next generation makes another one */
    one->fd = fd;
    one->is_wanted = 1;
    one->owner = group->socket_user;
    strcpy(one->address, group->listen);
    one->next = *all;
    *all = one;
}

static int listen_tcp(const mp_group *group, apr_pool_t *p)
{
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
    char *host, *scope;
    apr_port_t port;
    int fd;

    if (apr_parse_addr_port(&host, &scope, &port, group->listen, p) != APR_SUCCESS ||
        getaddrinfo(host, apr_itoa(p, port), &hints, &found) != 0) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, group->server, "MP0407: WSGIDaemonProcess %s: listen=%s is no numeric "
                     "address", group->name, group->listen);
        return -1;
    }
    fd = listen_at(group, found->ai_addr, found->ai_addrlen, group->listen);
    freeaddrinfo(found);
    return fd;
}

int mp_sockets_listen_public(const mp_group *group, apr_pool_t *p)
{
    int fd;

    if (!group->listen)
        return -1;
    fd = take_over(group);
    if (fd == -1) {
        fd = path_of(group->listen) ? listen_unix(group, path_of(group->listen), group->socket_user)
            : listen_tcp(group, p);
        if (fd >= 0)
            keep(fd, group);
    }
    return fd < 0 ? -2 : fd;
}

void mp_sockets_drop_public(void)
{
    kept **at = all_kept(), *one;

    while ((one = *at)) {
        if (one->is_wanted) {
            one->is_wanted = 0;
            at = &one->next;
            continue;
        }
        if (path_of(one->address))
            unlink(path_of(one->address));
        drop(at);
    }
}

void mp_sockets_remove(const char *directory, int generation, apr_pool_t *p)
{
    const char *prefix = generation ? apr_psprintf(p, "%d.", generation) : "";
    apr_finfo_t entry;
    apr_dir_t *dir;

    if (apr_dir_open(&dir, directory, p) != APR_SUCCESS)
        return;
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS)
        if (strcmp(entry.name, ".") && strcmp(entry.name, "..") && !strncmp(entry.name, prefix, strlen(prefix)))
            unlink(ap_make_full_path(p, directory, entry.name));
    apr_dir_close(dir);
    rmdir(directory);
}
