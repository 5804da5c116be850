#include "machine/fingerprint.h"

#include "cell/cell.h"
#include "cli/cli.h"
#include "cli/places.h"

#include <corps/serializer.h>
#include <corps/transport.h>

#include <inttypes.h>
#include <msgpack.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <yaml.h>

#ifndef LAB_BUILD_FLAGS
#define LAB_BUILD_FLAGS "unknown"
#endif

/* ---- build ---- */

static const char *sanitizer(void) {
#if defined(__SANITIZE_ADDRESS__)
    return "address";
#elif defined(__SANITIZE_THREAD__)
    return "thread";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return "address";
#elif __has_feature(thread_sanitizer)
    return "thread";
#else
    return "none";
#endif
#else
    return "none";
#endif
}

static json_t *build_json(void) {
#ifdef __OPTIMIZE__
    bool optimized = true;
#else
    bool optimized = false;
#endif
#ifdef __clang__
    const char *compiler = "clang";
#else
    const char *compiler = "gcc";
#endif
    return json_pack("{s:s, s:s, s:s, s:b, s:s}", "compiler", compiler, "compiler_version", __VERSION__, "flags",
                     LAB_BUILD_FLAGS, "optimized", (int)optimized, "sanitizer", sanitizer());
}

/* Of the sources that this program was built from, as they are now; null where git or the sources are not there, and of
 * an installed program. */
static json_t *git_json(void) {
    static char git[] = "git", in[] = "-C", parse[] = "rev-parse", head[] = "HEAD", show[] = "status",
                brief[] = "--porcelain", untracked[] = "--untracked-files=no";
    char revision[64];
    char changes[64];
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", lab_source_folder() != NULL ? lab_source_folder() : "");
    if (folder[0] == '\0' ||
        !lab_capture((char *const[]){git, in, folder, parse, head, NULL}, 10, revision, sizeof revision) ||
        !lab_capture((char *const[]){git, in, folder, show, brief, untracked, NULL}, 10, changes, sizeof changes)) {
        return json_pack("{s:n, s:n}", "revision", "dirty");
    }
    return json_pack("{s:s, s:b}", "revision", revision, "dirty", changes[0] != '\0');
}

/* ---- libraries ---- */

/* A serializer that cannot start is recorded with its reason: that is why its cells fail. */
static json_t *serializers_json(void) {
    json_t *object = json_object();
    const char *name;
    for (unsigned i = 0; (name = corps_serializer_name_at(i)) != NULL; i++) {
        const struct corps_serializer *serializer;
        char text[512];
        if (corps_serializer_find(name, &serializer) != CORPS_OK) {
            snprintf(text, sizeof text, "not available: %s", corps_error_detail());
        } else {
            snprintf(text, sizeof text, "%s", serializer->version != NULL ? serializer->version() : CORPS_VERSION);
        }
        json_object_set_new(object, name, json_string(text));
    }
    return object;
}

/* Transports over other libraries, with those' versions. */
static json_t *transports_json(void) {
    json_t *object = json_object();
    const struct corps_transport *transport;
    for (unsigned i = 0; (transport = corps_transport_at(i)) != NULL; i++) {
        const char *version = transport->version != NULL ? transport->version() : NULL;
        if (transport->version != NULL) {
            json_object_set_new(object, transport->name, json_string(version != NULL ? version : "not available"));
        }
    }
    return object;
}

static json_t *libraries_json(void) {
    char libc[64];
    static char python[1024], version_option[] = "--version";
    char python_version[64];
    snprintf(libc, sizeof libc, "%d.%d", __GLIBC__, __GLIBC_MINOR__);
    snprintf(python, sizeof python, "%s", lab_python());
    if (!lab_capture((char *const[]){python, version_option, NULL}, 10, python_version, sizeof python_version)) {
        snprintf(python_version, sizeof python_version, "not available");
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "corps", CORPS_VERSION, "libuv",
                     uv_version_string(), "msgpack-c", msgpack_version(), "libsodium", sodium_version_string(),
                     "libyaml", yaml_get_version_string(), "jansson", jansson_version_str(), "glibc", libc, "python",
                     python_version, "python_executable", python);
}

/* ---- the whole ---- */

void lab_machine_id(char out[17]) {
    static char known[17];
    if (known[0] != '\0') {
        memcpy(out, known, sizeof known);
        return;
    }
    json_t *machine = lab_machine_json();
    json_t *kernel = lab_kernel_json();
    static const char *const changing[] = {"mhz", "processors_allowed"};
    for (size_t i = 0; i < sizeof changing / sizeof changing[0]; i++) {
        json_object_del(machine, changing[i]);
    }
    json_object_del(kernel, "command_line"); /* may name the boot */
    json_t *both = json_pack("[o, o]", machine, kernel);
    char *text = json_dumps(both, JSON_COMPACT | JSON_SORT_KEYS);
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a, 64 bit (Fowler, Noll, Vo) */
    for (const char *c = text != NULL ? text : ""; *c != '\0'; c++) {
        hash = (hash ^ (uint8_t)*c) * UINT64_C(1099511628211);
    }
    snprintf(known, sizeof known, "%016" PRIx64, hash);
    memcpy(out, known, sizeof known);
    free(text);
    json_decref(both);
}

json_t *lab_fingerprint(void) {
    char now[32];
    char id[17];
    char load[128];
    lab_time_text(now);
    lab_machine_id(id);
    if (!lab_read_first_line("/proc/loadavg", load, sizeof load)) {
        snprintf(load, sizeof load, "unknown");
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "machine", id, "time", now, "load",
                     load, "processor", lab_machine_json(), "kernel", lab_kernel_json(), "limits", lab_limits_json(),
                     "build", build_json(), "git", git_json(), "libraries", libraries_json(), "serializers",
                     serializers_json(), "transports", transports_json());
}
