/* Which engine serves this httpd: found when the configuration is read, by looking at files. Nothing is loaded.
 *
 * Engines are files mod_python_engine.cpython-3N.so beside mod_python.so, or where PythonEngine says. Each has a stamp
 * in its bytes (engine.h) that tells its Python and its seam. A Python home takes the engine of its minor version.
 */
#ifndef MP_CONFIG_HOME_H
#define MP_CONFIG_HOME_H

#include "config/records.h"

/* Setter of PythonHome and WSGIPythonHome. */
const char *mp_home_set(cmd_parms *cmd, const char *directory);

/* Sets process->engine and process->python, or returns what is wrong. In the check_config phase, so that `httpd -t`
 * fails too. */
const char *mp_home_choose(mp_process *process, apr_pool_t *ptemp);

/* The file of mod_python.so. */
const char *mp_home_library(void);

/* 13 of "3.13.0"; 0 if it is no Python 3 version. */
int mp_home_minor(const char *python);

#endif
