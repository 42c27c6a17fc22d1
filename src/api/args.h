/* The arguments of methods that are called often (METH_FASTCALL | METH_KEYWORDS): by position or by documented name. */
#ifndef MP_API_ARGS_H
#define MP_API_ARGS_H

#include "runtime/python.h"

#define MP_ARGS_MAX 3

typedef struct {
    const char *function;                   /* for messages: "write()" */
    int required;
    const char *names[MP_ARGS_MAX + 1];     /* ends with NULL */
} mp_signature;

/* Fills out[] with borrowed references, NULL where nothing was given. 0, or -1 with TypeError. */
int mp_args_take(const mp_signature *signature, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                 PyObject *out[MP_ARGS_MAX]);

/* For a method without arguments. 0, or -1 with TypeError. */
int mp_args_none(const char *function, Py_ssize_t nargs, PyObject *kwnames);

/* An int as a C number; `value` may be NULL: then `otherwise`. 0, or -1 with TypeError or OverflowError. */
int mp_args_int(PyObject *value, long long otherwise, long long *number, const char *what);

/* A number of bytes: negative becomes -1, too much the most there can be. NULL and None: `otherwise`. */
int mp_args_size(PyObject *value, Py_ssize_t otherwise, Py_ssize_t *size, const char *what);

/* The one argument of read() and the like: at most so many bytes; -1 for all. */
int mp_args_limit(const mp_signature *signature, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                  Py_ssize_t *limit);

#endif
