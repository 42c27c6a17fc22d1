/* Text between httpd (char *) and Python (str), by the rules of spec/mod_python-api.md, section 0.
 *
 * All are called attached. What returns PyObject * gives a new reference, or NULL with an exception.
 */
#ifndef MP_API_CONVERT_H
#define MP_API_CONVERT_H

#include "runtime/python.h"

PyObject *mp_text_from(const char *s);                  /* UTF-8 if valid, else Latin-1; NULL gives None */
PyObject *mp_text_from_n(const char *s, Py_ssize_t n);
PyObject *mp_latin1_from(const char *s);                /* always Latin-1; NULL gives None */
PyObject *mp_path_from(const char *s);                  /* as os.fsdecode; NULL gives None */

/* The same text as mp_text_to gives, borrowed from value or from *owned (a new reference or NULL: Py_XDECREF it
 * when done). Runs no Python code. */
const char *mp_text_borrow(PyObject *value, PyObject **owned, const char *what);

PyObject *mp_tuple_from(const apr_array_header_t *strings);     /* of const char *; NULL gives () */

/* str (Latin-1 if it fits, else UTF-8 with surrogateescape) or bytes, as a copy in the pool. NULL with TypeError, or
 * with ValueError for an embedded NUL; `what` names it in the message. */
char *mp_text_to(PyObject *value, apr_pool_t *p, const char *what);
/* The same for a file name: as os.fsencode. */
char *mp_path_to(PyObject *value, apr_pool_t *p, const char *what);

/* Body data: str as UTF-8 with surrogateescape, or any bytes-like object. Fills `view`; 0, or -1 with an exception.
 * *owned is a new reference to what the view is over, or NULL. Release the view, then Py_XDECREF(owned). */
int mp_body_data(PyObject *value, Py_buffer *view, PyObject **owned);

#endif
