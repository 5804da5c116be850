/* The thread that hears of changes: one stream of etcd's watch over everything under `now`.
 *
 * It tells nothing but that something may have changed, by a descriptor: when an event comes, and when a stream begins,
 * since it was blind before. A stream that ends, by a compaction or with its server, is followed by another one, at
 * whichever server answers. While there is none the descriptor stays quiet.
 *
 * Threads: start and stop on one thread; seen and fd on any. The thread takes no signals. */
#ifndef CORPS_AGENT_ETCD_WATCH_H
#define CORPS_AGENT_ETCD_WATCH_H

#include <corps/ledger.h>

struct agent_etcd_watch;

/* `options` is used until it returns. Errors: INVALID, NO_MEMORY, SYSTEM. */
enum corps_err agent_etcd_watch_start(const struct corps_ledger_options *options,
                                      struct agent_etcd_watch **watch) CORPS_CHECKED;

/* Becomes readable when something may have changed. Lent until stop. */
int agent_etcd_watch_fd(const struct agent_etcd_watch *watch);

/* Whoever calls this looks afterwards: not readable until the next change. */
void agent_etcd_watch_seen(const struct agent_etcd_watch *watch);

/* May wait for as long as a request takes. Accepts NULL. */
void agent_etcd_watch_stop(struct agent_etcd_watch *watch);

#endif
