/* News of a Corps' Envs that was sent and not looked at yet. Whoever adds an Env tells everybody and waits for nobody:
 * who comes to have a Name in it can have heard of it. */
#ifndef CORPS_NEWS_H
#define CORPS_NEWS_H

#include "link/known.h"

/* Takes what was told. Not with the lead; never waits for others. What cannot be read stays as it was. */
CORPS_API void corps__news_read(struct corps *corps);

/* … and waits for a moment until this Env is known, and `there` (not as one that was taken before): a process that had
 * not read for long may be told of it late. */
void corps__news_await(struct corps *corps, uint32_t env, bool there);

/* How that is done, with the lead, for the own Corps and those that this process has created. Of others the file is
 * read again. */
void corps__news_set(void (*read_news)(struct corps *corps));

#endif
