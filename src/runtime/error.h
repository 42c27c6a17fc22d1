/* Where an exception becomes log lines: here and nowhere else (design D8). */
#ifndef MP_RUNTIME_ERROR_H
#define MP_RUNTIME_ERROR_H

#include "runtime/log.h"

/* Attached to the interpreter of that name, with an exception set: logs its traceback at level error, each line behind
 * "`what`: ", after a first line "`code`: `what` failed in interpreter ...". Clears the exception. With p: returns the
 * traceback's text in that pool (for PythonDebug), else NULL. */
char *mp_error_log(mp_place where, const char *code, const char *what, const char *interpreter, apr_pool_t *p);

#endif
