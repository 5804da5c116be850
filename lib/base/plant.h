/* Mistakes that are planted for the simulator, which must find each of them (tests/sim).
 *
 * In the library CORPS__PLANTED is false, and nothing of a mistake is compiled. A build of the tests defines
 * CORPS_PLANT, and chooses the mistake when it runs.
 */
#ifndef CORPS_BASE_PLANT_H
#define CORPS_BASE_PLANT_H

#include <stdbool.h>

/* X(name, which simulation finds it, what is wrong) */
#define CORPS__PLANTS(X)                                                                                               \
    X(COUNTED_TWICE, "care", "a failure is counted twice")                                                             \
    X(LATE_DEATH, "care", "an old incarnation's end is taken for the present one's")                                   \
    X(ONE_TOO_FEW, "care", "gives up at the intensity, not over it")                                                   \
    X(EARLIEST_FIRST, "care", "a group is stopped from its beginning")                                                 \
    X(STARTS_WHILE_STOPPING, "care", "what waits for its start is started although all is to stop")                    \
    X(LAST_ERROR_FIRST, "care", "the history begins with the last failure")                                            \
    X(ENDS_IN_ORDER_FAIL, "care", "an end in order is taken for a failure")                                            \
    X(WAITS_TOO_LONG, "care", "the wait before a restart has no limit")                                                \
    X(NO_MARGIN, "retry", "a result is dropped at its deadline")                                                       \
    X(DROPS_RUNNING, "retry", "what still runs is dropped as if it were answered")                                     \
    X(EVICTS, "retry", "a full cache drops a result for another")                                                      \
    X(NO_IDENTITY, "retry", "results are kept by the call's number alone")                                             \
    X(ANSWERS_OLD_LINK, "retry", "the answer goes to the link that asked first")                                       \
    X(ADMITS_STALE, "retry", "what an earlier link still held is run")                                                 \
    X(SENDS_NEWEST_FIRST, "retry", "on a new link the newest call goes first")                                         \
    X(DRAINS_AT_ONCE, "scale", "a member that was taken out is still called")                                          \
    X(ENDS_UNEMPTIED, "scale", "a member ends with what is in its mailbox")                                            \
    X(GROWN_TWICE, "scale", "a growth is counted twice")                                                               \
    X(UNFINISHED_IS_QUIET, "scale", "shrinks below what is in flight, which no probe has passed yet")                  \
    X(NO_HYSTERESIS, "scale", "shrinks where one fewer seems enough, though that was too few a moment ago")            \
    X(STALL_IS_LOAD, "scale", "what waits after a process stood still is taken for overload")                          \
    X(GRANT_TOO_LONG, "hosts", "a grant runs longer than its granter waits")                                           \
    X(GRANT_FROM_ANSWER, "hosts", "a grant counts from its answer, not from its question")                             \
    X(REPLACES_EARLY, "hosts", "who replaces waits less than the grant runs")                                          \
    X(SUCCEEDS_AT_ONCE, "hosts", "an owner's successor begins while its grants run")                                   \
    X(DOES_NOT_LOOK, "hosts", "an Env does not look whether it may act still")                                         \
    X(FREES_EARLY, "hosts", "a dead agent's grants are taken for over")                                                \
    X(LATE_END, "hosts", "the end of an Env's former life is taken for the present one's")                             \
    X(FORGETS_UNBEGUN, "hosts", "what was ordered and has not begun is not lost with its host")                        \
    X(KEEPS_SLOTS, "hosts", "the slot of what has ended is not free again")                                            \
    X(PLACES_ON_SILENT, "hosts", "a host that has failed is chosen like any other")                                    \
    X(NEVER_REOPENS, "hosts", "a host that comes back is not tried again")                                             \
    X(BLAMES_DISPLACED, "hosts", "the loss of a host counts as a failure of each Env there")                           \
    X(LEASE_FROM_ANSWER, "etcd", "an owner's lease counts from its answer, not from when it was asked for")            \
    X(GRANTS_PAST_OWN, "etcd", "an owner grants for longer than it may act itself")                                    \
    X(CLAIMS_EARLY, "etcd", "who claims waits less than the former owner may act")                                     \
    X(OWN_NUMBER_IS_OWN, "etcd", "what the agent before this one held is given back, and taken as this one's")         \
    X(FORGETS_LOSS, "etcd", "a lost lease does not end what hung from it")                                             \
    X(KEEP_ALIVE_BELIEVED, "etcd", "a renewal is not read back from the majority")                                     \
    X(SEEN_WHEN_ASKED, "etcd", "an owner is taken for gone from when that was asked")                                  \
    X(OLD_EPOCH_GONE, "etcd", "the wait for one epoch is counted for the next")                                        \
    X(DOUBT_IS_DONE, "etcd", "a claim that was not answered is taken for done")                                        \
    X(RESTARTS_AT_ONCE, "etcd", "the next life here begins while the last one's grants run")                           \
    X(GIVES_UNWAITED, "etcd", "what was claimed is given or ended while an earlier owner may act")                     \
    X(STAYS_ON, "etcd", "who stays does not end where a higher epoch is seen")                                         \
    X(NEVER_LISTS, "etcd", "the ledger's watch is taken for more than a hint")                                         \
    X(NEVER_RECLAIMS, "etcd", "what was killed in silence is not claimed again")                                       \
    X(FORGETS_END, "etcd", "who was to end a Corps lets a new life of it on another host be")

enum corps__plant {
    CORPS__PLANT_NONE,
#define CORPS__PLANT_ENUM(name, simulation, text) CORPS__PLANT_##name,
    CORPS__PLANTS(CORPS__PLANT_ENUM)
#undef CORPS__PLANT_ENUM
};

#ifdef CORPS_PLANT
extern enum corps__plant corps__sim_plant;
#define CORPS__PLANTED(name) (corps__sim_plant == CORPS__PLANT_##name)
#else
#define CORPS__PLANTED(name) false
#endif

#endif
