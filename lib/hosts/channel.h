/* A channel: from Env 0 of a Corps to the agent of a host where it has Envs, and it outlives its connections.
 *
 * Records go both ways, in order, each exactly once, until one side gives the channel up. It never blocks. When its
 * connection is cut it makes another one by itself; that is not told: a cut is silence, and who decides what silence
 * means is the owner (hosts/lease.h). What records mean:
 *
 *   owner → agent   ["order", env, incarnation, launch]   ["send", env, incarnation, bytes of the control stream]
 *                   ["end", env, incarnation] (the control stream is closed)   ["kill", env, incarnation]
 *                   ["grant", asked_ns]
 *   agent → owner   ["begun", env, incarnation, pid]      ["refused", env, incarnation, code, text]
 *                   ["data", env, incarnation, bytes]     ["ended", env, incarnation, how, enum corps__end]
 *                   ["alive", asked_ns, map of loads]     every 0.3 s
 *
 * An order is idempotent: (env, incarnation) asked twice is started once. "grant" and "alive" are notes: they are sent
 * at once or never, since they would be of no use later, and are written around the queue.
 *
 * Threads: all of one channel on the thread of its loop, which need not have the lead; nothing here touches the lead.
 */
#ifndef CORPS_HOSTS_CHANNEL_H
#define CORPS_HOSTS_CHANNEL_H

#include "hosts/hosts_file.h"
#include "hosts/keys.h"

#include <corps.h>

struct uv_loop_s;
struct corps__channel;

enum {
    CORPS__CHANNEL_RECORD_BYTES_MAX = 8 << 20, /* of a record; a control stream is sent in pieces */
    CORPS__CHANNEL_QUEUE_BYTES = 4 << 20,      /* with so much unacknowledged there is no room for streams … */
    CORPS__CHANNEL_QUEUE_BYTES_MAX = 64 << 20, /* … and with this much for nothing */
    CORPS__ALIVE_MS = 300,                     /* between two ["alive", …] */
};

struct corps__channel_ops {
    void (*record)(void *arg, const struct corps_value *record); /* lent until it returns; "alive" too */
    /* The channel is over: the agent is another process than before, another version, or refuses. Nothing follows;
     * close it. */
    void (*gone)(void *arg, enum corps_err err, const char *why);
    void (*room)(void *arg); /* may be NULL: corps__channel_has_room has become true again */
};

/* Begins to connect, without end. `to` is copied; `life` is which life of the Corps its owner is in (link/known.h): an
 * agent that serves a later one refuses; `hash` is that of this host's hosts file, which the agent compares. What fails
 * is silence, and corps__channel_trouble. Errors: NO_MEMORY, SYSTEM. */
enum corps_err corps__channel_connect(struct uv_loop_s *loop, const struct corps__host *to, uint64_t corps_id,
                                      uint32_t life, const uint8_t key[CORPS__KEY_BYTES],
                                      const uint8_t hash[CORPS__HOSTS_HASH_BYTES], const struct corps__channel_ops *ops,
                                      void *arg, struct corps__channel **channel) CORPS_CHECKED;

/* Copies a record into the queue. Errors: TOO_LARGE, FULL (over CORPS__CHANNEL_QUEUE_BYTES_MAX), CLOSED (it is gone),
 * REFUSED (not a plain value), NO_MEMORY. */
enum corps_err corps__channel_send(struct corps__channel *channel, const struct corps_value *record) CORPS_CHECKED;

/* Who sends a stream asks first; otherwise `room` says when. */
bool corps__channel_has_room(struct corps__channel *channel);

/* Why there is no connection now: one line; "" when there is one. Lent until the loop turns. */
const char *corps__channel_trouble(const struct corps__channel *channel);

/* Nothing is called any more; what was queued and not written is dropped, and the agent ends what is left of the Corps
 * on its host, in order: ["bye"]. Memory goes when the loop has turned. Accepts NULL. */
void corps__channel_close(struct corps__channel *channel);

#endif
