/* Entries of a table, in and out, as text of Python. */
#include "api/tableobject.h"
#include "api/convert.h"

int mp_table_key_open(mp_table_key *key, PyObject *self, PyObject *value)
{
    key->text = mp_text_borrow(value, &key->owned, "a table's key");
    if (!key->text)
        return -1;
    key->table = mp_object_rec(self);
    if (!key->table) {
        Py_CLEAR(key->owned);
        return -1;
    }
    if (PyUnicode_Check(value) && !key->owned && !PyUnicode_IS_ASCII(value) && !apr_table_get(key->table, key->text)) {
        const char *utf8 = PyUnicode_AsUTF8(value);

        if (!utf8)
            return -1;
        if (apr_table_get(key->table, utf8))
            key->text = utf8;
    }
    return 0;
}

void mp_table_key_close(mp_table_key *key)
{
    Py_XDECREF(key->owned);
}

int mp_table_put(PyObject *self, PyObject *key_, PyObject *value, mp_table_store store)
{
    PyObject *owned;
    const char *text = mp_text_borrow(value, &owned, "a table's value");
    mp_table_key key;
    int status = -1;

    if (text && ((mp_table *)self)->headers && strpbrk(text, "\r\n")) {
        PyErr_SetString(PyExc_ValueError, "a header's value must not contain a line end (CR or LF)");
        text = NULL;
    }
    if (text && mp_table_key_open(&key, self, key_) == 0) {
        store(key.table, key.text, text);
        mp_table_key_close(&key);
        status = 0;
    }
    Py_XDECREF(owned);
    return status;
}

int mp_table_set(PyObject *self, PyObject *key, PyObject *value)
{
    return mp_table_put(self, key, value, apr_table_set);
}

int mp_table_entry(PyObject *self, Py_ssize_t i, apr_table_entry_t *entry)
{
    apr_table_t *table = mp_object_rec(self);
    const apr_array_header_t *entries;

    if (!table)
        return -1;
    entries = apr_table_elts(table);
    if (i >= entries->nelts)
        return 0;
    *entry = ((const apr_table_entry_t *)entries->elts)[i];
    return 1;
}

PyObject *mp_table_entry_part(const apr_table_entry_t *entry, mp_table_part part)
{
    PyObject *key = NULL, *value = NULL, *item = NULL;

    if (part == MP_TABLE_KEYS)
        return mp_text_from(entry->key);
    if (part == MP_TABLE_VALUES)
        return mp_text_from(entry->val);
    /* Both strings before the tuple, whose allocation may collect garbage. */
    if ((key = mp_text_from(entry->key)) && (value = mp_text_from(entry->val)))
        item = PyTuple_Pack(2, key, value);
    Py_XDECREF(value);
    Py_XDECREF(key);
    return item;
}
