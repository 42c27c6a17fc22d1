/* PythonImport and WSGIImportScript: run once per process, in the order configured, before it takes a request. */
#ifndef MP_HANDLERS_PRELOAD_H
#define MP_HANDLERS_PRELOAD_H

#include "runtime/interp.h"

/* Detached: compiles every PythonPath of the server's files, and logs those that a request would fail with. */
void mp_preload_check_paths(const mp_process *process, server_rec *s);

/* How a WSGI script is loaded, attached; -1 with an exception. The room for WSGI stands beside this one. */
typedef int (*mp_preload_script_fn)(mp_interp *interp, const char *path, int case_sensitive);

/* Detached, on the thread that starts the process. Failures are logged; each entry stands for itself. A process that
 * is told to end leaves out what is left. */
void mp_preload_run(const mp_process *process, mp_preload_script_fn load_script);

/* The same for a process without request threads, on Python's main thread, where SIGTERM raises SystemExit. Before each
 * one the host's goes_on() is asked. Detached, with signals blocked in the calling thread. */
void mp_preload_run_services(const mp_process *process, mp_preload_script_fn load_script);

/* The same SystemExit, for a service that runs in another interpreter than main. Any thread; returns at once. */
void mp_preload_end_services(void);

#endif
