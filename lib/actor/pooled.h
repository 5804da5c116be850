/* Calls to a pool: by its Name to one of its members.
 *
 * A pool's own Conc, in Env 0, is asked who the members are (`corps:members`), and nothing else: calls never pass
 * through it. Its answer is a table that may be used for a time from when it was asked for. A caller asks for the next
 * one beside its calls when it is older than 50 ms, and waits for one when the time is over. So nobody calls a member
 * that has left the table for longer than that, whoever was stopped or has died meanwhile.
 *
 * A member is chosen (link/replicas.h) and called by its own Name, as any Worker is. Where the call fails before it was
 * sent because that one is gone (WORKER_LOST, NO_WORKER, MOVED), the member is avoided until the next table, and
 * another one is called: nothing has run. Where its mailbox is full the call goes to the one with the least to do;
 * where that is full too it waits there, but no longer than the table may be used, and then chooses again. Where the
 * pool has no member, since all are lost and others are being made, it waits for one, for half a minute at most.
 */
#ifndef CORPS_POOLED_H
#define CORPS_POOLED_H

#include "actor/call.h"

/* Begins a call whose `to` is a pool's Name at one of the members. Gives the Future, unless the call has no reply.
 * Errors: as corps_call, and of asking for the members; INVALID also for a key that is missing, or is one too many. */
enum corps_err corps__pooled_call(struct corps__call *call, struct corps_future **future) CORPS_CHECKED;

#endif
