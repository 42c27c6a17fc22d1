/* Python code in a page: <!--#python -->. Detached, request threads, inside mod_include's filter. */
#ifndef MP_HANDLERS_INCLUDE_H
#define MP_HANDLERS_INCLUDE_H

#include "runtime/python.h"

/* Writes what the element gives to bb; where it fails, mod_include's error text or the report of PythonDebug. The
 * status is that of the client's connection. */
apr_status_t mp_include_run(ap_filter_t *f, const mp_include *element, apr_bucket_brigade *bb);

#endif
