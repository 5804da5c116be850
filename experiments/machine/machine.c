#include "machine/fingerprint.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Processors, kernel and limits, read from /proc and /sys. What is not there is null. */

bool lab_read_first_line(const char *path, char *out, size_t bytes) {
    out[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bool ok = fgets(out, (int)bytes, file) != NULL;
    fclose(file);
    out[strcspn(out, "\n")] = '\0';
    return ok;
}

bool lab_cpuinfo(const char *key, char *out, size_t bytes) {
    char *line = NULL;
    size_t capacity = 0;
    size_t key_bytes = strlen(key);
    bool found = false;
    out[0] = '\0';
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (!found && file != NULL && getline(&line, &capacity, file) > 0) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, key, key_bytes) == 0 && strchr("\t :", line[key_bytes]) != NULL && colon != NULL) {
            const char *value = colon + 1 + strspn(colon + 1, " \t");
            snprintf(out, bytes, "%.*s", (int)strcspn(value, "\n"), value);
            found = true;
        }
    }
    free(line);
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

/* Flags are words, separated by spaces. */
static bool has_flag(const char *flags, const char *flag) {
    size_t length = strlen(flag);
    for (const char *at = strstr(flags, flag); at != NULL; at = strstr(at + 1, flag)) {
        if ((at == flags || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

bool lab_is_virtual(void) {
    char flags[8192];
    return lab_cpuinfo("flags", flags, sizeof flags) && has_flag(flags, "hypervisor");
}

/* The first line of a file, or null. */
static json_t *line_json(const char *path) {
    char text[1024];
    return lab_read_first_line(path, text, sizeof text) ? json_string(text) : json_null();
}

static json_t *number_json(const char *path) {
    char text[64];
    char *end = text;
    long long number = lab_read_first_line(path, text, sizeof text) ? strtoll(text, &end, 10) : 0;
    return end != text ? json_integer(number) : json_null();
}

static json_t *cpuinfo_json(const char *key) {
    char text[8192];
    return lab_cpuinfo(key, text, sizeof text) ? json_string(text) : json_null();
}

/* ---- topology ---- */

/* How many different texts the file `name` has over all processors: sockets by package, cores by sibling lists. */
static int count_different(const char *name, long cpu_count) {
    char(*seen)[128] = calloc((size_t)cpu_count, sizeof *seen);
    int count = 0;
    for (long cpu = 0; seen != NULL && cpu < cpu_count; cpu++) {
        char path[128];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%ld/topology/%s", cpu, name);
        if (!lab_read_first_line(path, seen[count], sizeof seen[count])) {
            continue;
        }
        int other = 0;
        while (other < count && strcmp(seen[other], seen[count]) != 0) {
            other++;
        }
        count += other == count;
    }
    free(seen);
    return count;
}

json_t *lab_machine_json(void) {
    long cpu_count = sysconf(_SC_NPROCESSORS_CONF);
    cpu_set_t allowed;
    int allowed_count = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
    struct sysinfo info;
    json_int_t memory = sysinfo(&info) == 0 ? (json_int_t)info.totalram * info.mem_unit : 0;
    return json_pack("{s:o, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:I}", "model",
                     cpuinfo_json("model name"), "processors", (int)cpu_count, "processors_allowed", allowed_count,
                     "cores", count_different("thread_siblings_list", cpu_count), "sockets",
                     count_different("physical_package_id", cpu_count), "mhz", cpuinfo_json("cpu MHz"), "cache",
                     cpuinfo_json("cache size"), "microcode", cpuinfo_json("microcode"), "flags", cpuinfo_json("flags"),
                     "bugs", cpuinfo_json("bugs"), "virtual", (int)lab_is_virtual(), "vendor",
                     line_json("/sys/class/dmi/id/sys_vendor"), "product", line_json("/sys/class/dmi/id/product_name"),
                     "memory_bytes", memory);
}

/* ---- kernel ---- */

static json_t *mitigations_json(void) {
    static const char *const names[] = {"gather_data_sampling",
                                        "itlb_multihit",
                                        "l1tf",
                                        "mds",
                                        "meltdown",
                                        "mmio_stale_data",
                                        "retbleed",
                                        "spec_rstack_overflow",
                                        "spec_store_bypass",
                                        "spectre_v1",
                                        "spectre_v2",
                                        "srbds",
                                        "tsx_async_abort",
                                        "reg_file_data_sampling"};
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/vulnerabilities/%s", names[i]);
        json_object_set_new(object, names[i], line_json(path));
    }
    return object;
}

json_t *lab_kernel_json(void) {
    struct utsname name;
    json_t *object = json_object();
    if (uname(&name) == 0) {
        json_object_set_new(object, "release", json_string(name.release));
        json_object_set_new(object, "version", json_string(name.version));
        json_object_set_new(object, "architecture", json_string(name.machine));
    }
    static const struct {
        const char *key;
        const char *path;
    } files[] = {
        {"command_line", "/proc/cmdline"},
        {"governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"},
        {"idle_driver", "/sys/devices/system/cpu/cpuidle/current_driver"},
        {"turbo_off", "/sys/devices/system/cpu/intel_pstate/no_turbo"},
        {"smt", "/sys/devices/system/cpu/smt/control"},
        {"clock_source", "/sys/devices/system/clocksource/clocksource0/current_clocksource"},
        {"guest_halt_poll_ns", "/sys/module/haltpoll/parameters/guest_halt_poll_ns"},
        {"kvm_halt_poll_ns", "/sys/module/kvm/parameters/halt_poll_ns"},
        {"transparent_hugepage", "/sys/kernel/mm/transparent_hugepage/enabled"},
        {"hypervisor", "/sys/hypervisor/type"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        json_object_set_new(object, files[i].key, line_json(files[i].path));
    }
    json_object_set_new(object, "mitigations", mitigations_json());
    return object;
}

/* ---- limits ---- */

static json_t *rlimit_json(__rlimit_resource_t resource) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return json_null();
    }
    return json_integer((json_int_t)limit.rlim_cur);
}

json_t *lab_limits_json(void) {
    static const struct {
        const char *key;
        const char *path;
    } files[] = {
        {"pipe_max_size", "/proc/sys/fs/pipe-max-size"},
        {"pipe_user_pages_soft", "/proc/sys/fs/pipe-user-pages-soft"},
        {"pipe_user_pages_hard", "/proc/sys/fs/pipe-user-pages-hard"},
        {"mqueue_msg_max", "/proc/sys/fs/mqueue/msg_max"},
        {"mqueue_msgsize_max", "/proc/sys/fs/mqueue/msgsize_max"},
        {"mqueue_queues_max", "/proc/sys/fs/mqueue/queues_max"},
        {"socket_rmem_max", "/proc/sys/net/core/rmem_max"},
        {"socket_wmem_max", "/proc/sys/net/core/wmem_max"},
        {"shmmax", "/proc/sys/kernel/shmmax"},
    };
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        json_object_set_new(object, files[i].key, number_json(files[i].path));
    }
    json_object_set_new(object, "open_files", rlimit_json(RLIMIT_NOFILE));
    json_object_set_new(object, "mqueue_bytes", rlimit_json(RLIMIT_MSGQUEUE));
    json_object_set_new(object, "locked_memory_bytes", rlimit_json(RLIMIT_MEMLOCK));
    json_object_set_new(object, "processes", rlimit_json(RLIMIT_NPROC));
    json_object_set_new(object, "address_space_bytes", rlimit_json(RLIMIT_AS));
    return object;
}
