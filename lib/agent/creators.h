/* The programs of this host that have created owned Corps, and still listen: each has the connection on which it asked
 * (hosts/desk.h). While its Corps' Env 0 is on this host that is Env 0's control channel for it; otherwise it hears
 * where the Corps is, and when it has ended. That a program goes away ends nothing.
 *
 * Threads: the loop's. */
#ifndef CORPS_AGENT_CREATORS_H
#define CORPS_AGENT_CREATORS_H

#include "engine.h"

/* The program says that its Corps is to end, and that it waits so long for that; 0: it does not say. */
typedef void (*agent_creators_exit_fn)(uint64_t corps_id, int64_t within_ns);
typedef void (*agent_creators_fn)(uint64_t corps_id);

/* Once, before the others. */
void agent_creators_begin(agent_creators_exit_fn exits);

/* A program with its connection. Takes `fd`, also on error. Errors: NO_MEMORY, SYSTEM. */
enum corps_err agent_creators_add(uint64_t corps_id, int fd) CORPS_CHECKED;

/* To those of a Corps: a record, or a frame as it came. */
void agent_creators_send(uint64_t corps_id, const struct corps_value *record);
void agent_creators_relay(uint64_t corps_id, const uint8_t *frame, size_t bytes);

/* Its Env 0 has ended, and a next life follows somewhere: ["restarts", text], once until it serves again. */
void agent_creators_restarts(uint64_t corps_id, const char *text);
void agent_creators_serves(uint64_t corps_id);

/* It has ended for good, as `how` says: ["over", in_order, how]. Or it was never begun: ["failed", …]. That is the last
 * they hear. */
void agent_creators_over(uint64_t corps_id, bool in_order, const char *how);
void agent_creators_refuse(uint64_t corps_id, enum corps_err err, const char *text);

/* What the ledger says: those whose Corps is not here (`is_here` tells) hear who owns it now, or that it has ended.
 * `again` is called for each that was told to end and has not. */
void agent_creators_seen(const struct agent_seen *seen, bool (*is_here)(uint64_t corps_id), agent_creators_fn again);

/* This agent ends. */
void agent_creators_close(void);

#endif
