/* What a handler returned, or raised as SERVER_RETURN, as the number that httpd gets. */
#ifndef MP_HANDLERS_RESULT_H
#define MP_HANDLERS_RESULT_H

#include "api/state.h"

/* Attached. `value` is what the call gave: NULL with its exception. r (NULL for a connection) gets the status that
 * SERVER_RETURN(result, status) carries. 0 with *result: OK, DECLINED, DONE or an HTTP status; -1 with an exception,
 * also for a value that is none of these. */
int mp_result_take(mp_state *state, request_rec *r, const mp_handler *handler, PyObject *value, int *result);

#endif
