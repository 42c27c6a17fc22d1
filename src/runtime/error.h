/* Where an exception becomes log lines: here and nowhere else (design D8). */
#ifndef MP_RUNTIME_ERROR_H
#define MP_RUNTIME_ERROR_H

#include "runtime/python.h"

/* Attached, with an exception set: logs its traceback at level error, each line behind "`what`: ", after a first line
 * "MP0010: `what` failed in interpreter NAME"; at r's log if there is an r, else at s's. Clears the exception.
 * With p: returns the traceback's text in that pool (for PythonDebug), else NULL. */
char *mp_error_log(request_rec *r, server_rec *s, const char *code, const char *what, apr_pool_t *p);

#endif
