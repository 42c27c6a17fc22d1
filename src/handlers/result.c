#include "handlers/result.h"

/* A result that no phase knows becomes an exception, so that it is told like one. -1 with an exception. */
static int check(PyObject *value, const mp_handler *handler, int *result)
{
    int overflow;
    long number;

    if (!PyLong_CheckExact(value)) {
        PyErr_Format(PyExc_TypeError, "%s returned %R, a non-integer; a handler returns an integer such as apache.OK",
                     handler->text, value);
        return -1;
    }
    number = PyLong_AsLongAndOverflow(value, &overflow);
    if (overflow || !(number == OK || number == DECLINED || number == DONE || (number >= 100 && number < 600))) {
        PyErr_Format(PyExc_ValueError, "%s returned %R; a handler returns apache.OK, DECLINED, DONE or an HTTP status "
                     "(100 to 599)", handler->text, value);
        return -1;
    }
    *result = (int)number;
    return 0;
}

/* raise SERVER_RETURN(result[, status]): the same as returning result. -1 with an exception. */
static int server_return(request_rec *r, const mp_handler *handler, int *result)
{
    PyObject *type, *value, *traceback, *args = NULL;
    int ret = -1;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    args = PyObject_GetAttrString(value, "args");
    if (!args || !PyTuple_Check(args))
        goto done;
    if (PyTuple_GET_SIZE(args) == 0) {
        PyErr_SetString(PyExc_IndexError, "SERVER_RETURN was raised without a value: raise "
                        "apache.SERVER_RETURN(apache.HTTP_...)");
        goto done;
    }
    if (PyTuple_GET_SIZE(args) > 1 && PyObject_IsTrue(PyTuple_GET_ITEM(args, 1)) == 1) {
        int status;

        if (check(PyTuple_GET_ITEM(args, 1), handler, &status) < 0)
            goto done;
        if (r)
            r->status = status;
    }
    ret = check(PyTuple_GET_ITEM(args, 0), handler, result);
done:
    Py_XDECREF(args);
    Py_XDECREF(traceback);
    Py_XDECREF(value);
    Py_XDECREF(type);
    return ret;
}

int mp_result_take(mp_state *state, request_rec *r, const mp_handler *handler, PyObject *value, int *result)
{
    if (value)
        return check(value, handler, result);
    return PyErr_ExceptionMatches(state->SERVER_RETURN) ? server_return(r, handler, result) : -1;
}
