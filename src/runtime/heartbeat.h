/* Whether Python's locks can be had, for the heartbeat of a process of a group: a GIL that is held for ever is seen by
 * who waits for it for ever.
 *
 * Takes each GIL and gives it back, one after the other: the main interpreter's, which most share, and those that
 * interpreters have of their own. No two at once. Detached; any thread, always the same one, since each interpreter
 * keeps a state for every thread that has been there.
 */
#ifndef MP_RUNTIME_HEARTBEAT_H
#define MP_RUNTIME_HEARTBEAT_H

void mp_heartbeat(void);

#endif
