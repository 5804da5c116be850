#include "machine/doctor.h"
#include "machine/fingerprint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static long allowed_processors(void) {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
}

void lab_doctor_processors(struct lab_doctor *doctor) {
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    long allowed = allowed_processors();
    if (allowed < 2) {
        lab_doctor_say(doctor, LAB_WARN, "processors",
                       "only one may be used: placement=cross and wake=spin are left out; allow two (taskset, cpuset)");
    } else if (allowed < online) {
        lab_doctor_say(doctor, LAB_WARN, "processors",
                       "%ld of %ld may be used (taskset or cpuset); results hold for those", allowed, online);
    } else {
        lab_doctor_say(doctor, LAB_OK, "processors", "%ld may be used", allowed);
    }
}

void lab_doctor_governor(struct lab_doctor *doctor) {
    char governor[64];
    if (!lab_read_first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", governor, sizeof governor)) {
        lab_doctor_say(doctor, LAB_OK, "frequency", "not visible here; nothing to set");
    } else if (strcmp(governor, "performance") == 0) {
        lab_doctor_say(doctor, LAB_OK, "frequency", "governor performance");
    } else {
        lab_doctor_say(
            doctor, LAB_WARN, "frequency",
            "governor %s changes the clock speed during a run; as root: cpupower frequency-set -g performance",
            governor);
    }
}

void lab_doctor_virtual(struct lab_doctor *doctor) {
    char ns[32];
    if (!lab_is_virtual()) {
        lab_doctor_say(doctor, LAB_OK, "virtual", "no hypervisor is visible");
        return;
    }
    bool polls = lab_read_first_line("/sys/module/haltpoll/parameters/guest_halt_poll_ns", ns, sizeof ns);
    lab_doctor_say(doctor, LAB_WARN, "virtual",
                   "a virtual machine: waking a sleeping processor is slow and noisy; do not carry a ranking over to "
                   "other machines (guest_halt_poll_ns %s)",
                   polls ? ns : "unknown");
}

void lab_doctor_clock(struct lab_doctor *doctor) {
    char source[64];
    if (!lab_read_first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
                             sizeof source)) {
        lab_doctor_say(doctor, LAB_OK, "clock", "source not visible");
    } else if (strcmp(source, "hpet") == 0 || strcmp(source, "acpi_pm") == 0) {
        lab_doctor_say(doctor, LAB_WARN, "clock",
                       "%s is slow to read and adds to every latency; boot with clocksource=tsc", source);
    } else {
        lab_doctor_say(doctor, LAB_OK, "clock", "%s", source);
    }
}

void lab_doctor_load(struct lab_doctor *doctor) {
    double load;
    long allowed = allowed_processors();
    if (getloadavg(&load, 1) != 1) {
        lab_doctor_say(doctor, LAB_OK, "load", "unknown");
    } else if (load > 0.3 * (double)allowed) {
        lab_doctor_say(doctor, LAB_WARN, "load",
                       "%.2f on %ld processors: other work disturbs measurements; wait for it, or stop it", load,
                       allowed);
    } else {
        lab_doctor_say(doctor, LAB_OK, "load", "%.2f", load);
    }
}

/* As small a queue as any; the transport itself fits its queues to the limits. */
void lab_doctor_mqueue(struct lab_doctor *doctor) {
    char msg_max[32];
    char msgsize_max[32];
    char name[64];
    struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 64};
    snprintf(name, sizeof name, "/corps-doctor-%d", (int)getpid());
    mqd_t queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600, &attributes);
    if (queue == (mqd_t)-1) {
        lab_doctor_say(
            doctor, LAB_FAIL, "message queues",
            "cannot make a queue: %s; raise 'ulimit -q' or fs.mqueue.queues_max, or leave transport mqueue out",
            strerror(errno));
        return;
    }
    mq_unlink(name);
    mq_close(queue);
    lab_read_first_line("/proc/sys/fs/mqueue/msg_max", msg_max, sizeof msg_max);
    lab_read_first_line("/proc/sys/fs/mqueue/msgsize_max", msgsize_max, sizeof msgsize_max);
    lab_doctor_say(doctor, LAB_OK, "message queues", "up to %s messages of %s bytes per queue", msg_max, msgsize_max);
}

void lab_doctor_pipe(struct lab_doctor *doctor) {
    char max[32];
    char soft[32];
    lab_read_first_line("/proc/sys/fs/pipe-max-size", max, sizeof max);
    lab_read_first_line("/proc/sys/fs/pipe-user-pages-soft", soft, sizeof soft);
    long pages = strtol(soft, NULL, 10);
    if (pages > 0 && pages < 1024) {
        lab_doctor_say(doctor, LAB_WARN, "pipes",
                       "fs.pipe-user-pages-soft is %ld: pipes shrink to one page; as root: sysctl "
                       "fs.pipe-user-pages-soft=16384",
                       pages);
    } else {
        lab_doctor_say(doctor, LAB_OK, "pipes", "up to %s bytes each, %s pages in all", max, soft);
    }
}

void lab_doctor_shm(struct lab_doctor *doctor) {
    enum { BYTES = 1 << 20 };
    int fd = memfd_create("corps-doctor", MFD_CLOEXEC);
    void *memory = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, BYTES) == 0) {
        memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (memory == MAP_FAILED) {
        lab_doctor_say(doctor, LAB_FAIL, "shared memory",
                       "cannot share memory: %s; raise 'ulimit -v', or leave transport shm out", strerror(errno));
    } else {
        munmap(memory, BYTES);
        lab_doctor_say(doctor, LAB_OK, "shared memory", "memory can be shared");
    }
    if (fd >= 0) {
        close(fd);
    }
}

void lab_doctor_tcp(struct lab_doctor *doctor) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1) != 0) {
        lab_doctor_say(doctor, LAB_FAIL, "loopback",
                       "cannot listen on 127.0.0.1: %s; bring the loopback interface up, or leave transport tcp out",
                       strerror(errno));
    } else {
        lab_doctor_say(doctor, LAB_OK, "loopback", "can listen on 127.0.0.1");
    }
    if (fd >= 0) {
        close(fd);
    }
}

void lab_doctor_files(struct lab_doctor *doctor) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 256) {
        lab_doctor_say(doctor, LAB_WARN, "open files", "%" PRIu64 " per process are too few; raise 'ulimit -n' to 1024",
                       (uint64_t)limit.rlim_cur);
    } else {
        lab_doctor_say(doctor, LAB_OK, "open files", "enough per process");
    }
}
