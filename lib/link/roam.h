/* Corps that roam (far.h), while somebody waits for an answer of theirs: a host that stands still answers nothing, and
 * its links look well; one that is off lets nobody know that it is, and a connection to it takes its time to fail. So
 * where a link brings nothing for a second although requests are under way, and where one is waited for that is not
 * made yet, the agent is asked whether there is a later life of the Corps by now. With the lead.
 */
#ifndef CORPS_ROAM_H
#define CORPS_ROAM_H

/* A link to such a Corps is made: looks four times a second, as long as there is one. */
void corps__roam_watch(void);

/* With the end of the process or of the runtime. */
void corps__roam_stop(void);

#endif
