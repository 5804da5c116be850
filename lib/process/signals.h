/* Signals that concern the program and not its Envs: Ctrl-C, and a reader that has gone. */
#ifndef CORPS_SIGNALS_H
#define CORPS_SIGNALS_H

/* In an Env: SIGINT and SIGPIPE do nothing from now on. Nobody who is started inherits that: what runs exec has the
 * default; or ignores it, if this process was started so (nohup, a shell's background job). */
void corps__signals_take(void);

/* In the child of a fork, which is no Env: what the process had before, unless the Env's own code has set another. */
void corps__signals_forked(void);

#endif
