#include "machine/doctor.h"

#include "cli/cli.h"

#include <corps/serializer.h>

#include "base/dir.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

void lab_doctor_say(struct lab_doctor *doctor, enum lab_health health, const char *what, const char *format, ...) {
    static const char *const words[] = {"ok", "warn", "fail"};
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    doctor->warn_count += health == LAB_WARN;
    doctor->fail_count += health == LAB_FAIL;
    printf("%-5s %-14s %s\n", words[health], what, text);
    fflush(stdout);
}

/* ---- Python ---- */

static void check_serializers(struct lab_doctor *doctor) {
    const char *name;
    for (unsigned i = 0; (name = corps_serializer_name_at(i)) != NULL; i++) {
        const struct corps_serializer *serializer;
        if (corps_serializer_find(name, &serializer) != CORPS_OK) {
            lab_doctor_say(doctor, LAB_FAIL, name, "%s", corps_error_detail());
        } else {
            lab_doctor_say(doctor, LAB_OK, name, "%s",
                           serializer->version != NULL ? serializer->version() : serializer->summary);
        }
    }
}

static void check_report(struct lab_doctor *doctor) {
    static char option[] = "-c", program[] =
                                     "import sys\n"
                                     "def has(name):\n"
                                     "    try: __import__(name)\n"
                                     "    except ImportError: return False\n"
                                     "    return True\n"
                                     "print(*[p for n, p in (a.split('=') for a in sys.argv[1:]) if not has(n)])";
    static char numpy[] = "numpy=numpy", d3[] = "xstatic.pkg.d3=XStatic-D3";
    static char python[1024];
    char missing[256];
    snprintf(python, sizeof python, "%s", lab_python());
    if (!lab_capture((char *const[]){python, option, program, numpy, d3, NULL}, 60, missing, sizeof missing)) {
        lab_doctor_say(doctor, LAB_FAIL, "report", "cannot run %s; name an interpreter in CORPS_PYTHON", python);
    } else if (missing[0] != '\0') {
        lab_doctor_say(doctor, LAB_FAIL, "report", "missing for %s: %s; run %s -m pip install %s", python, missing,
                       python, missing);
    } else {
        lab_doctor_say(doctor, LAB_OK, "report", "%s has numpy and D3", python);
    }
}

static void check_grep(struct lab_doctor *doctor) {
    static char grep[] = "grep", option[] = "--version";
    char version[64];
    if (lab_capture((char *const[]){grep, option, NULL}, 10, version, sizeof version)) {
        lab_doctor_say(doctor, LAB_OK, "grep", "found; workload search is checked against it");
    } else {
        lab_doctor_say(doctor, LAB_FAIL, "grep",
                       "cannot be run, and workload search is checked against it; install grep");
    }
}

/* ---- space and leftovers ---- */

static void check_space(struct lab_doctor *doctor) {
    struct statvfs st;
    if (statvfs(".", &st) != 0) {
        lab_doctor_say(doctor, LAB_WARN, "disk", "cannot look at this folder: %s", strerror(errno));
        return;
    }
    double megabytes = (double)st.f_bavail * (double)st.f_frsize / 1e6;
    if (megabytes < 100) {
        lab_doctor_say(doctor, LAB_WARN, "disk",
                       "only %.0f MB are free here, and a run needs up to 100; make room, or use --out", megabytes);
    } else {
        lab_doctor_say(doctor, LAB_OK, "disk", "%.0f MB free here", megabytes);
    }
}

static void name_leftover(const char *path, bool removed, void *arg) {
    lab_doctor_say(arg, removed ? LAB_OK : LAB_WARN, "leftover",
                   removed ? "%s of a dead Corps was removed" : "%s of a dead Corps; remove it with --clean", path);
}

static void check_leftovers(struct lab_doctor *doctor, bool clean) {
    int count = corps__dir_clean(clean, name_leftover, doctor);
    if (count < 0) {
        lab_doctor_say(doctor, LAB_FAIL, "directory", "%s", corps_error_detail());
    } else if (count == 0) {
        lab_doctor_say(doctor, LAB_OK, "leftovers", "none");
    }
}

/* ---- the command ---- */

int lab_command_doctor(const struct lab_command *command, int argc, char **argv) {
    enum { CLEAN = 1 };
    static const struct option options[] = {{"clean", no_argument, NULL, CLEAN}, LAB_CLI_HELP_OPTION, {0}};
    struct lab_doctor doctor = {0};
    bool clean = false;
    int status = LAB_EXIT_OK;
    int option;
    while ((option = lab_cli_next(command, argc, argv, options, &status)) != LAB_CLI_END) {
        if (option == LAB_CLI_EXIT) {
            return status;
        }
        clean = true;
    }
    if (optind < argc) {
        return lab_usage(command, "takes no argument '%s'", argv[optind]);
    }
    lab_doctor_processors(&doctor);
    lab_doctor_governor(&doctor);
    lab_doctor_virtual(&doctor);
    lab_doctor_clock(&doctor);
    lab_doctor_load(&doctor);
    lab_doctor_files(&doctor);
    lab_doctor_shm(&doctor);
    lab_doctor_mqueue(&doctor);
    lab_doctor_pipe(&doctor);
    lab_doctor_tcp(&doctor);
    check_serializers(&doctor);
    check_report(&doctor);
    check_grep(&doctor);
    check_space(&doctor);
    check_leftovers(&doctor, clean);
    printf("%u problem%s, %u warning%s\n", doctor.fail_count, doctor.fail_count == 1 ? "" : "s", doctor.warn_count,
           doctor.warn_count == 1 ? "" : "s");
    return doctor.fail_count > 0 ? LAB_EXIT_FAILURE : LAB_EXIT_OK;
}
