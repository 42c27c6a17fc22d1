/* mod_python for other modules of httpd: call Python from a hook of yours.
 *
 * The functions are APR's optional functions: ask for them in a hook that runs after all modules have been loaded
 * (ap_hook_optional_fn_retrieve); what you get is NULL if mod_python is not loaded.
 *
 *     static APR_OPTIONAL_FN_TYPE(mp_acquire_interpreter) *acquire;
 *     ...
 *     acquire = APR_RETRIEVE_OPTIONAL_FN(mp_acquire_interpreter);
 *
 *     if (!acquire("shop"))                        -- NULL: main_interpreter
 *         return HTTP_INTERNAL_SERVER_ERROR;       -- the error log says why
 *     req = get_request_object(r);                 -- from here on the thread may use Python's C API
 *     ...
 *     Py_XDECREF(req);
 *     release();
 *
 * Python runs in httpd's children only. In the parent, while the configuration is read and in post_config, and in a
 * child whose Python did not start, acquire and the mp_get_ functions return NULL.
 *
 * Python's own functions come from the libpython of the configured engine. Build your module with the headers of that
 * Python version, and link it with that libpython: httpd resolves all symbols when it loads a module.
 */
#ifndef MOD_PYTHON_H
#define MOD_PYTHON_H

#include "httpd.h"
#include "apr_optional.h"

typedef struct mp_interpreter mp_interpreter;       /* a sign of success, no more */

/* Enters the interpreter of that name, or main_interpreter if it is NULL; one that nobody has used yet is made, as for
 * the directive PythonInterpreter. Afterwards the thread holds its GIL. Returns NULL if that failed (logged).
 *
 * Calls nest, also within a Python handler and across interpreters: each is paired with a release on the same thread,
 * the last one first. Keep no GIL while you wait: put Py_BEGIN_ALLOW_THREADS and Py_END_ALLOW_THREADS around it, or
 * release. Don't use PyGILState_Ensure(), which knows the main interpreter only. */
APR_DECLARE_OPTIONAL_FN(mp_interpreter *, mp_acquire_interpreter, (const char *name));

/* Goes back to where the thread was before its last acquire, with the GIL held as it was returned. An exception that is
 * set is logged and cleared. Without an acquire before it: logged, and nothing else. */
APR_DECLARE_OPTIONAL_FN(void, mp_release_interpreter, (void));

/* The object that stands for the record in the thread's interpreter, the same that handlers there see. A new reference
 * (PyObject *), to be given back before the release; NULL with an exception set. Outside of acquire and release, and of
 * Python handlers: NULL. Once the request or connection is over the object is of no use, as for handlers. */
APR_DECLARE_OPTIONAL_FN(struct _object *, mp_get_request_object, (request_rec *r));
APR_DECLARE_OPTIONAL_FN(struct _object *, mp_get_server_object, (server_rec *s));
APR_DECLARE_OPTIONAL_FN(struct _object *, mp_get_connection_object, (conn_rec *c));

#endif
