/* The ledger `etcd` (corps/ledger.h): Corps belong to hosts as etcd, version 3.4 or later, remembers it.
 *
 * It is spoken to as HTTP and JSON (etcd's gateway, /v3/…), by libcurl and jansson; therefore it belongs to the agent,
 * and the core has neither. Files: keys.c, what is called how and what stands there; json.c, what etcd's requests and
 * answers look like; http.c, one request to one server; client.c, one request to whichever server answers, with
 * passwords and errors; lease.c, claims.c, list.c and look.c, the ledger's operations; watch.c, the thread that hears
 * of changes; ledger.c, the table.
 *
 * What keeps two owners apart, with etcd 3.4 as it is:
 *   - A claim is one transaction: nobody has the owner key, and the epoch is the one before. It writes the owner key,
 *     which hangs from the host's lease, and the epoch, which stays. An answer that is lost is asked for by the same
 *     transaction again: where it was done it is not done twice, and what is read then says so.
 *   - A lease is lost when a keep-alive is answered without a time to live. One that is answered with it is not
 *     believed alone, since a former leader that was stopped goes on answering: a read that needs the majority, asked
 *     afterwards, must find the host's key under that very lease.
 *   - Time counts from when it was asked for, on the asker's clock, and is a second less than etcd's.
 *   - Whatever ends or gives back a Corps names lease and epoch, so that a late copy of it does nothing to a later one.
 *   - The watch is a hint. After its end, and after a compaction, it begins anew.
 */
#ifndef CORPS_AGENT_ETCD_H
#define CORPS_AGENT_ETCD_H

/* Makes corps__ledger_find("etcd") find it, in a build that has libcurl and jansson. Once, before other threads are. */
void agent_etcd_add(void);

#endif
