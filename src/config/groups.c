#include "config/groups.h"
#include "config/home.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ap_listen.h"
#include "unixd.h"

/* Defined in the main server, in this one, or in one of the same name. */
static int may_use(const mp_group *group, const server_rec *s)
{
    const char *here = s->server_hostname, *there = group->server->server_hostname;

    return !group->server->is_virtual || group->server == s || (here && there && !ap_cstr_casecmp(here, there));
}

const mp_group *mp_groups_named(const char *name)
{
    const apr_array_header_t *groups = mp_process_get()->groups;
    int i;

    for (i = 0; i < groups->nelts; i++) {
        const mp_group *group = APR_ARRAY_IDX(groups, i, mp_group *);

        if (!strcmp(group->name, name))
            return group;
    }
    return NULL;
}

const mp_group *mp_groups_find(const char *name, const server_rec *s, const char **why)
{
    const mp_group *group = mp_groups_named(name);

    if (group && may_use(group, s))
        return group;
    *why = group ? "it is defined in another virtual host, whose ServerName is a different one"
                 : "no WSGIDaemonProcess line defines it";
    return NULL;
}

const char *mp_groups_prefix(const mp_process *process, apr_pool_t *p)
{
    return process->socket_prefix ? process->socket_prefix : ap_runtime_dir_relative(p, "wsgi");
}

/* What was not said follows httpd's User and Group, which may stand anywhere in the files. */
static const char *settle_identity(mp_group *group, apr_pool_t *pconf)
{
    const struct passwd *user;
    struct stat info;

    group->is_home_given = group->home != NULL;
    if (geteuid() != 0) {       /* then nothing can be changed */
        group->uid = geteuid();
        group->gid = getegid();
    }
    if (group->uid == MP_NOBODY)
        group->uid = ap_unixd_config.user_id;
    if (group->gid == (gid_t)-1)
        group->gid = ap_unixd_config.group_id;
    if (group->socket_user == MP_NOBODY)
        group->socket_user = ap_unixd_config.user_id;
    if (geteuid() == 0 && (group->uid == 0 || group->gid == 0))
        return apr_psprintf(pconf, "WSGIDaemonProcess %s: its processes would run as root; write user= and group= of "
                            "an ordinary user, or User and Group for all of httpd", group->name);
    if ((user = getpwuid(group->uid))) {
        group->user_name = apr_pstrdup(pconf, user->pw_name);
        group->user_home = apr_pstrdup(pconf, user->pw_dir);
    }
    if (group->home || group->chroot || geteuid() != 0 || group->uid == ap_unixd_config.user_id)
        return NULL;
    group->home = group->user_home;
    if (group->home && stat(group->home, &info) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return apr_psprintf(pconf, "WSGIDaemonProcess %s: %s, the home of its user %s, is not there; create it, or "
                            "write home= with the working directory of its processes", group->name, group->home,
                            group->user_name);
    return NULL;
}

/* The engine for the group's own Python, among those where PythonEngine points to; if that is a file, the ones beside
 * it serve other versions. */
static const char *settle_engine(mp_group *group, const mp_process *process, apr_pool_t *ptemp)
{
    mp_process own = *process;
    const char *error;

    if (group->python_home) {
        own.home = group->python_home;
        own.home_directive = apr_pstrcat(ptemp, "WSGIDaemonProcess ", group->name, " python-home", NULL);
    }
    error = mp_home_choose(&own, ptemp);
    if (error && group->python_home && process->engine && !ap_is_directory(ptemp, process->engine)) {
        own.engine = ap_make_dirstr_parent(ptemp, process->engine);
        error = mp_home_choose(&own, ptemp);
    }
    group->engine = own.engine;
    group->python = own.python;
    return error;
}

/* What the main server says of a handler is for all virtual hosts; config/wsgi_groups.c looks for the group. */
static int is_for_all(const mp_preload *preload)
{
    return !preload->server->is_virtual && !strcmp(preload->directive, "WSGIHandlerScript");
}

/* The groups that WSGIImportScript names; they may be defined after it. */
static const char *check_preloads(const mp_process *process, apr_pool_t *ptemp)
{
    const char *why;
    int i;

    for (i = 0; i < process->preloads->nelts; i++) {
        const mp_preload *preload = &APR_ARRAY_IDX(process->preloads, i, mp_preload);

        if (*preload->process_group && !is_for_all(preload) &&
            !mp_groups_find(preload->process_group, preload->server, &why))
            return apr_psprintf(ptemp, "%s: it can't use a process group '%s': %s; write the name of one, or "
                                "process-group=%%{GLOBAL} for every child of httpd", preload->directive,
                                preload->process_group, why);
    }
    return NULL;
}

const char *mp_groups_check(mp_process *process, apr_pool_t *ptemp)
{
    const char *prefix, *directory, *error;
    int i;

    if ((error = check_preloads(process, ptemp)) || !process->groups->nelts)
        return error;
    prefix = mp_groups_prefix(process, ptemp);
    directory = prefix ? ap_make_dirstr_parent(ptemp, prefix) : NULL;
    if (!directory || !ap_is_directory(ptemp, directory))
        return apr_psprintf(ptemp, "WSGISocketPrefix: the directory %s for the sockets of process groups is not there; "
                            "create it, or write WSGISocketPrefix with a path in another one, e.g. 'WSGISocketPrefix "
                            "/run/apache2/wsgi'", directory ? directory : "");
    /* ".PID/GENERATION.NUMBER.sock" comes after it. */
    if (strlen(prefix) + 32 > sizeof(((struct sockaddr_un *)0)->sun_path))
        return apr_psprintf(ptemp, "WSGISocketPrefix: %s is too long for the name of a socket; write a shorter path, "
                            "of at most %d characters", prefix, (int)sizeof(((struct sockaddr_un *)0)->sun_path) - 32);
    for (i = 0; i < process->groups->nelts; i++) {
        mp_group *group = APR_ARRAY_IDX(process->groups, i, mp_group *);

        if ((error = settle_identity(group, process->pool)) || (error = settle_engine(group, process, ptemp)))
            return error;
    }
    return NULL;
}
