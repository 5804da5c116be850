/* The creator's side of a Corps. */
#ifndef CORPS_CREATOR_H
#define CORPS_CREATOR_H

#include "link/known.h"
#include "process/boot.h"
#include "process/others.h"
#include "wait/wait.h"

struct corps__anew;

/* What the creator knows of its Corps' processes. Changed with the lead. */
struct creator {
    struct corps *corps;
    struct corps__child *env_0; /* NULL: none was started, or it was waited for */
    char failure[480];          /* what Env 0 has said before it ended, "" */
    _Atomic bool env_0_ended;   /* for good */
    _Atomic bool exiting;       /* a thread sees to the end … */
    _Atomic bool over;          /* … and nothing is left to do */
    struct corps__others others;
    struct corps__anew *anew; /* NULL: the end of Env 0 is that of the Corps */
    bool is_owned;            /* an agent has it (owned.h) */
};

/* Waits of corps_create and corps_exit. */
extern struct corps__waitlist corps__creators;

/* Env 0 serves, for the first time or in a Corps that was started anew; it says why it cannot; nothing comes of it.
 * What is said of the first time is the outcome of corps_create. With the lead. */
void corps__creator_ready(struct creator *creator, const struct corps_value *record);
void corps__creator_failed(struct creator *creator, const struct corps_value *record);
void corps__creator_boot_fails(struct corps *corps, enum corps_err err, const char *text);

/* Starts a process for Env 0. With the lead. Errors: of starting processes. */
enum corps_err corps__creator_start_env_0(struct creator *creator, const struct corps__start *start) CORPS_CHECKED;

/* Nothing more comes of the Corps. `text`: how it ended, for calls and corps_exit; NULL: in order. With the lead. */
void corps__creator_is_over(struct creator *creator, const char *text);

/* Has Env 0 begin to end a Corps that this process created; waits only for the agent of one that an agent owns, where
 * that is another process than before. Such a one is killed if it has not ended within that time, or within a few
 * seconds if that is more (agent/owner.h). Not with the lead. */
void corps__creator_ask_to_end(struct corps *corps, int64_t within_ns);

/* The Corps that this process has created and that end with it: are there any? Ends them, and waits; not with the lead.
 */
bool corps__has_created(void);
void corps__exit_created(void);

/* In the child of a fork: the Corps are the parent's; here they are known as those of others are. */
void corps__created_forked(void);

#endif
