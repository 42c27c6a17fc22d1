#include "config/wsgi_interpreters.h"
#include "config/directives.h"
#include "config/options.h"
#include "config/records.h"
#include "config/wsgi_words.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define CONTAINER "<WSGIInterpreterOptions"

static const char *where(cmd_parms *cmd)
{
    return mp_wsgi_is_elsewhere() ? DECLINE_CMD : ap_check_cmd_context(cmd, GLOBAL_ONLY);
}

/* The record that a line is about: the container's, or one for what stands outside of any. */
static mp_interp_options *target(cmd_parms *cmd)
{
    mp_process *process = mp_process_get();
    mp_interp_options *options = process->container;

    if (!options) {
        options = mp_interp_options_add(process);
        options->specificity = -1;
        options->directive = cmd->cmd->name;
    }
    return options;
}

static const char *set_interpreter_flag(cmd_parms *cmd, void *conf, const char *word)
{
    const char *error = where(cmd);
    int on;

    if (!error && !(error = mp_wsgi_read_flag(cmd, word, &on)))
        *(int *)((char *)target(cmd) + (apr_size_t)cmd->info) = on;
    return error;
}

static const char *set_own_gil(cmd_parms *cmd, void *conf, const char *word)
{
    const char *error = where(cmd);
    int on;

    if (!error && !(error = mp_wsgi_read_flag(cmd, word, &on)))
        target(cmd)->gil = on ? MP_GIL_OWN : MP_GIL_SHARED;
    return error;
}

static const char *set_free_threading(cmd_parms *cmd, void *conf, const char *word)
{
    const char *error = where(cmd);
    int on;

    if (!error && !(error = mp_wsgi_read_flag(cmd, word, &on)) && on)
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, cmd->server, "MP0360: WSGIFreeThreading On has no "
                     "effect: mod_python needs a Python with a GIL; WSGIPerInterpreterGIL On uses all cores");
    return error;
}

static const char *set_switch_interval(cmd_parms *cmd, void *conf, const char *text)
{
    const char *error = where(cmd);
    mp_interp_options *options;
    double seconds;
    char *end;

    if (error)
        return error;
    errno = 0;
    seconds = strtod(text, &end);
    if (end == text || *end || errno || !isfinite(seconds) || seconds <= 0)
        return apr_psprintf(cmd->pool, "%s: '%s' is no number of seconds above 0; write %s 0.005 or the like",
                            cmd->cmd->name, text, cmd->cmd->name);
    options = target(cmd);
    options->switch_interval = seconds;
    if (options->specificity < 0)
        options->process_group = "";        /* daemons have switch-interval= */
    return NULL;
}

/* Each directory must be absolute: the processes' working directory is nobody's choice. */
static const char *set_python_path(cmd_parms *cmd, void *conf, const char *path)
{
    const char *error = where(cmd);
    char *rest = apr_pstrdup(cmd->temp_pool, path), *last, *directory;
    mp_interp_options *options;

    if (error)
        return error;
    for (directory = apr_strtok(rest, ":", &last); directory; directory = apr_strtok(NULL, ":", &last))
        if (!ap_os_is_path_absolute(cmd->temp_pool, directory))
            return apr_psprintf(cmd->pool, "%s: '%s' is a relative path; write absolute directories, with ':' between "
                                "them", cmd->cmd->name, directory);
    options = target(cmd);
    options->python_path = path;
    if (options->specificity < 0)
        options->process_group = "";        /* daemons have python-path= */
    return NULL;
}

static const char *set_optimize(cmd_parms *cmd, void *conf, const char *level)
{
    const char *error = where(cmd);

    if (error)
        return error;
    if (level[0] < '0' || level[0] > '2' || level[1])
        return apr_psprintf(cmd->pool, "%s must be 0, 1 or 2, not '%s'", cmd->cmd->name, level);
    mp_process_get()->optimize = level[0] - '0';
    return NULL;
}

static const char *add_warning(cmd_parms *cmd, void *conf, const char *filter)
{
    const char *error = where(cmd);

    if (!error)
        APR_ARRAY_PUSH(mp_process_get()->warnings, const char *) = filter;
    return error;
}

static const char *set_hash_seed(cmd_parms *cmd, void *conf, const char *seed)
{
    const char *error = where(cmd);

    if (error)
        return error;
    if (strcmp(seed, "random") &&
        (!*seed || strspn(seed, "0123456789") != strlen(seed) || strlen(seed) > 10 ||
         apr_strtoi64(seed, NULL, 10) > APR_UINT32_MAX))
        return apr_psprintf(cmd->pool, "%s must be 'random' or a whole number from 0 to 4294967295, not '%s'",
                            cmd->cmd->name, seed);
    mp_process_get()->hash_seed = seed;
    return NULL;
}

static const char *set_eggs(cmd_parms *cmd, void *conf, const char *directory)
{
    const char *error = where(cmd);

    if (error)
        return error;
    if (!ap_os_is_path_absolute(cmd->temp_pool, directory))
        return apr_psprintf(cmd->pool, "%s: '%s' is a relative path; write the directory from / on", cmd->cmd->name,
                            directory);
    mp_process_get()->eggs = directory;
    return NULL;
}

static const char *set_no_bytecode(cmd_parms *cmd, void *conf, const char *word)
{
    const char *error = where(cmd);

    return error ? error : mp_wsgi_read_flag(cmd, word, &mp_process_get()->no_bytecode);
}

/* Interpreters are never destroyed here, which is what Off asks for (design D10); exit functions run all the same. */
static const char *set_destroy(cmd_parms *cmd, void *conf, const char *word)
{
    const char *error = where(cmd);
    int on;

    return error ? error : mp_wsgi_read_flag(cmd, word, &on);
}

static const char *set_selector(cmd_parms *cmd, const char **selector, const char *name, const char *value)
{
    if (*selector)
        return apr_psprintf(cmd->pool, CONTAINER "> selector '%s' given more than once", name);
    if (!*value)
        return apr_psprintf(cmd->pool, CONTAINER "> selector '%s' has no value; write %s=NAME or %s=%%{GLOBAL}", name,
                            name, name);
    *selector = value;
    return NULL;
}

/* process-group= and application-group=, each once. */
static const char *read_selectors(cmd_parms *cmd, mp_interp_options *options, const char *args)
{
    const char *error, *name, *value;

    while (!(error = mp_option_next(cmd, &args, &name, &value)) && name) {
        if (!strcmp(name, "process-group"))
            error = set_selector(cmd, &options->process_group, name, value);
        else if (!strcmp(name, "application-group"))
            error = set_selector(cmd, &options->name, name, value);
        else
            error = apr_psprintf(cmd->pool, CONTAINER "> unknown selector '%s', expected process-group or "
                                 "application-group", name);
        if (error)
            return error;
    }
    options->specificity = (options->process_group != NULL) + (options->name != NULL);
    if (options->process_group && !strcmp(options->process_group, MP_GLOBAL_GROUP))
        options->process_group = "";
    if (options->name && !strcmp(options->name, MP_GLOBAL_GROUP))
        options->name = MP_MAIN_INTERPRETER;
    return error;
}

/* httpd would take any directive in here. */
static const char *check_lines(cmd_parms *cmd)
{
    static const char *const names[] = {
        "WSGIPerInterpreterGIL", "WSGIFreeThreading", "WSGISwitchInterval", "WSGIPythonPath", "WSGIRestrictStdin",
        "WSGIRestrictStdout", "WSGIRestrictSignal"
    };
    const ap_directive_t *line;
    size_t i;

    for (line = cmd->directive->first_child; line; line = line->next) {
        for (i = 0; i < sizeof(names) / sizeof(*names); i++)
            if (!ap_cstr_casecmp(names[i], line->directive))
                break;
        if (i == sizeof(names) / sizeof(*names))
            return apr_psprintf(cmd->pool, "%s says nothing about a single interpreter; write it outside of "
                                CONTAINER ">", line->directive);
    }
    return NULL;
}

static const char *open_container(cmd_parms *cmd, void *conf, const char *args)
{
    const char *error = where(cmd), *end = ap_strrchr_c(args, '>');
    mp_process *process = mp_process_get();

    if (error)
        return error;
    if (!end || end[1])
        return CONTAINER "> directive missing closing '>'";
    if (process->container)
        return CONTAINER "> can't stand in another one";
    process->container = mp_interp_options_add(process);
    process->container->directive = cmd->cmd->name;
    error = read_selectors(cmd, process->container, apr_pstrmemdup(cmd->temp_pool, args, (apr_size_t)(end - args)));
    if (!error && !(error = check_lines(cmd)))
        error = ap_walk_config(cmd->directive->first_child, cmd, conf);
    process->container = NULL;
    return error;
}

#define FLAG(name, field, help) \
    AP_INIT_TAKE1(name, set_interpreter_flag, (void *)APR_OFFSETOF(mp_interp_options, field), RSRC_CONF, help)

const command_rec mp_wsgi_interpreter_directives[MP_WSGI_INTERPRETER_ROWS] = {
    AP_INIT_RAW_ARGS(CONTAINER, open_container, NULL, RSRC_CONF,
                     "[process-group=NAME] [application-group=NAME]: what is inside is about these interpreters"),
    AP_INIT_TAKE1("WSGIPerInterpreterGIL", set_own_gil, NULL, RSRC_CONF, "On: subinterpreters have a GIL of their own"),
    AP_INIT_TAKE1("WSGIFreeThreading", set_free_threading, NULL, RSRC_CONF, "has no effect"),
    AP_INIT_TAKE1("WSGISwitchInterval", set_switch_interval, NULL, RSRC_CONF,
                  "seconds until another thread may have the GIL"),
    AP_INIT_TAKE1("WSGIPythonPath", set_python_path, NULL, RSRC_CONF, "directories for the front of sys.path"),
    FLAG("WSGIRestrictStdin", restrict_stdin, "On: sys.stdin can't be used"),
    FLAG("WSGIRestrictStdout", restrict_stdout, "On: sys.stdout can't be used"),
    FLAG("WSGIRestrictSignal", restrict_signal, "On (default): signal.signal() registers nothing"),
    AP_INIT_TAKE1("WSGIPythonOptimize", set_optimize, NULL, RSRC_CONF, "0, 1 or 2: as python -O, -OO"),
    AP_INIT_TAKE1("WSGIPythonWarnings", add_warning, NULL, RSRC_CONF, "as python -W"),
    AP_INIT_TAKE1("WSGIPythonHashSeed", set_hash_seed, NULL, RSRC_CONF, "random, or 0 to 4294967295"),
    AP_INIT_TAKE1("WSGIPythonEggs", set_eggs, NULL, RSRC_CONF, "PYTHON_EGG_CACHE"),
    AP_INIT_TAKE1("WSGIDontWriteBytecode", set_no_bytecode, NULL, RSRC_CONF, "On: as python -B"),
    AP_INIT_TAKE1("WSGIDestroyInterpreter", set_destroy, NULL, RSRC_CONF, "has no effect"),
};
