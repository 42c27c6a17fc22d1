/* What was imported for handlers: per interpreter, handler text -> module, with what to watch for autoreload.
 *
 * The cache belongs to its interpreter and is guarded by that interpreter's GIL. Keys are compared by content, since
 * records of .htaccess files live no longer than a request. The importer itself is Python (mod_python/importer.py); it
 * is entered only when the cache has nothing, a watched file changed, or the importer said that something changed.
 */
#ifndef MP_HANDLERS_MODULES_H
#define MP_HANDLERS_MODULES_H

#include "api/types.h"

/* Attached: the function (or other callable) that this handler means in this phase, its module imported, or loaded
 * anew if a file changed. r is NULL where there is no request (connection handlers): then s's settings count. `arg` is
 * what the handler will be called with. New reference; NULL with an exception. For a silent handler whose module has no
 * such function: NULL without one. */
PyObject *mp_modules_function(mp_state *state, request_rec *r, server_rec *s, const mp_handler *handler, mp_phase phase,
                              PyObject *arg);

#endif
