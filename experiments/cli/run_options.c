#include "run/run.h"

#include "cell/cell.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The command line of `corps-lab run`. */

enum { BLOCKS = 1, SEED, OUT, RESUME, ONLY, SHARD, QUICK, TIMEOUT, DRY_RUN, STAGES, PROGRAM, AGAINST, UNTIL, HOSTS };

static const struct option long_options[] = {
    {"blocks", required_argument, NULL, BLOCKS},
    {"seed", required_argument, NULL, SEED},
    {"out", required_argument, NULL, OUT},
    {"resume", required_argument, NULL, RESUME},
    {"only", required_argument, NULL, ONLY},
    {"shard", required_argument, NULL, SHARD},
    {"quick", no_argument, NULL, QUICK},
    {"trial-timeout", required_argument, NULL, TIMEOUT},
    {"dry-run", no_argument, NULL, DRY_RUN},
    {"stages", no_argument, NULL, STAGES},
    {"program", required_argument, NULL, PROGRAM},
    {"against", required_argument, NULL, AGAINST},
    {"until", required_argument, NULL, UNTIL},
    {"hosts", required_argument, NULL, HOSTS},
    LAB_EXPORT_OPTIONS,
    LAB_CLI_HELP_OPTION,
    {0},
};

static bool read_shard(const struct lab_command *command, const char *text, struct lab_run_options *options) {
    int end = 0;
    if (sscanf(text, "%u/%u%n", &options->shard, &options->shard_count, &end) == 2 && text[end] == '\0' &&
        options->shard >= 1 && options->shard <= options->shard_count && options->shard_count <= LAB_BLOCKS_MAX) {
        return true;
    }
    lab_usage(command, "--shard must be i/n with i from 1 to n, for example 1/2, not '%s'", text);
    return false;
}

static bool read_timeout(const struct lab_command *command, const char *text, double *seconds) {
    char *end;
    double value = strtod(text, &end);
    if (end != text && *end == '\0' && value >= 0.01 && value <= 86400) {
        *seconds = value;
        return true;
    }
    lab_usage(command, "--trial-timeout must be seconds from 0.01 to 86400, not '%s'", text);
    return false;
}

static bool read_until(const struct lab_command *command, const char *text, double *share) {
    char *end;
    double percent = strtod(text, &end);
    if (end != text && (*end == '\0' || strcmp(end, "%") == 0) && percent >= 0.1 && percent <= 50) {
        *share = percent / 100;
        return true;
    }
    lab_usage(command, "--until must be percent from 0.1 to 50, for example 5%%, not '%s'", text);
    return false;
}

static bool read_program(const struct lab_command *command, const char *option, const char **path) {
    if (access(optarg, X_OK) != 0) {
        lab_usage(command, "%s %s: %s; name a corps-lab program", option, optarg, strerror(errno));
        return false;
    }
    *path = optarg;
    return true;
}

/* Trials are processes of their own: they find the file in their environment. */
static bool read_hosts(const struct lab_command *command, struct lab_run_options *options) {
    char path[PATH_MAX];
    if (realpath(optarg, path) == NULL || access(path, R_OK) != 0) {
        lab_usage(command, "--hosts %s: %s; name the file of hosts that their agents have", optarg, strerror(errno));
        return false;
    }
    options->own_hosts = true;
    return setenv(LAB_HOSTS_VARIABLE, path, 1) == 0;
}

static bool read_option(const struct lab_command *command, int option, struct lab_run_options *options) {
    uint64_t number;
    switch (option) {
    case BLOCKS:
        if (!lab_cli_number(command, "--blocks", optarg, 1, LAB_BLOCKS_MAX, &number)) {
            return false;
        }
        options->blocks = (unsigned)number;
        return true;
    case SEED:
        options->seeded = true;
        return lab_cli_number(command, "--seed", optarg, 0, INT64_MAX, &options->seed);
    case OUT:
        options->out = optarg;
        return true;
    case RESUME:
        options->resume = optarg;
        return true;
    case ONLY:
        if (options->only_count == LAB_ONLY_MAX) {
            lab_usage(command, "--only may be given %d times", LAB_ONLY_MAX);
            return false;
        }
        options->only[options->only_count++] = optarg;
        return true;
    case SHARD:
        return read_shard(command, optarg, options);
    case QUICK:
        options->quick = true;
        return true;
    case TIMEOUT:
        return read_timeout(command, optarg, &options->timeout_s);
    case STAGES:
        options->stages = true;
        return true;
    case UNTIL:
        return read_until(command, optarg, &options->until);
    case PROGRAM:
        return read_program(command, "--program", &options->program);
    case AGAINST:
        return read_program(command, "--against", &options->against);
    case HOSTS:
        return read_hosts(command, options);
    case DRY_RUN:
        options->dry_run = true;
        return true;
    default:
        return lab_export_option(option, optarg, &options->exports);
    }
}

bool lab_run_options_read(const struct lab_command *command, int argc, char **argv, struct lab_run_options *options,
                          int *status) {
    *options = (struct lab_run_options){.timeout_s = 60};
    int option;
    while ((option = lab_cli_next(command, argc, argv, long_options, status)) != LAB_CLI_END) {
        if (option == LAB_CLI_EXIT) {
            return false;
        }
        if (!read_option(command, option, options)) {
            *status = LAB_EXIT_USAGE;
            return false;
        }
    }
    if (argc - optind != 1) {
        *status = argc == optind
                      ? lab_usage(command, "name a matrix, for example quick.yaml; corps-lab list matrices shows them")
                      : lab_usage(command, "one matrix at a time; '%s' is one too many", argv[optind + 1]);
        return false;
    }
    if (options->resume != NULL && options->out != NULL) {
        *status = lab_usage(command, "--resume goes on with its own file; leave --out out");
        return false;
    }
    if (options->until > 0 && (options->quick || options->shard > 0)) {
        *status = lab_usage(command, "--until decides by itself how many blocks there are; leave %s out",
                            options->quick ? "--quick" : "--shard");
        return false;
    }
    options->matrix_path = argv[optind];
    if (!lab_export_check(command, &options->exports)) {
        *status = LAB_EXIT_USAGE;
        return false;
    }
    return true;
}
