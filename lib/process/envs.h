/* corps_env_add and corps_env_take, as whoever calls them sees it; what Env 0 does then is in changes.h. */
#ifndef CORPS_ENVS_H
#define CORPS_ENVS_H

/* In a program that creates Corps, and in an Env: how news of their Envs is read (link/news.h). */
void corps__envs_news_begin(void);

#endif
