/* The configuration records: made and found. */
#include "config/records.h"
#include "config/wsgi_records.h"

static mp_process *current;

static const struct {
    const char *directive;
    size_t offset;
} flags[] = {
    {"PythonAutoReload", APR_OFFSETOF(mp_dir_conf, autoreload)},
    {"PythonDebug", APR_OFFSETOF(mp_dir_conf, debug)},
    {"PythonEnablePdb", APR_OFFSETOF(mp_dir_conf, enable_pdb)},
    {"PythonInterpPerDirectory", APR_OFFSETOF(mp_dir_conf, interp_per_directory)},
    {"PythonInterpPerDirective", APR_OFFSETOF(mp_dir_conf, interp_per_directive)},
};

mp_process *mp_process_new(apr_pool_t *pconf)
{
    current = apr_pcalloc(pconf, sizeof(*current));
    current->pool = pconf;
    current->preloads = apr_array_make(pconf, 4, sizeof(mp_preload));
    current->paths = apr_array_make(pconf, 4, sizeof(mp_path));
    current->interpreters = apr_array_make(pconf, 4, sizeof(mp_interp_options));
    current->filters = apr_array_make(pconf, 4, sizeof(mp_filter_name));
    current->warnings = apr_array_make(pconf, 4, sizeof(const char *));
    mp_wsgi_process_init(pconf, &current->wsgi);
    current->groups = apr_array_make(pconf, 4, sizeof(void *));
    return current;
}

mp_process *mp_process_get(void)
{
    return current;
}

mp_interp_options *mp_interp_options_add(mp_process *process)
{
    mp_interp_options *options = apr_array_push(process->interpreters);

    memset(options, 0, sizeof(*options));
    options->gil = options->restrict_stdin = options->restrict_stdout = options->restrict_signal = MP_UNSET;
    return options;
}

void mp_process_want_python(const cmd_parms *cmd)
{
    if (cmd->pool == current->pool)
        current->wanted_by = cmd->cmd->name;
}

void mp_process_use(mp_process *process)
{
    current = process;
}

void *mp_dir_conf_create(apr_pool_t *p, char *path)
{
    mp_dir_conf *conf = apr_pcalloc(p, sizeof(*conf));

    conf->autoreload = conf->debug = conf->interp_per_directory = conf->interp_per_directive = MP_UNSET;
    conf->enable_pdb = conf->auth_merging = MP_UNSET;
    mp_wsgi_conf_init(&conf->wsgi);
    return conf;
}

const mp_dir_conf *mp_dir_conf_get(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &python_module);
}

const mp_dir_conf *mp_dir_conf_of_server(const server_rec *s)
{
    return ap_get_module_config(s->lookup_defaults, &python_module);
}

mp_request_conf *mp_request_conf_find(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &python_module);
}

mp_request_conf *mp_request_conf_get(request_rec *r)
{
    mp_request_conf *conf = mp_request_conf_find(r);

    if (!conf) {
        conf = apr_pcalloc(r->pool, sizeof(*conf));
        ap_set_module_config(r->request_config, &python_module, conf);
    }
    return conf;
}

mp_connection_conf *mp_connection_conf_get(conn_rec *c)
{
    mp_connection_conf *conf = ap_get_module_config(c->conn_config, &python_module);

    if (!conf) {
        conf = apr_pcalloc(c->pool, sizeof(*conf));
        ap_set_module_config(c->conn_config, &python_module, conf);
    }
    return conf;
}

int mp_flag(request_rec *r, const char *directive, int value, int unset)
{
    const mp_request_conf *own = r ? mp_request_conf_find(r) : NULL;
    /* A table made in an earlier phase knows nothing of the directory that was found since. */
    int current = own && own->config && own->tables_of == mp_dir_conf_get(r);
    const char *text = current ? apr_table_get(own->config, directive) : NULL;

    if (text)
        return *text && strcmp(text, "0") && ap_cstr_casecmp(text, "off");
    return value == MP_UNSET ? unset : value;
}

apr_table_t *mp_config_table(apr_pool_t *p, const mp_dir_conf *conf)
{
    apr_table_t *table = apr_table_make(p, 8);
    size_t i;

    for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        int value = *(const int *)((const char *)conf + flags[i].offset);

        if (value != MP_UNSET)
            apr_table_setn(table, flags[i].directive, value ? "1" : "0");
    }
    if (conf->interpreter)
        apr_table_setn(table, "PythonInterpreter", conf->interpreter);
    if (conf->path)
        apr_table_setn(table, "PythonPath", conf->path);
    return table;
}
