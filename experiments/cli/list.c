#include "cell/cell.h"
#include "cell/near.h"
#include "cli/cli.h"
#include "cli/places.h"

#include <corps/serializer.h>
#include <corps/transport.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cell/peers.h"
#include "plan/matrix.h"

/* `corps-lab list`: what there is to choose from. */

static void row(const char *name, const char *summary) {
    printf("  %-18s %s\n", name, summary);
}

const char *lab_print_capabilities(const struct corps_transport *transport, const char *before, const char *between) {
#define PRINT(name, bit, word, text)                                                                                   \
    if ((transport->capabilities & CORPS_TRANSPORT_##name) != 0) {                                                     \
        printf("%s" word, before);                                                                                     \
        before = between;                                                                                              \
    }
    CORPS_TRANSPORT_CAPABILITIES(PRINT)
#undef PRINT
    return before;
}

/* " (loan, default, control raw:futex, spinning raw:cacheline)" and the end of the line. */
static void print_traits(const struct corps_transport *transport) {
    const char *before = lab_print_capabilities(transport, " (", ", ");
    if (transport->control_block != NULL) {
        printf("%scontrol %s", before, transport->control_block);
        before = ", ";
    }
    if (transport->control_spin != NULL && strcmp(transport->control_spin, transport->control_block) != 0) {
        printf("%sspinning %s", before, transport->control_spin);
    }
    puts(")");
}

static void list_transports(void) {
    const struct corps_transport *transport;
    for (unsigned i = 0; (transport = corps_transport_at(i)) != NULL; i++) {
        const char *version = transport->version != NULL ? transport->version() : "";
        printf("  %-18s %s%s%s", transport->name, transport->summary, version == NULL || version[0] != '\0' ? "; " : "",
               version != NULL ? version : corps_error_detail());
        print_traits(transport);
    }
}

static void list_raw(void) {
    const char *name;
    const char *summary;
    for (unsigned i = 0; (name = lab_raw_at(i, &summary)) != NULL; i++) {
        row(name, summary);
    }
}

static void list_peers(void) {
    const struct lab_peer *peer;
    for (unsigned i = 0; (peer = lab_peer_at(i)) != NULL; i++) {
        char version[LAB_ERROR_BYTES];
        char why[LAB_ERROR_BYTES];
        bool found = lab_peer_version(peer, version, why);
        printf("  %-18s %s; %s%s\n", peer->name, peer->summary,
               found ? "found: " : "not found: ", found ? version : why);
    }
}

/* Starting a serializer may load an interpreter: its summary is worth that, and so is knowing that it cannot start. */
static void list_serializers(void) {
    const char *name;
    for (unsigned i = 0; (name = corps_serializer_name_at(i)) != NULL; i++) {
        const struct corps_serializer *serializer;
        if (corps_serializer_find(name, &serializer) == CORPS_OK) {
            row(name, serializer->summary);
        } else {
            printf("  %-18s not available: %s\n", name, corps_error_detail());
        }
    }
}

static void list_workloads(void) {
    const struct lab_workload *workload;
    for (unsigned i = 0; (workload = lab_workload_at(i)) != NULL; i++) {
        row(workload->name, workload->summary);
    }
}

static void list_payloads(void) {
    const char *form;
    const char *summary;
    for (unsigned i = 0; (form = lab_payload_form_at(i, &summary)) != NULL; i++) {
        row(form, summary);
    }
}

static void list_words(const char *key) {
    const char *word;
    const char *meaning;
    for (unsigned i = 0; (word = lab_cell_word_at(key, i, &meaning)) != NULL; i++) {
        row(word, meaning);
    }
}

static void list_wake(void) {
    list_words("wake");
}

static void list_placement(void) {
    list_words("placement");
}

static void list_keys(void) {
    const struct lab_cell_field *field;
    for (unsigned i = 0; (field = lab_cell_field_at(i)) != NULL; i++) {
        printf("  %-18s %s (%s)\n", field->name, field->summary, field->fallback[0] != '\0' ? field->fallback : "none");
    }
}

static int is_yaml(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".yaml") == 0;
}

static void list_matrices(void) {
    struct dirent **entries;
    char folder[PATH_MAX];
    int count = scandir(lab_place("matrices", folder), &entries, is_yaml, alphasort);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX + 256];
        char error[LAB_MATRIX_ERROR_BYTES];
        struct lab_matrix matrix;
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        bool ok = lab_matrix_load(&matrix, path, error);
        row(entries[i]->d_name, ok ? matrix.about : error);
        lab_matrix_finish(&matrix);
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    } else {
        printf("  (none)             cannot read %s: %s\n", folder, strerror(errno));
    }
}

static const struct section {
    const char *name;
    const char *title;
    void (*print)(void);
} sections[] = {
    {"transports", "transports (transport=)", list_transports},
    {"raw", "raw controls: bare ping-pongs without the core (transport=)", list_raw},
    {"peers", "peers: programs of other libraries, which scripts/peers builds (transport=)", list_peers},
    {"serializers", "serializers (serializer=)", list_serializers},
    {"workloads", "workloads (workload=)", list_workloads},
    {"payloads", "payloads (payload=)", list_payloads},
    {"wake", "wake policies (wake=)", list_wake},
    {"placements", "placements (placement=)", list_placement},
    {"matrices", "matrices (corps-lab run NAME)", list_matrices},
    {"keys", "keys of a cell, with defaults", list_keys},
};

static int refuse_topic(const struct lab_command *command, const char *wanted) {
    struct lab_near near;
    char text[LAB_NEAR_TEXT_BYTES];
    lab_near_begin(&near, wanted);
    lab_near_try_words(&near, LAB_LIST_TOPICS);
    return lab_usage(command, "there is no topic '%.60s'%s; choose one of: " LAB_LIST_TOPICS, wanted,
                     lab_near_text(&near, text));
}

int lab_command_list(const struct lab_command *command, int argc, char **argv) {
    enum { PLAIN = 1 };
    static const struct option options[] = {{"plain", no_argument, NULL, PLAIN}, LAB_CLI_HELP_OPTION, {0}};
    int status = LAB_EXIT_OK;
    bool plain = false;
    int option;
    while ((option = lab_cli_next(command, argc, argv, options, &status)) != LAB_CLI_END) {
        if (option != PLAIN) {
            return status;
        }
        plain = true;
    }
    if (plain) {
        return argc - optind <= 2 ? lab_list_plain(command, argv[optind], argc - optind == 2 ? argv[optind + 1] : NULL)
                                  : lab_usage(command, "--plain takes a topic and a key at most");
    }
    const char *wanted = optind < argc ? argv[optind] : NULL;
    if (argc - optind > 1) {
        return lab_usage(command, "one topic at a time; '%s' is one too many", argv[optind + 1]);
    }
    bool found = false;
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (wanted == NULL || strcmp(wanted, sections[i].name) == 0) {
            printf("%s%s\n", found ? "\n" : "", sections[i].title);
            sections[i].print();
            found = true;
        }
    }
    if (!found) {
        return refuse_topic(command, wanted);
    }
    return LAB_EXIT_OK;
}
