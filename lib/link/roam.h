/* Corps that roam (far.h), while somebody waits for an answer of theirs: a host that stands still answers nothing, and
 * its links look well. So where a link brings nothing for a second although requests are under way, the agent is asked
 * whether there is a later life of the Corps by now. With the lead.
 */
#ifndef CORPS_ROAM_H
#define CORPS_ROAM_H

/* A link to such a Corps is made: looks once a second, as long as there is one. */
void corps__roam_watch(void);

/* With the end of the process or of the runtime. */
void corps__roam_stop(void);

#endif
