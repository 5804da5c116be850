/* What a ledger tells of an owned Corps to whoever lists it (corps/ledger.h, `about`): one line of text.
 *
 * "1 <tag> <front> <hosts> <cut_off> <restart> <numbers>", with tabs between; a tab, a line feed or a backslash in a
 * text stands behind a backslash, as t, n or a backslash. The first word is the version of the line.
 *
 * Threads: any.
 */
#ifndef CORPS_AGENT_ABOUT_H
#define CORPS_AGENT_ABOUT_H

#include "codec/config.h"

struct agent_about {
    char tag[64];
    char front[256]; /* the class of its own Conc */
    char hosts[CORPS__HOSTS_BYTES];
    bool stays; /* its cut_off */
    enum corps_restart restart;
    uint32_t numbers; /* no Conc of it has this number or a higher one */
};

enum { AGENT_ABOUT_BYTES = 2048 }; /* longest line, with its NUL: no text is longer than above, escaped */

/* Writes it into `out`, of AGENT_ABOUT_BYTES. */
void agent_about_write(const struct agent_about *about, char *out);

/* Reads it. False: it is none of this version; nothing was written. */
bool agent_about_read(const char *line, struct agent_about *about);

#endif
