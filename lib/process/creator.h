/* The creator's side of a Corps. */
#ifndef CORPS_CREATOR_H
#define CORPS_CREATOR_H

#include "link/known.h"
#include "process/boot.h"
#include "process/others.h"

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
};

/* Starts a process for Env 0. With the lead. Errors: of starting processes. */
enum corps_err corps__creator_start_env_0(struct creator *creator, const struct corps__start *start) CORPS_CHECKED;

/* Nothing more comes of the Corps. `text`: how it ended, for calls and corps_exit; NULL: in order. With the lead. */
void corps__creator_is_over(struct creator *creator, const char *text);

/* Has Env 0 begin to end a Corps that this process created; does not wait. Not with the lead. */
void corps__creator_ask_to_end(struct corps *corps);

/* The Corps that this process has created and that end with it: are there any? Ends them, and waits; not with the lead.
 */
bool corps__has_created(void);
void corps__exit_created(void);

/* In the child of a fork: the Corps are the parent's; here they are known as those of others are. */
void corps__created_forked(void);

#endif
