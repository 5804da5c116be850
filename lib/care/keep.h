/* What Workers know, kept: checkpoints, at the owner or in a directory.
 *
 * At the owner: an Env tells its Env 0 of each state as a record of the control channel. What was written into that is
 * read also if the Env dies the next moment, so nobody waits for an answer; but for an Env on another host than Env 0,
 * where it could be lost with the host or on the way: there a reply waits until Env 0 has said that it has the state.
 * When the Env is started again, Env 0 hands the states of its Concs to it before it has them made again. At most
 * CORPS__KEEP_BYTES_MAX for a Conc and CORPS__KEEP_ENV_BYTES_MAX for the Concs of one Env. Env 0's own Concs are not
 * kept: its end is the Corps'.
 *
 * A record is [state, answers]: the state as the Corps' serializer has encoded it, and the answers to retry calls that
 * belong to it (actor/once.h). Those take up to CORPS__KEEP_ANSWERS_MAX bytes of what a Conc may have at the owner, and
 * CORPS__FOLDER_ANSWERS_MAX in a directory.
 *
 * In a directory: <directory>/<id of the Corps>/<env>.<conc>, a file written whole (base/whole.h) that can be told from
 * anything else (codec/kept.h). Env 0 locks the folder of its Corps, and removes it at the end; it also removes folders
 * of Corps that were killed altogether. So a state is used within one life of a Corps alone; but that of a Worker whose
 * number stays in a Corps that is started anew, its front, goes on. That of a Corps which agents own goes on on another
 * host that has the directory too: what says whose the folder is then is a file in it, with the number of the life.
 */
#ifndef CORPS_CARE_KEEP_H
#define CORPS_CARE_KEEP_H

#include <stdint.h>

enum { CORPS__KEEP_BYTES_MAX = 1 << 20, CORPS__KEEP_ENV_BYTES_MAX = 256 << 20 };
enum { CORPS__KEEP_ANSWERS_MAX = 512 << 10, CORPS__FOLDER_ANSWERS_MAX = 16 << 20 };

#define CORPS__KEEP_STORED_NS INT64_C(10000000000) /* so long an Env on another host waits for Env 0's word */

/* Has the floors below ask this one. Before an Env's main begins. */
void corps__keep_set(void);

#endif
