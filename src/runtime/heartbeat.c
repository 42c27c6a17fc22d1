#include "runtime/heartbeat.h"

#include "runtime/lease.h"

void mp_heartbeat(void)
{
    mp_interp *interp;
    mp_lease lease;

    for (interp = mp_interp_all(); interp; interp = interp->next)
        if ((interp->own_gil || interp == mp_interp_main()) &&
            mp_lease_take_interp(&lease, interp, mp_at_server(ap_server_conf)) == APR_SUCCESS)
            mp_lease_release(&lease);
}
