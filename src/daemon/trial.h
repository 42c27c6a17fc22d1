/* See trial.c. */
#ifndef MP_DAEMON_TRIAL_H
#define MP_DAEMON_TRIAL_H

#include "mp.h"

void mp_trial_register(apr_pool_t *p);

#endif
