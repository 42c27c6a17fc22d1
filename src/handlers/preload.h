/* PythonImport and WSGIImportScript: run once per process, in the order configured, before it takes a request. */
#ifndef MP_HANDLERS_PRELOAD_H
#define MP_HANDLERS_PRELOAD_H

#include "runtime/python.h"

/* Detached, on the thread that starts the process. Failures are logged; each entry stands for itself. */
void mp_preload_run(const mp_process *process);

#endif
