/* What the module `apache` of an application says of httpd (python/mod_python/_wsginames.py makes it). */
#include "wsgi/watch.h"

static PyObject *facts(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing))
{
    ap_version_t httpd;

    ap_get_server_revision(&httpd);
    return Py_BuildValue("{s:(iii),s:s,s:s,s:s}", "version", httpd.major, httpd.minor, httpd.patch, "description",
                         ap_get_server_banner(), "mpm_name", ap_show_mpm(), "build_date", ap_get_server_built());
}

PyMethodDef mp_wsgi_facts_methods[] = {
    { "_facts", facts, METH_NOARGS, NULL },
    { NULL, NULL, 0, NULL }
};
