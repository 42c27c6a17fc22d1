/* What the client gets when a handler failed. No Python here: httpd's output, and nothing else. */
#ifndef MP_HANDLERS_ANSWER_H
#define MP_HANDLERS_ANSWER_H

#include "engine.h"

/* Detached. With a traceback (PythonDebug On): sends the report, returns DONE. Else: 500 for httpd's error page; if a
 * part of the answer is on its way already, the answer is cut so that the client sees it (no last chunk, the connection
 * closes), and DONE. If the answer is complete already: DONE. */
int mp_answer_failure(request_rec *r, const char *what, const char *traceback);

/* The report alone, as HTML, in that pool. */
const char *mp_answer_report(apr_pool_t *p, const char *what, const char *traceback);

#endif
