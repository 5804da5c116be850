/** @file
 * Where the time of a call goes: time stamps at the stages of calls between Envs.
 *
 * A process that traces writes a stamp whenever one of its calls, or a call to one of its Workers, passes a stage,
 * until the memory that it was given is full. The stamps of caller and called process are brought together by `id`;
 * both take them from CLOCK_MONOTONIC, so they compare on one host. Nothing extra travels. While nothing is traced, a
 * stage costs the reading of one flag; while it is, the clock's reading besides (corps-lab measures and declares it).
 *
 * Calls within an Env and requests without reply leave no stamps.
 *
 * Threads: any thread may begin and end; stamps come from all threads that pass a stage.
 */
#ifndef CORPS_TRACE_H
#define CORPS_TRACE_H

#include <corps/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum corps_stage {
    CORPS_STAGE_CALLED,         /**< caller: corps_call was entered */
    CORPS_STAGE_ENCODED,        /**< caller: the arguments are bytes */
    CORPS_STAGE_SENT,           /**< caller: the transport has taken the frame */
    CORPS_STAGE_RECEIVED,       /**< called: the frame was polled */
    CORPS_STAGE_STARTED,        /**< called: the Conc takes the request from its mailbox */
    CORPS_STAGE_DECODED,        /**< called: the arguments are values; the method begins */
    CORPS_STAGE_RETURNED,       /**< called: the method has returned */
    CORPS_STAGE_REPLY_ENCODED,  /**< called: the result is bytes */
    CORPS_STAGE_REPLY_SENT,     /**< called: the transport has taken the reply */
    CORPS_STAGE_REPLY_RECEIVED, /**< caller: the reply was polled */
    CORPS_STAGE_REPLY_TAKEN,    /**< caller: whoever waited goes on and begins to decode */
    CORPS_STAGE_REPLY_DECODED,  /**< caller: the result is a value */
    CORPS_STAGE_COUNT
};

struct corps_stamp {
    uint64_t id;     /**< of the call; unique among those of the caller's process */
    uint64_t ns;     /**< CLOCK_MONOTONIC */
    uint32_t stage;  /**< enum corps_stage */
    uint32_t caller; /**< Env of the caller */
};

/** Begins to write stamps into `stamps`, room for `capacity` of them, which must stay until corps_trace_end has
 * returned. Errors: INVALID when this process traces already. */
CORPS_API enum corps_err corps_trace_begin(struct corps_stamp *stamps, size_t capacity) CORPS_CHECKED;

/** Ends it, waits for threads that are writing a stamp, and gives the number of stamps written: at most the capacity,
 * in the order of their writing. 0 when nothing was traced. */
CORPS_API size_t corps_trace_end(void);

#ifdef __cplusplus
}
#endif
#endif
