/* The terminal: drawn anew in place, by ANSI escapes alone (ECMA-48, and xterm's alternate screen), and given back as
 * it was. One thread. */
#ifndef CORPS_TOP_SCREEN_H
#define CORPS_TOP_SCREEN_H

#include "text.h"

/* Takes the terminal: keys come at once and unseen, signals that would end the process end the wait instead. Errors:
 * SYSTEM. */
enum corps_err top_screen_open(void) CORPS_CHECKED;

/* Gives it back. Also when it was not taken. */
void top_screen_close(void);

void top_screen_size(unsigned *columns, unsigned *lines);

/* Draws a whole screen. False: the detail says what is wrong. */
bool top_screen_draw(const struct top_text *text);

/* Waits so long for a key, 0 when none came; 'q' when a signal is to end the process, and 'r' when the terminal's size
 * has changed. */
char top_screen_key(double seconds);

/* Waits without a terminal; false: a signal is to end the process. */
bool top_sleep(double seconds);

#endif
