/** @file
 * Errors of Corps.
 *
 * Every function that can fail returns an `enum corps_err`. The codes FULL, EMPTY, AGAIN, PARTIAL, PENDING,
 * CLOSED, TIMEOUT and CANCELLED are outcomes rather than faults. A fault also leaves one line of detail for
 * the calling thread: what happened and what to do about it. The detail is set once, where the error is first
 * decided, and stays until the next fault on that thread.
 *
 * Threads: every function here may be called from any thread; the detail is thread-local.
 */
#ifndef CORPS_ERROR_H
#define CORPS_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CORPS_CHECKED __attribute__((warn_unused_result))
#define CORPS_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define CORPS_API __attribute__((visibility("default")))
#else
#define CORPS_CHECKED
#define CORPS_PRINTF(format_at, first_at)
#define CORPS_API
#endif

/** X(code, text): the one list of codes. Numbers are part of the ABI and of the wire: append only. */
#define CORPS_ERRORS(X)                                                                                                \
    X(OK, "success")                                                                                                   \
    X(EMPTY, "nothing is there yet")                                                                                   \
    X(FULL, "no room now")                                                                                             \
    X(PARTIAL, "a part was taken; the rest must follow")                                                               \
    X(AGAIN, "something arrived meanwhile; look again")                                                                \
    X(PENDING, "the reply will follow later")                                                                          \
    X(CLOSED, "the other side has closed")                                                                             \
    X(TIMEOUT, "the deadline has passed")                                                                              \
    X(CANCELLED, "the call was cancelled")                                                                             \
    X(INVALID, "an argument is not valid")                                                                             \
    X(UNKNOWN, "no such name")                                                                                         \
    X(UNSUPPORTED, "this combination is not possible")                                                                 \
    X(NO_MEMORY, "out of memory")                                                                                      \
    X(SYSTEM, "a system call failed")                                                                                  \
    X(PROTOCOL, "the peer broke the protocol")                                                                         \
    X(VERSION, "the peer speaks another version")                                                                      \
    X(DENIED, "the peer may not do this, or could not prove who it is")                                                \
    X(REFUSED, "the serializer does not carry this object")                                                            \
    X(CORRUPT, "the serialized data is damaged")                                                                       \
    X(TOO_LARGE, "a size is over its limit")                                                                           \
    X(LIMIT, "a configured limit is reached")                                                                          \
    X(NO_WORKER, "there is no such Worker")                                                                            \
    X(NO_METHOD, "the Worker has no such method")                                                                      \
    X(REMOTE, "the method failed")                                                                                     \
    X(WORKER_LOST, "the Worker's process has ended")                                                                   \
    X(EXITED, "the Corps has exited")                                                                                  \
    X(DEADLOCK, "the wait could never end")                                                                            \
    X(MOVED, "the Worker takes no more requests, and another one may do this")

enum corps_err {
#define CORPS_ERROR_ENUM(code, text) CORPS_ERR_##code,
    CORPS_ERRORS(CORPS_ERROR_ENUM)
#undef CORPS_ERROR_ENUM
        CORPS_ERR_COUNT
};

#define CORPS_OK CORPS_ERR_OK

/** The code as text, for example "TIMEOUT"; "?" for a number that is no code. Never NULL. */
CORPS_API const char *corps_error_name(enum corps_err code);

/** What the code means in general, for example "the deadline has passed". Never NULL. */
CORPS_API const char *corps_error_text(enum corps_err code);

/** The calling thread's last detail line, "" when there was none. Lent until the next fault on this thread. */
CORPS_API const char *corps_error_detail(void);

/** Sets the calling thread's detail (cut at 511 bytes) and returns `code`, so that a fault reads
 * `return corps_error_set(CORPS_ERR_INVALID, "size is %zu, must be …", size);`. */
CORPS_API enum corps_err corps_error_set(enum corps_err code, const char *format, ...) CORPS_PRINTF(2, 3);

/** The same for a failed system call: appends ": " and strerror(errno), and returns CORPS_ERR_SYSTEM. */
CORPS_API enum corps_err corps_error_system(const char *format, ...) CORPS_PRINTF(1, 2);

#ifdef __cplusplus
}
#endif
#endif
