#include "cell/cell.h"
#include "raw/raw.h"

#include <corps/transport.h>

#include <stdio.h>
#include <string.h>

/* What cannot be where a side of the call is Python. */

static bool is(const char *text, const char *word) {
    return strcmp(text, word) == 0;
}

static const char *raw_rule(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    bool python = raw_find(cell->transport)->python;
    if (!is(cell->lang, python ? "python" : "c")) {
        snprintf(why, LAB_ERROR_BYTES, "%s is a program in %s; choose lang=%s", cell->transport,
                 python ? "Python" : "C", python ? "python" : "c");
        return why;
    }
    return NULL;
}

/* One side is C, which takes and gives plain values alone. */
static const char *mixed_rule(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (!is(cell->serializer, "msgpack")) {
        snprintf(why, LAB_ERROR_BYTES,
                 "between C and Python values travel as msgpack, not %s; choose serializer=msgpack", cell->serializer);
        return why;
    }
    return lab_cell_does(cell, LAB_WORKLOAD_ALIKE)
               ? "all its Concs do the same, so no language calls the other; choose lang=c "
                 "or lang=python"
               : NULL;
}

const char *lab_cell_lang_rule(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (lab_cell_is_raw(cell)) {
        return raw_rule(cell, why);
    }
    if (is(cell->lang, "c")) {
        return NULL;
    }
    if (is(cell->serializer, "none")) {
        return "serializer none carries only bytes, and Python sends objects; choose another serializer";
    }
    if (lab_cell_does(cell, LAB_WORKLOAD_C_ALONE)) {
        snprintf(why, LAB_ERROR_BYTES, "workload %s looks at the core alone; choose lang=c", cell->workload);
        return why;
    }
    if (lab_cell_has(cell, CORPS_TRANSPORT_DISCARDS)) {
        snprintf(why, LAB_ERROR_BYTES,
                 "transport %s delivers nothing, and creating Concs in Python needs answers; choose lang=c",
                 cell->transport);
        return why;
    }
    if (lab_cell_does(cell, LAB_WORKLOAD_SEARCHES) && !is(cell->lang, "python-c") &&
        strstr(cell->pattern, "[:") != NULL) {
        return "Python's regular expressions know no classes such as [:alpha:]; choose another pattern, or "
               "lang=python-c";
    }
    return is(cell->lang, "python") ? NULL : mixed_rule(cell, why);
}
