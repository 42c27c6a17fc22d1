#include "daemon/words.h"

static const struct {
    const char *name, *phrase;
} reasons[MP_REASONS] = {
    [MP_REASON_NONE] = {"", "Its work is done"},
    [MP_REASON_SIGNAL] = {"shutdown_signal", "SIGTERM received"},
    [MP_REASON_GRACEFUL] = {"graceful_signal", "Graceful restart requested"},
    [MP_REASON_EVICTION] = {"eviction_signal", "Eviction requested"},
    [MP_REASON_MAXIMUM] = {"maximum_requests", "Maximum requests reached; it has served them"},
    [MP_REASON_INTERVAL] = {"restart_interval", "Application restart timer expired"},
    [MP_REASON_INACTIVITY] = {"inactivity_timeout", "Daemon process idle inactivity timer expired"},
    [MP_REASON_REQUEST] = {"request_timeout", "Request timer expired"},
    [MP_REASON_STARTUP] = {"startup_timeout", "Application startup timer expired"},
    [MP_REASON_DEADLOCK] = {"deadlock_timeout", "Daemon process deadlock timer expired"},
    [MP_REASON_CPU] = {"cpu_time_limit", "CPU time limit reached"},
    [MP_REASON_SCRIPT] = {"script_reload", "Its script has changed"},
    [MP_REASON_PIPE] = {"signal_pipe_error", "Its supervisor is gone"},
};

const char *mp_reason_name(int reason)
{
    return reason > 0 && reason < MP_REASONS ? reasons[reason].name : "";
}

const char *mp_reason_phrase(mp_reason reason)
{
    return reasons[reason].phrase;
}
