/* Checkpoints: what a Worker knows, taken by its class's `checkpoint` and given to a later one by `restore`.
 *
 * This floor says when (due.h), and runs the hooks, on the thread that runs the Conc; where states are kept is said by
 * the floor above (struct corps__keep_ops). A Conc has a `keep` where its state is kept by itself, or was on demand:
 * else that is NULL, and nothing here costs it more than the look. With a checkpoint at each request a reply leaves
 * after the state was kept; one that was put off comes to the Conc as mail for that.
 */
#ifndef CORPS_ACTOR_CHECKPOINT_H
#define CORPS_ACTOR_CHECKPOINT_H

#include "actor/conc.h"

/* What the floor above does with states. Any thread; they may wait. `conc` and `class_name` say whose it is. */
struct corps__keep_ops {
    /* From now on it is the Conc's, and with it the answers (once.h), an array. Borrows. Errors: of the serializer,
     * TOO_LARGE, SYSTEM, NO_MEMORY; then it is what it was. */
    enum corps_err (*keep)(uint32_t conc, const char *class_name, const struct corps_value *state,
                           const struct corps_value *answers);
    /* May be NULL: after a `keep` of this thread, waits until what it has kept outlives this process. Without any lock
     * of the Conc's. Errors: TIMEOUT. */
    enum corps_err (*settle)(void);
    /* That of an earlier one of this number. Writes `found`; then `state` is NULL for nil, else one reference, as
     * `answers` is. Errors: it is there, and cannot be read. */
    enum corps_err (*find)(uint32_t conc, const char *class_name, bool *found, struct corps_box **state,
                           struct corps_box **answers);
    /* It has ended in order. */
    void (*drop)(uint32_t conc);
    size_t answers_bytes; /* a Conc whose answers take up so much gets no further retry calls */
};

/* From now on states are kept so; of `all` Concs, or of those that may be made again by themselves. Before there is
 * any.
 */
void corps__checkpoints_begin(const struct corps__keep_ops *ops, bool all);

/* What a Conc's init found. */
struct corps__kept {
    bool found;
    struct corps_box *box, *answers;
};

/* Around an init of a group (may be NULL), on its thread: before it, whether there is a state; after it, gives that to
 * the Conc, and takes it in any case (`err`: what init gave). */
enum corps_err corps__restore_begin(struct corps__conc *conc, const struct corps__group *group,
                                    struct corps__kept *kept) CORPS_CHECKED;
enum corps_err corps__restore_end(struct corps_context *context, struct corps__kept *kept,
                                  enum corps_err err) CORPS_CHECKED;

/* Does a reply that was put off wait for the state to be kept? Any thread; for a Conc with a `keep`. */
bool corps__checkpoint_awaited(const struct corps__conc *conc);

/* A request was run, of a Conc with a `keep`: keeps its state if that is due. Before the reply leaves. */
void corps__checkpoint_ran(struct corps__conc *conc);

/* Is the answer to this request kept with the state? That of a retry call from another Env is, where there is one. */
static inline bool corps__answer_is_kept(const struct corps__message *message, const struct corps__conc *conc) {
    return (message->header.flags & CORPS__RETRY) != 0 && message->from != NULL && conc->class->checkpoint != NULL;
}

/* The answer to a request of which that is so is about to leave: adds it to those that are kept, and keeps the state if
 * that is due. On the thread that runs the Conc. */
static inline void corps__checkpoint_answer(const struct corps__conc *conc, const struct corps__message *message,
                                            const struct corps__outgoing *out) {
    if (corps__actors->keep_answer != NULL) { /* set by corps__checkpoints_begin, so that replies need not know this */
        corps__actors->keep_answer(conc, message, out);
    }
}

/* A retry call must not run: the Conc has answers enough. For a Conc with a `keep`. */
bool corps__checkpoint_is_full(const struct corps__conc *conc);

/* A MAIL_CHECKPOINT. */
void corps__checkpoint_mail(struct corps__conc *conc, struct corps__mail *mail);

/* What waits for the Conc's thread: `answer` is called there with OK, once the state was kept if that is due; or, where
 * it is `demanded`, with what became of the checkpoint. */
struct corps__late {
    struct corps__mail mail; /* first */
    bool demanded;
    bool is_kept; /* `answer` keeps the state itself, by corps__checkpoint_answer */
    void (*answer)(struct corps__late *late, enum corps_err err);
};
void corps__checkpoint_before(struct corps__conc *conc, struct corps__late *late);

/* Any thread. */
void corps__checkpoint_counts(const struct corps__conc *conc, uint64_t *kept, uint64_t *failed);

/* What corps_context_checkpoint does. On the thread that runs the Conc. */
enum corps_err corps__checkpoint_demand(struct corps__conc *conc);

/* It ends here, to go on in a later life of its Env: keeps what has changed since the last checkpoint, unless that is
 * done on demand alone. On the thread that runs the Conc. */
void corps__checkpoint_last(struct corps__conc *conc);

/* The Conc of this number has ended in order: what was kept of it is no more needed. Any thread. */
void corps__checkpoint_end(uint32_t conc);

#endif
