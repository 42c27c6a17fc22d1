/* A directory's record over that of the directory around it. */
#ifndef MP_CONFIG_MERGE_H
#define MP_CONFIG_MERGE_H

#include "config/records.h"

/* What httpd calls: a new record; both that it is made of stay as they are, and share with it what nobody changes. */
void *mp_dir_conf_merge(apr_pool_t *p, void *base, void *add);

#endif
