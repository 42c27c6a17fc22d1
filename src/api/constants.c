#include "api/functions.h"
#include "api/convert.h"

#include "ap_mmn.h"
#include "apr_file_info.h"

static const struct {
    const char *name;
    long value;
} numbers[] = {
    { "MODULE_MAGIC_NUMBER_MAJOR", MODULE_MAGIC_NUMBER_MAJOR },
    { "MODULE_MAGIC_NUMBER_MINOR", MODULE_MAGIC_NUMBER_MINOR },
    { "AP_CONN_UNKNOWN", AP_CONN_UNKNOWN },
    { "AP_CONN_CLOSE", AP_CONN_CLOSE },
    { "AP_CONN_KEEPALIVE", AP_CONN_KEEPALIVE },
    { "APR_NOFILE", APR_NOFILE },
    { "APR_REG", APR_REG },
    { "APR_DIR", APR_DIR },
    { "APR_CHR", APR_CHR },
    { "APR_BLK", APR_BLK },
    { "APR_PIPE", APR_PIPE },
    { "APR_LNK", APR_LNK },
    { "APR_SOCK", APR_SOCK },
    { "APR_UNKFILE", APR_UNKFILE },
};

int mp_api_constants_add(PyObject *module)
{
    PyObject *library = NULL;
    int status = -1;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (PyModule_AddIntConstant(module, numbers[i].name, numbers[i].value) < 0)
            return -1;
    library = mp_path_from(mp_host->library);
    if (!library ||
        PyModule_AddObjectRef(module, "_library", library) < 0 ||
        PyModule_AddStringConstant(module, "_version", MP_VERSION) < 0)
        goto done;
    status = 0;
done:
    Py_XDECREF(library);
    return status;
}
