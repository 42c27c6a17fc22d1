/* The state of an interpreter's _apache, and the way from its types to it.
 *
 * Every interpreter has its own module object, types and state (PEP 489, 573, 630); nothing here is process-wide. The
 * state lives as long as its interpreter, so objects keep a plain pointer to it.
 */
#ifndef MP_API_STATE_H
#define MP_API_STATE_H

#include "runtime/interp.h"

typedef struct mp_state {
    mp_interp *interp;                  /* whose state this is; set at birth */
    apr_allocator_t *allocator;         /* of standalone tables; guarded by the GIL, never destroyed */
    PyTypeObject *Request_Type;
    PyTypeObject *Connection_Type;
    PyTypeObject *Server_Type;
    PyTypeObject *Table_Type;
    PyTypeObject *TableIterator_Type;
    PyTypeObject *FInfo_Type;
    PyTypeObject *HList_Type;
    PyTypeObject *Filter_Type;
    PyObject *SERVER_RETURN;
    PyObject *keys_name;                /* "keys", interned */
    PyObject *servers;                  /* dict: address of a server_rec -> its object */
    PyObject *apache;                   /* mod_python.apache, and from there: */
    PyObject *import_handler;           /* mod_python.importer.import_handler */
    PyObject *resolve_object;           /* mod_python.apache.resolve_object */
} mp_state;

extern const char mp_state_module_name[];           /* "_apache": its address tells our module */
int mp_state_traverse(PyObject *module, visitproc visit, void *arg);
int mp_state_clear(PyObject *module);
mp_state *mp_state_of_module(PyObject *module);     /* borrowed */
mp_state *mp_state_of_type(PyTypeObject *type);     /* of one of our types or a subclass of it; borrowed */

/* A heap type that prints as <class 'mp_x'>; spec->name is "builtins.mp_x". New reference. */
PyTypeObject *mp_type_new(PyObject *module, PyType_Spec *spec);

/* Cleanups at process end go to the handlers room through this, set once at start (api never includes upwards):
 * takes new references to both. -1 with an exception. */
typedef int (*mp_register_cleanup_fn)(mp_interp *interp, server_rec *s, PyObject *callable, PyObject *data);
extern mp_register_cleanup_fn mp_api_register_cleanup;

#endif
