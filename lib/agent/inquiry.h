/* Questions about owned Corps that cannot be answered at once: by what the ledger lists next, or by the agent of the
 * host where a Corps is. Records are those of hosts/desk.h.
 *
 *   "known"   what a Corps has published, wherever it is   ["known", host, epoch, bytes or nil]
 *   "fronts"  whose tag is that ("": all)                  ["fronts", [[corps, host, tag, front class], …]]
 *   "named"   which Corps has the singleton name           ["named", corps, host, front class]
 *   "end"     a Corps is to end                            ["end"]
 *
 * A list of the ledger answers if it was asked for after the question, or has what is wanted. Nobody waits longer than
 * 6 s: then it is ["failed", TIMEOUT, …].
 *
 * Threads: the loop's. */
#ifndef CORPS_AGENT_INQUIRY_H
#define CORPS_AGENT_INQUIRY_H

#include <corps/value.h>

#include <stdbool.h>

enum agent_inquiry_kind { AGENT_INQUIRY_KNOWN, AGENT_INQUIRY_FRONTS, AGENT_INQUIRY_NAMED, AGENT_INQUIRY_END };

struct agent_inquiry;

/* The answer, once; the record is lent until it returns. */
typedef void (*agent_inquiry_fn)(void *arg, const struct corps_value *record);

/* Is it one of the four words? */
bool agent_inquiry_is(const struct corps_value *record, enum agent_inquiry_kind *kind);

/* Asks: [word, corps], or [word, text]. The answer may come before this returns: then there is no inquiry, NULL. It is
 * freed after its answer. */
struct agent_inquiry *agent_inquire(enum agent_inquiry_kind kind, const struct corps_value *record,
                                    agent_inquiry_fn give, void *arg);

/* Who asks has gone. Accepts NULL. */
void agent_inquiry_cancel(struct agent_inquiry *inquiry);

/* The program of a Corps that is not here wants it to end: tells the host where it is, if that is known. What comes of
 * it the next list says. */
void agent_inquiry_end(uint64_t corps_id);

/* The ledger has listed; now and then: whose time is over. */
void agent_inquiries_seen(void);
void agent_inquiries_tick(int64_t now_ns);

#endif
