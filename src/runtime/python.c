#include "runtime/python.h"

#include "apr_env.h"

#ifndef MP_PYTHON_EXECUTABLE
#error "the build says which Python the engine belongs to: -DMP_PYTHON_EXECUTABLE=\"/usr/bin/python3\""
#endif

#define TAG Py_STRINGIFY(PY_MAJOR_VERSION) "." Py_STRINGIFY(PY_MINOR_VERSION)

static int is_file(const char *path, apr_pool_t *p)
{
    apr_finfo_t finfo;

    return apr_stat(&finfo, path, APR_FINFO_TYPE, p) == APR_SUCCESS && finfo.filetype == APR_REG;
}

/* The python of a prefix or virtual environment: CPython finds everything else from where that file lies, pyvenv.cfg
 * included. NULL if the prefix has none. */
static const char *executable_in(const char *home, apr_pool_t *p)
{
    const char *names[] = { "python" TAG, "python3", "python" };
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *path = apr_pstrcat(p, home, "/bin/", names[i], NULL);

        if (is_file(path, p))
            return path;
    }
    return NULL;
}

static PyStatus set_home(PyConfig *config, const char *home, apr_pool_t *p)
{
    const char *executable = home ? executable_in(home, p) : MP_PYTHON_EXECUTABLE;
    PyStatus status = PyStatus_Ok();

    if (executable)
        status = PyConfig_SetBytesString(config, &config->program_name, executable);
    if (!PyStatus_Exception(status) && home && !is_file(apr_pstrcat(p, home, "/pyvenv.cfg", NULL), p))
        status = PyConfig_SetBytesString(config, &config->home, home);
    return status;
}

/* Of what environment variables say the directive is the stronger. */
static void set_hash_seed(PyConfig *config, const char *seed)
{
    if (!seed)
        return;
    config->use_hash_seed = strcmp(seed, "random") != 0;
    config->hash_seed = config->use_hash_seed ? (unsigned long)apr_strtoi64(seed, NULL, 10) : 0;
}

static PyStatus add_warnings(PyConfig *config, const apr_array_header_t *filters)
{
    PyStatus status = PyStatus_Ok();
    int i;

    for (i = 0; i < filters->nelts && !PyStatus_Exception(status); i++) {
        wchar_t *filter = Py_DecodeLocale(APR_ARRAY_IDX(filters, i, const char *), NULL);

        status = filter ? PyWideStringList_Append(&config->warnoptions, filter) : PyStatus_NoMemory();
        PyMem_RawFree(filter);
    }
    return status;
}

static PyStatus configure(PyConfig *config, const mp_process *process, apr_pool_t *p)
{
    wchar_t *argv[] = { L"mod_python" };
    PyStatus status;

    config->parse_argv = 0;
    config->install_signal_handlers = 0;    /* signals are httpd's */
    config->configure_c_stdio = 0;          /* so are the descriptors */
    if (process->optimize)
        config->optimization_level = process->optimize;
    if (process->no_bytecode)
        config->write_bytecode = 0;
    set_hash_seed(config, process->hash_seed);
    status = PyConfig_SetArgv(config, 1, argv);
    if (!PyStatus_Exception(status))
        status = set_home(config, process->home, p);
    if (!PyStatus_Exception(status))
        status = add_warnings(config, process->warnings);
    return status;
}

apr_status_t mp_python_boot(apr_pool_t *p, server_rec *s)
{
    PyPreConfig preconfig;
    PyConfig config;
    PyStatus status;

    if (mp_host->process->eggs)
        apr_env_set("PYTHON_EGG_CACHE", mp_host->process->eggs, p);
    if (Py_IsInitialized()) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "MP0001: another module has started Python in this process (is "
                     "mod_wsgi or an older mod_python loaded, too?); load only one of them");
        return APR_EGENERAL;
    }
    /* httpd runs with LC_CTYPE=C as a rule: Python then takes UTF-8 mode (PEP 540). Its other way, to change the
     * process's locale and environment (PEP 538), is not for a guest. */
    PyPreConfig_InitPythonConfig(&preconfig);
    preconfig.parse_argv = 0;
    preconfig.coerce_c_locale = 0;
    status = Py_PreInitialize(&preconfig);
    PyConfig_InitPythonConfig(&config);
    if (!PyStatus_Exception(status))
        status = configure(&config, mp_host->process, p);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (!PyStatus_Exception(status))
        return APR_SUCCESS;
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "MP0002: Python " PY_VERSION " did not start: %s%s%s; its home is %s",
                 status.func ? status.func : "", status.func ? ": " : "",
                 status.err_msg ? status.err_msg : "it asked for the process's exit",
                 mp_host->process->home ? mp_host->process->home : "that of " MP_PYTHON_EXECUTABLE);
    return APR_EGENERAL;
}
