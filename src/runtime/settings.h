/* What the configuration says about an interpreter, put together from all records that match its name. */
#ifndef MP_RUNTIME_SETTINGS_H
#define MP_RUNTIME_SETTINGS_H

#include "runtime/python.h"

typedef struct {
    mp_gil gil;
    int restrict_stdin;
    int restrict_stdout;
    int restrict_signal;
    double switch_interval;         /* seconds; 0: CPython's */
    const char *python_path;        /* dir:dir:..., the most specific first; "" */
} mp_settings;

/* Any thread, without a GIL or with one. The path is in p; without a p it is left out. */
void mp_settings_find(const char *name, apr_pool_t *p, mp_settings *settings);

#endif
