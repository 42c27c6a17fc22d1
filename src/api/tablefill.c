/* apache.table(items) and update(mapping). What is given is Python code's and may do anything, also to this table. */
#include "api/tableobject.h"

/* str and bytes as they are, anything else as str() of it; new reference. */
static PyObject *as_text(PyObject *value)
{
    return PyUnicode_Check(value) || PyBytes_Check(value) ? Py_NewRef(value) : PyObject_Str(value);
}

static int set_as_text(PyObject *self, PyObject *key, PyObject *value)
{
    PyObject *key_text = as_text(key), *value_text = key_text ? as_text(value) : NULL;
    int status = value_text ? mp_table_set(self, key_text, value_text) : -1;

    Py_XDECREF(value_text);
    Py_XDECREF(key_text);
    return status;
}

/* All entries of the other table, several for one key too. */
static int take_over(PyObject *self, PyObject *other)
{
    apr_table_t *to = mp_object_rec(self), *from = mp_object_rec(other);
    const apr_array_header_t *array;
    const apr_table_entry_t *entries;

    if (!to || !from)
        return -1;
    if (to == from)
        return 0;
    array = apr_table_elts(from);
    entries = (const apr_table_entry_t *)array->elts;
    for (int i = 0; i < array->nelts; i++)
        apr_table_unset(to, entries[i].key);
    for (int i = 0; i < array->nelts; i++)
        if (entries[i].val)
            apr_table_add(to, entries[i].key, entries[i].val);
    return 0;
}

int mp_table_update(PyObject *self, PyObject *mapping)
{
    mp_state *state = ((mp_object *)self)->state;
    PyObject *keys = NULL, *iterator = NULL, *key;
    int status = -1;

    if (Py_IS_TYPE(mapping, state->Table_Type))
        return take_over(self, mapping);
    keys = PyObject_CallMethodNoArgs(mapping, state->keys_name);
    if (!keys)
        goto done;
    iterator = PyObject_GetIter(keys);
    if (!iterator)
        goto done;
    while ((key = PyIter_Next(iterator))) {
        PyObject *value = PyObject_GetItem(mapping, key);
        int set = value ? set_as_text(self, key, value) : -1;

        Py_XDECREF(value);
        Py_DECREF(key);
        if (set < 0)
            goto done;
    }
    status = PyErr_Occurred() ? -1 : 0;
done:
    Py_XDECREF(iterator);
    Py_XDECREF(keys);
    return status;
}

static int set_pair(PyObject *self, PyObject *element, Py_ssize_t i)
{
    PyObject *pair = PySequence_Fast(element, "");
    int status = -1;

    if (!pair) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "table(): element %zd is no (key, value) pair but %.200s", i,
                         Py_TYPE(element)->tp_name);
        return -1;
    }
    if (PySequence_Fast_GET_SIZE(pair) != 2)
        PyErr_Format(PyExc_ValueError, "table(): element %zd has length %zd; 2 is required: (key, value)", i,
                     PySequence_Fast_GET_SIZE(pair));
    else {
        PyObject *key = Py_NewRef(PySequence_Fast_GET_ITEM(pair, 0));       /* str() of one may change the pair */
        PyObject *value = Py_NewRef(PySequence_Fast_GET_ITEM(pair, 1));

        status = set_as_text(self, key, value);
        Py_DECREF(value);
        Py_DECREF(key);
    }
    Py_DECREF(pair);
    return status;
}

static int set_pairs(PyObject *self, PyObject *items)
{
    PyObject *iterator = PyObject_GetIter(items), *element;

    if (!iterator) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "table() takes a mapping or a sequence of (key, value) pairs, not %.200s",
                         Py_TYPE(items)->tp_name);
        return -1;
    }
    for (Py_ssize_t i = 0; (element = PyIter_Next(iterator)); i++) {
        int status = set_pair(self, element, i);

        Py_DECREF(element);
        if (status < 0)
            break;
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? -1 : 0;
}

int mp_table_fill(PyObject *self, PyObject *items)
{
    PyObject *keys = PyObject_GetAttr(items, ((mp_object *)self)->state->keys_name);

    if (keys) {
        Py_DECREF(keys);
        return mp_table_update(self, items);
    }
    if (!PyErr_ExceptionMatches(PyExc_AttributeError))
        return -1;
    PyErr_Clear();
    return set_pairs(self, items);
}
