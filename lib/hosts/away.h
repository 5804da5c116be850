/* What the floor `link` is told of Corps that agents own (link/far.h): by the desk of this host's agent. */
#ifndef CORPS_HOSTS_AWAY_H
#define CORPS_HOSTS_AWAY_H

/* Before any Corps is looked for. */
void corps__away_begin(void);

#endif
