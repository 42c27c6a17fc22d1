/* Calls of filters: the function that the directive names gets a mp_filter, and what it left undone is done for it.
 *
 * Detached, any request thread, also deep inside a handler's own call of httpd.
 */
#ifndef MP_HANDLERS_FILTERS_H
#define MP_HANDLERS_FILTERS_H

#include "api/types.h"
#include "runtime/lease.h"

apr_status_t mp_filters_output(ap_filter_t *f, mp_filtering *filtering, apr_bucket_brigade *bb);
apr_status_t mp_filters_input(ap_filter_t *f, mp_filtering *filtering, apr_bucket_brigade *bb, ap_input_mode_t mode,
                              apr_read_type_e block, apr_off_t readbytes);

/* Attached, with an exception, which becomes log lines; but a client that went away is no fault of the function's, and
 * gets one line. Returns the report of PythonDebug for the stream, in the request's pool, or NULL. */
const char *mp_filters_failed(mp_lease *lease, const mp_stream *s, const char *code, const char *what);

#endif
