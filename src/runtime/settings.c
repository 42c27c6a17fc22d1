#include "runtime/settings.h"

#define MOST_SPECIFIC 2

static int matches(const mp_interp_options *options, const char *name)
{
    return (!options->name || !strcmp(options->name, name)) &&
           (!options->process_group || !strcmp(options->process_group, mp_host->process_group));
}

static void take(int *setting, int value)
{
    if (value != MP_UNSET)
        *setting = value;
}

static void add(const mp_interp_options *options, int *gil, apr_pool_t *p, mp_settings *settings)
{
    take(gil, options->gil);
    take(&settings->restrict_stdin, options->restrict_stdin);
    take(&settings->restrict_stdout, options->restrict_stdout);
    take(&settings->restrict_signal, options->restrict_signal);
    if (options->switch_interval > 0)
        settings->switch_interval = options->switch_interval;
    if (options->python_path && p)
        settings->python_path = apr_pstrcat(p, options->python_path, *settings->python_path ? ":" : "",
                                            settings->python_path, NULL);
}

void mp_settings_find(const char *name, apr_pool_t *p, mp_settings *settings)
{
    const apr_array_header_t *all = mp_host->process->interpreters;
    int gil = MP_GIL_SHARED, specificity, i;

    *settings = (mp_settings){ .restrict_signal = 1, .python_path = "" };
    for (specificity = -1; specificity <= MOST_SPECIFIC; specificity++)
        for (i = 0; i < all->nelts; i++) {
            const mp_interp_options *options = &APR_ARRAY_IDX(all, i, mp_interp_options);

            if (options->specificity == specificity && matches(options, name))
                add(options, &gil, p, settings);
        }
    settings->gil = (mp_gil)gil;
    if (*mp_host->process_group && !mp_host->threads)
        settings->restrict_signal = 0;      /* a service has the main thread, and with it the signals */
}
