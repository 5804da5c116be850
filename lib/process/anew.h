/* A Corps whose Env 0 was lost is started anew by its creator: all Envs, under the same number, with the same arguments
 * for the Corps' own Conc. Its Name stays valid; what the former life's other Workers were is gone, and their numbers
 * are not used again. So it is done for Corps that have a Conc of their own, which makes the others in its init.
 *
 * Whether and when is decided by the floor above (care/anew.h), which is asked through a table of operations. Here it
 * is done: the end of Env 0 is taken; everybody hears that all Envs are restarting; the processes of the former life
 * end, since their control channels have, and are killed if they take too long; a new Env 0 is there at once, and is
 * told to go on when it is time and all others have gone. Everything with the lead.
 */
#ifndef CORPS_ANEW_H
#define CORPS_ANEW_H

#include "process/creator.h"

/* What the floor above does. `care` is what begin gave. */
struct corps__anew_ops {
    /* The Corps serves, for the first time. Errors: NO_MEMORY. */
    enum corps_err (*begin)(struct creator *creator, void **care);
    /* It serves again. */
    void (*started)(void *care);
    /* Its Env 0 has ended, or could not be started. Says by corps__anew_prepare or corps__creator_is_over what follows.
     */
    void (*ended)(void *care, bool in_order, const char *how);
    /* The Corps ends: nothing is started any more. True: it was down, or being started. */
    bool (*halt)(void *care);
    /* Frees; `care` may be NULL. */
    void (*end)(void *care);
};

/* Before any Corps is created. */
void corps__anew_set(const struct corps__anew_ops *ops);

/* For a Corps that is about to be created: keeps what it will be started with (adds a reference to the box that
 * `front_args` is in), if its options and `front` (NULL: none) are such that it may be started anew. Errors: NO_MEMORY.
 */
enum corps_err corps__anew_keep(struct creator *creator, const char *front, struct corps_box *box,
                                const struct corps_value *front_args) CORPS_CHECKED;

/* Env 0 says that the Corps serves. Errors: NO_MEMORY, SYSTEM. */
enum corps_err corps__anew_serves(struct creator *creator) CORPS_CHECKED;

/* Env 0 says which numbers an Env may give. */
void corps__anew_numbers(struct corps__anew *anew, unsigned env, uint32_t bound);

/* Env 0 has ended. False: that is the end of the Corps, which is the caller's to see to. */
bool corps__anew_take_end(struct creator *creator, bool in_order, const char *how);

/* The Corps is to end, or has: nothing is started any more, and what was being started ends. */
void corps__anew_halt(struct creator *creator);

/* Frees; accepts NULL. */
void corps__anew_free(struct corps__anew *anew);

/* ---- for the floor above ---- */

/* It is to be started again: calls wait from now on. `text`: why, for those that were under way. */
void corps__anew_prepare(struct creator *creator, const char *text);

/* … as soon as the former processes have gone. What goes wrong is told to `ended`, not before this has returned. */
void corps__anew_start(struct creator *creator);

/* What is being started takes too long. */
void corps__anew_kill(struct creator *creator);

#endif
