/* mp_table: an APR table as a mapping; keys know no case and may occur several times.
 *
 * Two kinds: tables of httpd's are live and expire with their record; apache.table() and copies live in a pool of their
 * own, as long as the object. Such a pool has no parent and the interpreter's allocator: making one takes no lock.
 * Strings are always copies in the table's pool.
 * Whatever may run Python code (a conversion, a collection) comes before the record is looked at, or the record is
 * looked at anew after it.
 */
#include "api/tableobject.h"
#include "api/args.h"
#include "api/convert.h"

#include "docstrings.h"

#define STANDALONE_SIZE 8

/* Mapping */

typedef struct {
    int n;
    const char *first;
} occurrences;

static int count_value(void *found_, const char *Py_UNUSED(key), const char *value)
{
    occurrences *found = found_;

    if (found->n++ == 0)
        found->first = value;
    return 1;
}

static int append_value(void *list, const char *Py_UNUSED(key), const char *value)
{
    PyObject *text = mp_text_from(value);
    int status = text ? PyList_Append(list, text) : -1;

    Py_XDECREF(text);
    return status == 0;
}

/* What t[key] is, or NULL: without an exception if there is none. */
static PyObject *find(PyObject *self, PyObject *key_)
{
    occurrences found = { 0, NULL };
    PyObject *list;
    mp_table_key key;

    if (mp_table_key_open(&key, self, key_) < 0)
        return NULL;
    apr_table_do(count_value, &found, key.table, key.text, NULL);
    if (found.n <= 1) {
        PyObject *value = found.n ? mp_text_from(found.first) : NULL;

        mp_table_key_close(&key);
        return value;
    }
    mp_table_key_close(&key);
    list = PyList_New(0);
    if (!list || mp_table_key_open(&key, self, key_) < 0)
        goto failed;
    apr_table_do(append_value, list, key.table, key.text, NULL);
    mp_table_key_close(&key);
    if (!PyErr_Occurred())
        return list;
failed:
    Py_XDECREF(list);
    return NULL;
}

static PyObject *subscript(PyObject *self, PyObject *key)
{
    PyObject *value = find(self, key);

    if (!value && !PyErr_Occurred())
        PyErr_SetObject(PyExc_KeyError, key);
    return value;
}

static int unset(PyObject *self, PyObject *key_)
{
    mp_table_key key;

    if (mp_table_key_open(&key, self, key_) < 0)
        return -1;
    apr_table_unset(key.table, key.text);
    mp_table_key_close(&key);
    return 0;
}

static int assign(PyObject *self, PyObject *key, PyObject *value)
{
    return value ? mp_table_set(self, key, value) : unset(self, key);
}

static Py_ssize_t length(PyObject *self)
{
    apr_table_t *table = mp_object_rec(self);

    return table ? apr_table_elts(table)->nelts : -1;
}

static int contains(PyObject *self, PyObject *key_)
{
    mp_table_key key;
    int there;

    if (mp_table_key_open(&key, self, key_) < 0)
        return -1;
    there = apr_table_get(key.table, key.text) != NULL;
    mp_table_key_close(&key);
    return there;
}

/* dict(self); new reference. */
static PyObject *as_dict(PyObject *self)
{
    PyObject *dict = PyDict_New();
    apr_table_entry_t entry;
    int more = dict ? 0 : -1;

    for (Py_ssize_t i = 0; dict && (more = mp_table_entry(self, i, &entry)) == 1; i++) {
        PyObject *key = mp_text_from(entry.key), *value = key ? find(self, key) : NULL;

        if (!value && !PyErr_Occurred())
            value = Py_NewRef(Py_None);         /* gone meanwhile: a collection ran code that took it out */
        more = value ? PyDict_SetItem(dict, key, value) : -1;
        Py_XDECREF(value);
        Py_XDECREF(key);
        if (more < 0)
            break;
    }
    if (more < 0)
        Py_CLEAR(dict);
    return dict;
}

static PyObject *compare(PyObject *self, PyObject *other, int op)
{
    PyTypeObject *table_type = ((mp_object *)self)->state->Table_Type;
    PyObject *left = NULL, *right = NULL, *result = NULL;

    if ((op != Py_EQ && op != Py_NE) || !(PyDict_Check(other) || PyObject_TypeCheck(other, table_type)))
        Py_RETURN_NOTIMPLEMENTED;
    if ((left = as_dict(self)) && (right = PyDict_Check(other) ? Py_NewRef(other) : as_dict(other)))
        result = PyObject_RichCompare(left, right, op);
    Py_XDECREF(right);
    Py_XDECREF(left);
    return result;
}

/* repr() */

/* The text as Python shows it; bytes that are no UTF-8 as \xNN. */
static PyObject *repr_of(const char *s)
{
    PyObject *plain = s ? PyUnicode_DecodeUTF8(s, (Py_ssize_t)strlen(s), NULL) : Py_NewRef(Py_None), *bytes, *shown;

    if (!plain && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        bytes = PyBytes_FromString(s);
        plain = bytes ? PyObject_Repr(bytes) : NULL;
        shown = plain ? PyUnicode_Substring(plain, 1, PY_SSIZE_T_MAX) : NULL;      /* without its b */
        Py_XDECREF(bytes);
    }
    else
        shown = plain ? PyObject_Repr(plain) : NULL;
    Py_XDECREF(plain);
    return shown;
}

static PyObject *repr_of_entry(const apr_table_entry_t *entry)
{
    PyObject *key = repr_of(entry->key), *value = key ? repr_of(entry->val) : NULL, *text = NULL;

    if (value)
        text = PyUnicode_FromFormat("%U: %U", key, value);
    Py_XDECREF(value);
    Py_XDECREF(key);
    return text;
}

static PyObject *repr(PyObject *self)
{
    PyObject *parts = PyList_New(0), *comma = PyUnicode_FromString(", "), *joined = NULL, *text = NULL;
    Py_ssize_t i = length(self);
    apr_table_entry_t entry;

    if (!parts || !comma || i < 0)
        goto done;
    while (--i >= 0) {
        int there = mp_table_entry(self, i, &entry);
        PyObject *part = there == 1 ? repr_of_entry(&entry) : NULL;

        if (there == 0)
            continue;                           /* it became shorter */
        if (!part || PyList_Append(parts, part) < 0) {
            Py_XDECREF(part);
            goto done;
        }
        Py_DECREF(part);
    }
    if ((joined = PyUnicode_Join(comma, parts)))
        text = PyUnicode_FromFormat("{%U}", joined);
done:
    Py_XDECREF(joined);
    Py_XDECREF(comma);
    Py_XDECREF(parts);
    return text;
}

/* Methods */

/* The first value, or NULL: without an exception if there is none. */
static PyObject *find_first(PyObject *self, PyObject *key_)
{
    mp_table_key key;
    const char *value;
    PyObject *text;

    if (mp_table_key_open(&key, self, key_) < 0)
        return NULL;
    value = apr_table_get(key.table, key.text);
    text = value ? mp_text_from(value) : NULL;
    mp_table_key_close(&key);
    return text;
}

static PyObject *get(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    static const mp_signature signature = { "get()", 1, { "key", "default" } };
    PyObject *given[MP_ARGS_MAX], *value;

    if (mp_args_take(&signature, args, n, NULL, given) < 0)
        return NULL;
    value = find_first(self, given[0]);
    if (value || PyErr_Occurred())
        return value;
    return Py_NewRef(given[1] ? given[1] : Py_None);
}

static PyObject *has_key(PyObject *self, PyObject *key)
{
    int there = contains(self, key);

    return there < 0 ? NULL : PyLong_FromLong(there);
}

static PyObject *add(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    static const mp_signature signature = { "add()", 2, { "key", "value" } };
    PyObject *given[MP_ARGS_MAX];

    if (mp_args_take(&signature, args, n, NULL, given) < 0 || mp_table_put(self, given[0], given[1], apr_table_add) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *set_default(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    static const mp_signature signature = { "setdefault()", 1, { "key", "default" } };
    PyObject *given[MP_ARGS_MAX], *value;

    if (mp_args_take(&signature, args, n, NULL, given) < 0)
        return NULL;
    value = find_first(self, given[0]);
    if (value || PyErr_Occurred())
        return value;
    value = given[1] ? Py_NewRef(given[1]) : PyUnicode_FromString("");
    if (value && mp_table_set(self, given[0], value) < 0)
        Py_CLEAR(value);
    return value;
}

static PyObject *pop(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    static const mp_signature signature = { "pop()", 1, { "key", "default" } };
    PyObject *given[MP_ARGS_MAX], *value;

    if (mp_args_take(&signature, args, n, NULL, given) < 0)
        return NULL;
    value = find(self, given[0]);
    if (value && unset(self, given[0]) < 0)
        Py_CLEAR(value);
    if (value || PyErr_Occurred())
        return value;
    if (given[1])
        return Py_NewRef(given[1]);
    PyErr_SetObject(PyExc_KeyError, given[0]);
    return NULL;
}

/* The last entry goes. APR can only take out all entries of a key, so the others are put in anew. */
static int drop_last(apr_table_t *table)
{
    const apr_array_header_t *array = apr_table_elts(table);
    int n = array->nelts - 1;
    apr_table_entry_t *rest = PyMem_New(apr_table_entry_t, n + 1);

    if (!rest) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(rest, array->elts, (size_t)n * sizeof(*rest));
    apr_table_clear(table);
    for (int i = 0; i < n; i++)
        apr_table_addn(table, rest[i].key, rest[i].val);
    PyMem_Free(rest);
    return 0;
}

static PyObject *popitem(PyObject *self, PyObject *Py_UNUSED(args))
{
    PyObject *pair = PyTuple_New(2), *key, *value;
    apr_table_t *table = mp_object_rec(self);
    const apr_table_entry_t *last;

    if (!pair || !table)
        goto failed;
    if (apr_is_empty_table(table)) {
        PyErr_SetString(PyExc_KeyError, "popitem(): the table is empty");
        goto failed;
    }
    last = (const apr_table_entry_t *)apr_table_elts(table)->elts + apr_table_elts(table)->nelts - 1;
    key = mp_text_from(last->key);
    value = mp_text_from(last->val);
    PyTuple_SET_ITEM(pair, 0, key);
    PyTuple_SET_ITEM(pair, 1, value);
    if (key && value && drop_last(table) == 0)
        return pair;
failed:
    Py_XDECREF(pair);
    return NULL;
}

static PyObject *list_of(PyObject *self, mp_table_part part)
{
    PyObject *list = PyList_New(0);
    apr_table_entry_t entry;
    int more = -1;

    for (Py_ssize_t i = 0; list && (more = mp_table_entry(self, i, &entry)) == 1; i++) {
        PyObject *item = mp_table_entry_part(&entry, part);

        more = item ? PyList_Append(list, item) : -1;
        Py_XDECREF(item);
        if (more < 0)
            break;
    }
    if (more < 0)
        Py_CLEAR(list);
    return list;
}

static PyObject *keys(PyObject *self, PyObject *Py_UNUSED(args))
{
    return list_of(self, MP_TABLE_KEYS);
}

static PyObject *values(PyObject *self, PyObject *Py_UNUSED(args))
{
    return list_of(self, MP_TABLE_VALUES);
}

static PyObject *items(PyObject *self, PyObject *Py_UNUSED(args))
{
    return list_of(self, MP_TABLE_ITEMS);
}

static PyObject *iterkeys(PyObject *self, PyObject *Py_UNUSED(args))
{
    return mp_table_iterate(self, MP_TABLE_KEYS);
}

static PyObject *itervalues(PyObject *self, PyObject *Py_UNUSED(args))
{
    return mp_table_iterate(self, MP_TABLE_VALUES);
}

static PyObject *iteritems(PyObject *self, PyObject *Py_UNUSED(args))
{
    return mp_table_iterate(self, MP_TABLE_ITEMS);
}

static PyObject *iterate(PyObject *self)
{
    return mp_table_iterate(self, MP_TABLE_KEYS);
}

static PyObject *clear(PyObject *self, PyObject *Py_UNUSED(args))
{
    apr_table_t *table = mp_object_rec(self);

    if (!table)
        return NULL;
    apr_table_clear(table);
    Py_RETURN_NONE;
}

static PyObject *update(PyObject *self, PyObject *mapping)
{
    if (mp_table_update(self, mapping) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *refuse_pickle(PyObject *self, PyObject *Py_UNUSED(protocol))
{
    return PyErr_Format(PyExc_TypeError, "cannot pickle %.200s: pickle its items() instead", Py_TYPE(self)->tp_name);
}

/* Life */

static PyObject *standalone(PyTypeObject *type, mp_state *state)
{
    mp_table *self = (mp_table *)type->tp_alloc(type, 0);

    if (!self)
        return NULL;
    self->object.state = state;
    if (apr_pool_create_unmanaged_ex(&self->pool, NULL, state->allocator) != APR_SUCCESS) {
        self->pool = NULL;
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    self->object.rec = apr_table_make(self->pool, STANDALONE_SIZE);
    return (PyObject *)self;
}

static PyObject *copy(PyObject *self, PyObject *Py_UNUSED(args))
{
    mp_state *state = ((mp_object *)self)->state;
    PyObject *other = standalone(state->Table_Type, state);
    apr_table_t *from = mp_object_rec(self), *to;

    if (!other || !from) {
        Py_XDECREF(other);
        return NULL;
    }
    to = apr_table_clone(((mp_table *)other)->pool, from);
    ((mp_table *)other)->object.rec = to;
    return other;
}

/* Arguments are __init__'s, so that subclasses may have others. */
static PyObject *new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    mp_state *state = mp_state_of_type(type);

    return state ? standalone(type, state) : NULL;
}

static int init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "items", NULL };
    PyObject *given = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:table", names, &given))
        return -1;
    return given ? mp_table_fill(self, given) : 0;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    if (((mp_table *)self)->pool)
        apr_pool_destroy(((mp_table *)self)->pool);
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject *mp_table_from(mp_state *state, apr_table_t *table)
{
    mp_table *self = PyObject_New(mp_table, state->Table_Type);

    if (!self)
        return NULL;
    self->object.state = state;
    self->object.rec = table;
    self->object.in_flight = 0;
    self->pool = NULL;
    self->headers = 0;
    return (PyObject *)self;
}

void mp_table_guard_headers(PyObject *table)
{
    ((mp_table *)table)->headers = 1;
}

void mp_table_expire(PyObject *table)
{
    mp_object_expire(table);
}

static PyMethodDef methods[] = {
    { "get", (PyCFunction)(void (*)(void))get, METH_FASTCALL, MP_DOC_mp_table_get },
    { "has_key", has_key, METH_O, MP_DOC_mp_table_has_key },
    { "add", (PyCFunction)(void (*)(void))add, METH_FASTCALL, MP_DOC_mp_table_add },
    { "setdefault", (PyCFunction)(void (*)(void))set_default, METH_FASTCALL, MP_DOC_mp_table_setdefault },
    { "pop", (PyCFunction)(void (*)(void))pop, METH_FASTCALL, MP_DOC_mp_table_pop },
    { "popitem", popitem, METH_NOARGS, MP_DOC_mp_table_popitem },
    { "keys", keys, METH_NOARGS, MP_DOC_mp_table_keys },
    { "values", values, METH_NOARGS, MP_DOC_mp_table_values },
    { "items", items, METH_NOARGS, MP_DOC_mp_table_items },
    { "iterkeys", iterkeys, METH_NOARGS, MP_DOC_mp_table_iterkeys },
    { "itervalues", itervalues, METH_NOARGS, MP_DOC_mp_table_itervalues },
    { "iteritems", iteritems, METH_NOARGS, MP_DOC_mp_table_iteritems },
    { "clear", clear, METH_NOARGS, MP_DOC_mp_table_clear },
    { "copy", copy, METH_NOARGS, MP_DOC_mp_table_copy },
    { "__copy__", copy, METH_NOARGS, NULL },
    { "update", update, METH_O, MP_DOC_mp_table_update },
    { "__reduce__", refuse_pickle, METH_NOARGS, NULL },
    { "__reduce_ex__", refuse_pickle, METH_O, NULL },
    { NULL, NULL, 0, NULL }
};

static PyType_Slot slots[] = {
    { Py_tp_doc, MP_DOC_mp_table },
    { Py_tp_new, new },
    { Py_tp_init, init },
    { Py_tp_dealloc, dealloc },
    { Py_tp_methods, methods },
    { Py_tp_repr, repr },
    { Py_tp_iter, iterate },
    { Py_tp_richcompare, compare },
    { Py_tp_hash, PyObject_HashNotImplemented },
    { Py_mp_subscript, subscript },
    { Py_mp_ass_subscript, assign },
    { Py_mp_length, length },
    { Py_sq_contains, contains },
    { 0, NULL }
};

static PyType_Spec spec = {
    .name = "builtins.mp_table",
    .basicsize = sizeof(mp_table),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_MAPPING,
    .slots = slots,
};

int mp_table_type_add(PyObject *module, mp_state *state)
{
    state->Table_Type = mp_type_new(module, &spec);
    return state->Table_Type ? mp_table_iterator_type_add(module, state) : -1;
}
