/* The functions that httpd calls for Python filters: each finds what defines the filter for its request, and crosses
 * the seam. The names belong to httpd and to mp_process, for one pass of the configuration; a filter of a request (ctx)
 * is a mp_filtering in that request's pool. Any request thread; a filter is called by one thread at a time.
 */
#ifndef MP_HOST_FILTERS_H
#define MP_HOST_FILTERS_H

#include "mp.h"

/* When the module is loaded: tells the config room how to register names, and registers the filters that carry what
 * req.add_input_filter() and req.add_output_filter() add. */
void mp_filters_start(void);

/* After the configuration was read: NULL, or what is wrong, if another module's directive has taken a name away. */
const char *mp_filters_check(apr_pool_t *p);

#endif
