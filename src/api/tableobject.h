/* Between the files of mp_table, each above the next:
 *
 *     tableobject.c      the type, and how its objects come and go
 *     tablefill.c        from mappings and pairs
 *     tableiterator.c    iterators
 *     tabledata.c        entries, in and out
 */
#ifndef MP_API_TABLEOBJECT_H
#define MP_API_TABLEOBJECT_H

#include "api/types.h"

/* Starts like every mp_object; rec is the apr_table_t. It holds no Python object, so the GC need not know it. */
typedef struct {
    mp_object object;
    apr_pool_t *pool;           /* apache.table() and copies: owned, the table lives in it; else NULL */
    int headers;                /* of an answer: a line end in a value would start another header */
} mp_table;

/* A key of a table as httpd would have it. */
typedef struct {
    apr_table_t *table;
    const char *text;
    PyObject *owned;            /* or NULL */
} mp_table_key;

/* Looks up nothing, but prefers the bytes that are in the table: text that came out of a table finds its entry again.
 * 0, or -1 with an exception. No Python code may run before the key is closed. */
int mp_table_key_open(mp_table_key *key, PyObject *self, PyObject *value);
void mp_table_key_close(mp_table_key *key);

/* Stores an entry with apr_table_add or apr_table_set; the second replaces all entries of `key`. 0, or -1 with an
 * exception. */
typedef void (*mp_table_store)(apr_table_t *table, const char *key, const char *value);
int mp_table_put(PyObject *self, PyObject *key, PyObject *value, mp_table_store store);
int mp_table_set(PyObject *self, PyObject *key, PyObject *value);

/* The i-th entry: 1, 0 behind the last, -1 with an exception. The strings are good until Python code runs. */
int mp_table_entry(PyObject *self, Py_ssize_t i, apr_table_entry_t *entry);

/* keys() and the like, and what iterators give. */
typedef enum { MP_TABLE_KEYS, MP_TABLE_VALUES, MP_TABLE_ITEMS } mp_table_part;
PyObject *mp_table_entry_part(const apr_table_entry_t *entry, mp_table_part part);
PyObject *mp_table_iterate(PyObject *self, mp_table_part part);
int mp_table_iterator_type_add(PyObject *module, mp_state *state);

/* What apache.table(items) and update(mapping) do: text is taken as it is, the rest as str() gives it. */
int mp_table_fill(PyObject *self, PyObject *items);
int mp_table_update(PyObject *self, PyObject *mapping);

#endif
