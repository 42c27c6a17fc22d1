/* The global locks, shared by all children and interpreters (host/mutex.h), chosen by key or by index.
 *
 * Python's hash() of text differs from process to process, so a key's lock is chosen by a hash of ours: keys that are
 * equal get the same lock everywhere.
 */
#include "api/functions.h"
#include "api/types.h"

/* FNV-1a: of the bytes, continuing from `hash`. */
#define HASH_START 14695981039346656037u

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *byte = data;

    while (size--)
        hash = (hash ^ *byte++) * 1099511628211u;
    return hash;
}

static int hash_text(PyObject *text, uint64_t *hash)
{
    PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");

    if (!bytes)
        return -1;
    *hash = hash_bytes(HASH_START, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return 0;
}

static int hash_key(PyObject *key, uint64_t *hash);

/* The order counts for tuples, not for sets. */
static int hash_items(PyObject *items, uint64_t *hash)
{
    PyObject *iterator = PyObject_GetIter(items), *item;
    int failed = !iterator || Py_EnterRecursiveCall(" while the key of a global lock is hashed");
    uint64_t one;

    *hash = HASH_START;
    if (!failed) {
        while (!failed && (item = PyIter_Next(iterator))) {
            failed = hash_key(item, &one) < 0;
            *hash = PyTuple_Check(items) ? hash_bytes(*hash, &one, sizeof(one)) : *hash + one;
            Py_DECREF(item);
        }
        Py_LeaveRecursiveCall();
    }
    Py_XDECREF(iterator);
    return PyErr_Occurred() ? -1 : 0;
}

/* Objects that are equal to nothing but themselves can't be the same key elsewhere: hash() will do. Others are known by
 * their text, which unlike their hash() is the same everywhere. */
static int hash_object(PyObject *key, uint64_t *hash)
{
    PyObject *text;
    int failed;

    if (Py_TYPE(key)->tp_hash == PyBaseObject_Type.tp_hash)
        return 0;
    text = PyObject_Repr(key);
    failed = !text || hash_text(text, hash) < 0;
    Py_XDECREF(text);
    return failed ? -1 : 0;
}

static int is_number(PyObject *key)
{
    const PyNumberMethods *number = Py_TYPE(key)->tp_as_number;

    return PyComplex_Check(key) || (number && number->nb_float);    /* int, float, Decimal, Fraction */
}

static int hash_key(PyObject *key, uint64_t *hash)
{
    Py_hash_t own;

    if (PyUnicode_Check(key))
        return hash_text(key, hash);
    if (PyBytes_Check(key)) {
        *hash = hash_bytes(HASH_START, PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key));
        return 0;
    }
    if (PyTuple_Check(key) || PyFrozenSet_Check(key))
        return hash_items(key, hash);
    *hash = 0;
    if (key == Py_None || (PyFloat_Check(key) && Py_IS_NAN(PyFloat_AS_DOUBLE(key))))
        return 0;
    own = PyObject_Hash(key);
    if (own == -1)
        return -1;
    *hash = (uint64_t)own;
    return is_number(key) ? 0 : hash_object(key, hash);
}

/* The number of the lock, or -1 with an exception. */
static int choose(PyObject *module, PyObject *args, const char *format)
{
    int count = mp_host->mutex_count();
    PyObject *server, *key;
    uint64_t hash;
    int index = -1;

    if (!PyArg_ParseTuple(args, format, &server, &key, &index) || !mp_server_check(mp_state_of_module(module), server))
        return -1;
    if (!count) {
        PyErr_SetString(PyExc_ValueError, "this process has no global locks; its error log says why");
        return -1;
    }
    if (index < -1 || index >= count) {
        PyErr_Format(PyExc_ValueError, "there is no global lock %d: index must be 0 to %d, or -1 to choose by key",
                     index, count - 1);
        return -1;
    }
    if (index >= 0)
        return index;
    return hash_key(key, &hash) < 0 ? -1 : 1 + (int)(hash % (unsigned)(count - 1));
}

static PyObject *fail(const char *what, int index, apr_status_t status)
{
    char text[256];

    if (status == EPERM)
        return PyErr_Format(PyExc_ValueError, "global lock %d can't be %s: this process does not hold it", index, what);
    return PyErr_Format(PyExc_ValueError, "global lock %d can't be %s: %s", index, what,
                        apr_strerror(status, text, sizeof(text)));
}

PyObject *mp_api_global_locks(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyLong_FromLong(mp_host->mutex_count());
}

PyObject *mp_api_global_lock(PyObject *module, PyObject *args)
{
    int index = choose(module, args, "OO|i:_global_lock");
    apr_status_t status;

    if (index < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = mp_host->mutex(MP_MUTEX_LOCK, index);
    Py_END_ALLOW_THREADS
    if (status != APR_SUCCESS)
        return fail("locked", index, status);
    Py_RETURN_NONE;
}

PyObject *mp_api_global_trylock(PyObject *module, PyObject *args)
{
    int index = choose(module, args, "OO|i:_global_trylock");
    apr_status_t status;

    if (index < 0)
        return NULL;
    status = mp_host->mutex(MP_MUTEX_TRYLOCK, index);
    if (status != APR_SUCCESS && !APR_STATUS_IS_EBUSY(status))
        return fail("locked", index, status);
    return PyBool_FromLong(status == APR_SUCCESS);
}

PyObject *mp_api_global_unlock(PyObject *module, PyObject *args)
{
    int index = choose(module, args, "OO|i:_global_unlock");
    apr_status_t status;

    if (index < 0)
        return NULL;
    status = mp_host->mutex(MP_MUTEX_UNLOCK, index);
    if (status != APR_SUCCESS)
        return fail("unlocked", index, status);
    Py_RETURN_NONE;
}
