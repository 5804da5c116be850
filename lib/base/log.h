/* The log: one line for each thing that happens to a Corps and that nobody may be told of otherwise.
 *
 * A line has a level, the name of its event, a text for people, and fields for programs. It goes to standard error, or
 * where corps_log_set says. CORPS_LOG says up to which level (off, error, warn, info, debug; default warn), and
 * CORPS_LOG_FORMAT how: text (default) is "corps: " and the text; json is one object a line, of less than 4096 bytes,
 * with time, level, event, pid, env (-1: a program), text, and the fields.
 *
 * Levels: error is what ends the process; warn what was lost, refused, or had to be started again; info what grows and
 * shrinks; debug connections that come and go.
 *
 * Threads: any, with any lock held. Nothing here allocates, waits or takes a lock. A line is one write, which processes
 * that share the standard error do not tear up to 4096 bytes. What a slow reader leaves no room for is lost, and the
 * next line says how many were. The calling thread's errno and error detail stay.
 */
#ifndef CORPS_LOG_H
#define CORPS_LOG_H

#include <corps.h>

/* What is borrowed until return: a key (a word, no signs that JSON escapes) with a text, or with a number. */
struct corps__log_field {
    const char *key;  /* NULL ends the fields */
    const char *text; /* NULL: `number` */
    int64_t number;
};

#define CORPS__LOG_TEXT(key, value)                                                                                    \
    { (key), (value), 0 }
#define CORPS__LOG_INT(key, value)                                                                                     \
    { (key), NULL, (int64_t)(value) }
#define CORPS__LOG_FIELDS(...) ((const struct corps__log_field[]){__VA_ARGS__, {NULL, NULL, 0}})

/* `fields` may be NULL; `event` is a word, like a key. The text says what happened, and why, without "corps: ". */
void corps__log(enum corps_log_level level, const char *event, const struct corps__log_field *fields,
                const char *format, ...) CORPS_PRINTF(4, 5);

/* The same with lines that follow: a traceback, "" or NULL for none. In JSON it is a field, cut to fit. */
void corps__log_traced(enum corps_log_level level, const char *event, const struct corps__log_field *fields,
                       const char *traceback, const char *format, ...) CORPS_PRINTF(5, 6);

/* A peer was refused, and `why`: what strangers may cause at will is at most one line in a second, which says how many
 * others there were since the last one. */
void corps__log_refusal(const char *why);

/* Are lines of this level wanted? For who has to work for the text. */
bool corps__log_wants(enum corps_log_level level);

/* Which Env this process is, -1 for a program. A program is told here of settings that do not exist; its Envs have the
 * same ones. */
void corps__log_identify(int env);

#endif
