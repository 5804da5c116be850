/* A control channel as an agent has it: records both ways on a stream socket (codec/framed.h), and it never waits.
 *
 * What is sent is kept until the other side reads it; one that leaves too much unread is cut off, as one that breaks
 * the framing is. Records that are relayed go as they came, byte for byte.
 *
 * Threads: the loop's.
 */
#ifndef CORPS_AGENT_LINE_H
#define CORPS_AGENT_LINE_H

#include <corps/value.h>

#include <stdint.h>

enum {
    AGENT_LINE_RECORD_BYTES_MAX = 64 << 20, /* of a record that comes */
    AGENT_LINE_KEPT_BYTES_MAX = 64 << 20,   /* of what is sent and not read */
};

struct agent_line;

/* A record has come; both are lent until it returns, `frame` with its length. NULL: the line has ended, once, and
 * nothing follows; it is still to be closed. */
typedef void (*agent_line_fn)(void *arg, const struct corps_value *record, const uint8_t *frame, size_t bytes);

/* Takes `fd`, not on error. Errors: NO_MEMORY, SYSTEM. */
enum corps_err agent_line_open(int fd, agent_line_fn fn, void *arg, struct agent_line **line) CORPS_CHECKED;

/* Sends a record, or a frame as it came. What cannot be kept ends the line, which is told when the loop turns. */
void agent_line_send(struct agent_line *line, const struct corps_value *record);
void agent_line_relay(struct agent_line *line, const uint8_t *frame, size_t bytes);

/* Takes what a process that has ended had still written. */
void agent_line_drain(struct agent_line *line);

/* Nothing is called any more. What was sent and fits into the socket is still read by the other side. Accepts NULL. */
void agent_line_close(struct agent_line *line);

#endif
