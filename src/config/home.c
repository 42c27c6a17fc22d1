/* The engine for the configured Python. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* dladdr, memmem */
#endif
#include <dlfcn.h>

#include "config/home.h"
#include "engine.h"
#include "apr_file_io.h"
#include "apr_lib.h"
#include "apr_mmap.h"

#define ENGINE_PREFIX "mod_python_engine.cpython-"
#define LATEST_MINOR 63     /* minor versions are bits of an apr_uint64_t */
#define HOW_TO_BUILD "./configure --with-python=%s && make && make install"

typedef struct {
    const char *file;
    const char *seam;       /* NULL: the file has no stamp */
    const char *python;
} engine_file;

const char *mp_home_library(void)
{
    Dl_info info;

    return dladdr(&python_module, &info) ? info.dli_fname : NULL;
}

int mp_home_minor(const char *python)
{
    int minor = python && !strncmp(python, "3.", 2) ? atoi(python + 2) : 0;

    return minor > 0 && minor <= LATEST_MINOR ? minor : 0;
}

const char *mp_home_set(cmd_parms *cmd, const char *directory)
{
    mp_process *process = mp_process_get();
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    apr_finfo_t info;

    if (error)
        return error;
    if (!ap_os_is_path_absolute(cmd->temp_pool, directory))
        return apr_psprintf(cmd->pool, "%s: '%s' is a relative path; write the directory from / on", cmd->cmd->name,
                            directory);
    if (apr_stat(&info, directory, APR_FINFO_TYPE, cmd->temp_pool) != APR_SUCCESS || info.filetype != APR_DIR)
        return apr_psprintf(cmd->pool, "%s: %s is not a directory; write the one that `python3 -c 'import sys; "
                            "print(sys.prefix)'` prints for the Python or virtual environment that you want",
                            cmd->cmd->name, directory);
    if (process->home && strcmp(process->home, directory))
        return apr_psprintf(cmd->pool, "%s: %s has already set the Python home to %s, and one httpd has one; write "
                            "only one of the two lines", cmd->cmd->name, process->home_directive, process->home);
    process->home = directory;
    process->home_directive = cmd->cmd->name;
    return NULL;
}

/* Engines. */

/* The stamp is MP_STAMP "seam=N python=X.Y.Z" with a NUL behind. */
static void read_stamp(engine_file *engine, apr_pool_t *p)
{
    static const char mark[] = MP_STAMP "seam=";
    const char *start, *end, *python;
    apr_file_t *file;
    apr_finfo_t info;
    apr_mmap_t *map;

    if (apr_file_open(&file, engine->file, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_OS_DEFAULT, p) != APR_SUCCESS)
        return;
    if (apr_file_info_get(&info, APR_FINFO_SIZE, file) == APR_SUCCESS && info.size > 0 &&
        apr_mmap_create(&map, file, 0, (apr_size_t)info.size, APR_MMAP_READ, p) == APR_SUCCESS) {
        const char *bytes = map->mm;

        if ((start = memmem(bytes, map->size, mark, sizeof(mark) - 1))) {
            start += sizeof(mark) - 1;
            end = memchr(start, '\0', map->size - (apr_size_t)(start - bytes));
            if (end && (python = ap_strstr_c(start, " python="))) {
                engine->seam = apr_pstrmemdup(p, start, (apr_size_t)(python - start));
                engine->python = apr_pstrdup(p, python + strlen(" python="));
            }
        }
        apr_mmap_delete(map);
    }
    apr_file_close(file);
}

static void add_engine(apr_array_header_t *engines, const char *file)
{
    engine_file *engine = apr_array_push(engines);

    memset(engine, 0, sizeof(*engine));
    engine->file = file;
    read_stamp(engine, engines->pool);
}

/* All engines in a directory; a directory that can't be read has none. */
static void list_engines(apr_array_header_t *engines, const char *directory)
{
    apr_pool_t *p = engines->pool;
    apr_finfo_t entry;
    apr_dir_t *dir;

    if (apr_dir_open(&dir, directory, p) != APR_SUCCESS)
        return;
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        size_t length = strlen(entry.name);

        if (!strncmp(entry.name, ENGINE_PREFIX, strlen(ENGINE_PREFIX)) && !strcmp(entry.name + length - 3, ".so"))
            add_engine(engines, ap_make_full_path(p, directory, entry.name));
    }
    apr_dir_close(dir);
}

static engine_file *engine_of_minor(const apr_array_header_t *engines, int minor)
{
    int i;

    for (i = 0; i < engines->nelts; i++) {
        engine_file *engine = &APR_ARRAY_IDX(engines, i, engine_file);

        if (minor && mp_home_minor(engine->python) == minor)
            return engine;
    }
    return NULL;
}

/* The newest one whose minor version is in the set. */
static engine_file *newest_engine(const apr_array_header_t *engines, apr_uint64_t minors)
{
    engine_file *found = NULL;
    int minor;

    for (minor = LATEST_MINOR; minor > 0 && !found; minor--)
        if (minors >> minor & 1)
            found = engine_of_minor(engines, minor);
    return found;
}

/* The one that make took as the default, else the newest, else any: its stamp is then the complaint. */
static engine_file *default_engine(const apr_array_header_t *engines)
{
    engine_file *engine = NULL;

#ifdef MP_DEFAULT_ENGINE
    engine = engine_of_minor(engines, atoi(MP_DEFAULT_ENGINE + 1));
#endif
    if (!engine)
        engine = newest_engine(engines, ~(apr_uint64_t)0);
    return engine ? engine : (engine_file *)engines->elts;
}

static const char *engine_names(const apr_array_header_t *engines, apr_pool_t *p)
{
    const char *names = "";
    int i;

    for (i = 0; i < engines->nelts; i++) {
        const engine_file *engine = &APR_ARRAY_IDX(engines, i, engine_file);

        names = apr_pstrcat(p, names, i ? ", " : "", engine->file, " (Python ",
                            engine->python ? engine->python : "unknown", ")", NULL);
    }
    return names;
}

static const char *check_stamp(const engine_file *engine, apr_pool_t *p)
{
    if (!engine->seam)
        return apr_psprintf(p, "%s is no engine of mod_python, or can't be read; write PythonEngine with the path of a "
                            "file " ENGINE_PREFIX "*.so, or build it anew: make && make install", engine->file);
    if (strcmp(engine->seam, MP_SEAM_TEXT))
        return apr_psprintf(p,
                            "the engine %s belongs to another version of mod_python (seam %s; this mod_python.so has "
                            MP_SEAM_TEXT "); rebuild both from the same source: make && make install", engine->file,
                            engine->seam);
    return NULL;
}

/* Homes. */

/* The minor versions whose standard library is in a prefix. */
static apr_uint64_t minors_of_prefix(const char *prefix, apr_pool_t *p)
{
    static const char *const libraries[] = {"lib", "lib64"};
    apr_uint64_t minors = 0;
    int i, minor;

    for (i = 0; i < 2; i++)
        for (minor = 1; minor <= LATEST_MINOR; minor++) {
            const char *file = apr_psprintf(p, "%s/%s/python3.%d/os.py", prefix, libraries[i], minor);
            apr_finfo_t info;

            if (apr_stat(&info, file, APR_FINFO_TYPE, p) == APR_SUCCESS)
                minors |= (apr_uint64_t)1 << minor;
        }
    return minors;
}

/* Value of a line "key = value", or NULL. */
static const char *value_of(const char *line, const char *key, apr_pool_t *p)
{
    const char *equals = strchr(line, '=');
    char *name, *value;

    if (!equals)
        return NULL;
    name = apr_pstrmemdup(p, line, (apr_size_t)(equals - line));
    value = apr_pstrdup(p, equals + 1);
    apr_collapse_spaces(name, name);
    while (apr_isspace(*value))
        value++;
    while (*value && apr_isspace(value[strlen(value) - 1]))
        value[strlen(value) - 1] = '\0';
    return ap_cstr_casecmp(name, key) ? NULL : value;
}

/* A virtual environment says its version, or whose it is: `home` is the directory of that Python's executable. */
static apr_uint64_t minors_of_venv(apr_file_t *cfg, apr_pool_t *p)
{
    const char *value, *base = NULL;
    char line[HUGE_STRING_LEN];
    int minor = 0;

    while (apr_file_gets(line, sizeof(line), cfg) == APR_SUCCESS) {
        if ((value = value_of(line, "version", p)) || (value = value_of(line, "version_info", p)))
            minor = mp_home_minor(value) ? mp_home_minor(value) : minor;
        else if ((value = value_of(line, "home", p)))
            base = value;
    }
    if (minor)
        return (apr_uint64_t)1 << minor;
    return base ? minors_of_prefix(ap_make_dirstr_parent(p, base), p) : 0;
}

static apr_uint64_t minors_of_home(const char *home, apr_pool_t *p)
{
    apr_uint64_t minors;
    apr_file_t *cfg;

    if (apr_file_open(&cfg, ap_make_full_path(p, home, "pyvenv.cfg"), APR_FOPEN_READ | APR_FOPEN_BUFFERED,
                      APR_OS_DEFAULT, p) != APR_SUCCESS)
        return minors_of_prefix(home, p);
    minors = minors_of_venv(cfg, p);
    apr_file_close(cfg);
    return minors;
}

static const char *no_engine_for_home(const mp_process *process, apr_uint64_t minors, const apr_array_header_t *engines,
                                      apr_pool_t *p)
{
    const char *python = ap_make_full_path(p, process->home, "bin/python3");
    int minor = LATEST_MINOR;

    while (!(minors >> minor & 1))
        minor--;
    return apr_psprintf(p, "%s: %s is a Python 3.%d, and there is no engine for that version. There are: %s. Build the "
                        "missing one in the source directory of mod_python: " HOW_TO_BUILD, process->home_directive,
                        process->home, minor, engine_names(engines, p), python);
}

const char *mp_home_choose(mp_process *process, apr_pool_t *ptemp)
{
    apr_array_header_t *engines = apr_array_make(ptemp, 4, sizeof(engine_file));
    const char *place = process->engine ? process->engine : ap_make_dirstr_parent(ptemp, mp_home_library());
    const char *error;
    engine_file *engine;
    apr_finfo_t info;

    if (apr_stat(&info, place, APR_FINFO_TYPE, ptemp) != APR_SUCCESS)
        return apr_psprintf(ptemp, "PythonEngine: %s is not there or can't be read; write the absolute path of an "
                            "engine (" ENGINE_PREFIX "*.so) or of the directory that has the engines", place);
    if (info.filetype == APR_DIR)
        list_engines(engines, place);
    else
        add_engine(engines, place);
    if (!engines->nelts)
        return apr_psprintf(ptemp, "no engine of mod_python (" ENGINE_PREFIX "*.so) is in %s; build one in the source "
                            "directory of mod_python: " HOW_TO_BUILD ", or write PythonEngine with the directory that "
                            "has one", place, "python3");
    engine = default_engine(engines);
    if (process->home) {
        apr_uint64_t minors = minors_of_home(process->home, ptemp);

        if (!minors)
            return apr_psprintf(ptemp, "%s: no Python 3 is in %s: it has neither a pyvenv.cfg that tells a version nor "
                                "lib/python3.N; write the directory that `python3 -c 'import sys; print(sys.prefix)'` "
                                "prints", process->home_directive, process->home);
        if (!(minors >> mp_home_minor(engine->python) & 1) && !(engine = newest_engine(engines, minors)))
            return no_engine_for_home(process, minors, engines, ptemp);
    }
    if ((error = check_stamp(engine, ptemp)))
        return error;
    process->engine = apr_pstrdup(process->pool, engine->file);
    process->python = apr_pstrdup(process->pool, engine->python);
    return NULL;
}
