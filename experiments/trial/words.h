/* What the Envs of a trial say on standard error where some are killed on purpose: each restart is a line of theirs,
 * and nobody wants to read hundreds of them. All others are passed on when the trial is over.
 *
 * Lifecycle: begin; the Corps is created; created; …; end. Threads: one.
 */
#ifndef TRIAL_WORDS_H
#define TRIAL_WORDS_H

struct lab_words {
    int file; /* -1: nothing is kept */
    int own;  /* this process's standard error, until `created` */
};

void lab_words_begin(struct lab_words *words);   /* what is started now writes into memory … */
void lab_words_created(struct lab_words *words); /* … and this process to where it wrote before */
void lab_words_end(struct lab_words *words);

#endif
