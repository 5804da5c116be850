/* Options with every default decided: argument, else environment, else built in. */
#ifndef CORPS_CONFIG_H
#define CORPS_CONFIG_H

#include "codec/policy.h"

#include <corps/serializer.h>
#include <corps/transport.h>

#define CORPS__ENVS_MAX 1024u
#define CORPS__KEEP_DIRECTORY_BYTES 512u
#define CORPS__HOSTS_BYTES 256u
#define CORPS__SINGLETON_BYTES 64u
#define CORPS__HOST_MAX 65535u /* numbers of hosts are 16 bits of a Corps' id */

/* Every option, with its value decided. */
struct corps__settings {
    char tag[64];
    _Atomic unsigned env_count; /* of a Corps that is known: grows, see known.h */
    const struct corps_transport *transport;
    const struct corps_transport *system_transport; /* the same, or unix where that cannot carry everything */
    const struct corps_serializer *serializer;
    enum corps_wake wake;
    enum corps_wake client_wake;
    enum corps_placement placement;
    unsigned thread_count;
    unsigned thread_count_max;
    unsigned mailbox_count;
    size_t mailbox_bytes;
    size_t buffer_bytes;
    size_t queue_count;
    char bind[128];
    enum corps_seal seal;
    char module[256];
    char keep_directory[CORPS__KEEP_DIRECTORY_BYTES]; /* "" or absolute */
    char
        hosts[CORPS__HOSTS_BYTES]; /* on which it lives: names, numbers and labels with commas, or "auto"; "": on one */
    uint32_t host; /* the number of this process's own, 1 … 65535; 0: the Corps is on one host. Each process's own */
    char singleton[CORPS__SINGLETON_BYTES]; /* "": it is none */
    enum corps_cut_off cut_off;
    bool owned; /* an agent starts Env 0, and another one's agent if that one's host is lost */
    enum corps_keep keep_objects;
    bool detached;
    int64_t boot_timeout_ns;
    struct corps__policy policy; /* of the Envs but 0; without its times to start and to shut down */
    int64_t results_ttl_ns;
    size_t results_count;
    size_t results_bytes;
    int64_t results_clean_ns;
};

/* What the caller gave, as this version's layout: `given` itself, `own`, or what is all default for NULL. NULL:
 * INVALID, with what is wrong. */
const struct corps_options *corps__options_take(const struct corps_options *given, struct corps_options *own);

/* Of options that were taken. Errors: INVALID, UNKNOWN, UNSUPPORTED, with the option's name and what is possible.
 * Starts the serializer. */
enum corps_err corps__settings_decide(const struct corps_options *options, struct corps__settings *out) CORPS_CHECKED;

/* The name of a singleton, which must be one ("" is none). Errors: INVALID. */
enum corps_err corps__singleton_check(const char *name) CORPS_CHECKED;

/* As one value for the boot record, in `box`, and back. */
enum corps_err corps__settings_encode(const struct corps__settings *settings, struct corps_box *box,
                                      struct corps_value *value) CORPS_CHECKED;
enum corps_err corps__settings_decode(const struct corps_value *value, struct corps__settings *out) CORPS_CHECKED;

/* The same for who only looks: a serializer for which this process would have to load a module is replaced by msgpack.
 */
enum corps_err corps__settings_look(const struct corps_value *value, struct corps__settings *out) CORPS_CHECKED;

#endif
