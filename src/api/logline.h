/* log_error(message[, level]): the arguments that the module's function and the objects' methods share. */
#ifndef MP_API_LOGLINE_H
#define MP_API_LOGLINE_H

#include "runtime/python.h"

typedef struct {
    const char *text;       /* NULL: None was given, there is nothing to log */
    int level;
    PyObject *owned;        /* what text is borrowed from, or NULL */
} mp_logline;

/* `level` may be NULL. 0, or -1 with TypeError or ValueError; after 0 the caller ends it with mp_logline_done.
 * `message` must outlive the line. */
int mp_logline_from(mp_logline *line, PyObject *message, PyObject *level);
void mp_logline_done(mp_logline *line);

/* The same from a method's arguments, positional or by name. */
int mp_logline_parse(mp_logline *line, PyObject *args, PyObject *kwargs);

#endif
