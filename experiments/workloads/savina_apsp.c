/* Savina's all-pairs shortest path: 300 nodes, whose matrix of distances lies in 36 blocks of 50 × 50, each with a
 * Worker. In round k every Worker sends its block to all in its row and column, and takes from theirs what leads over
 * node k. What comes is kept by round, since others may be one ahead. Equal to a serial Floyd–Warshall in the end. */
#include "workloads/savina.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 50, WEIGHT_MAX = 100 };

/* Both the Workers and the referee make the same graph. */
static void fill_weights(int64_t *weights, size_t nodes) {
    unsigned random = 1;
    for (size_t i = 0; i < nodes * nodes; i++) {
        weights[i] = i % (nodes + 1) == 0 ? 0 : 1 + savina_random(&random) % WEIGHT_MAX;
    }
}

static unsigned side_of(size_t workers) {
    unsigned side = 1;
    while ((size_t)side * side < workers) {
        side++;
    }
    return side;
}

/* ---- a block ---- */

struct round {
    size_t came;           /* blocks */
    int64_t *row, *column; /* of node k, where they cross this block */
};

struct block {
    struct savina savina;
    unsigned side, at_row, at_column; /* blocks in a row; this one */
    size_t width;                     /* nodes in a block's row */
    int64_t *distances;               /* NULL until it began */
    bool begun;                       /* others may begin before, and all their blocks come */
    uint64_t round;
    struct round rounds[2]; /* this and the next, by parity */
};

static enum corps_err open_block(struct block *block, struct corps_context *context) {
    block->side = side_of(savina_workers(&block->savina));
    block->at_row = (block->savina.index - 1) / block->side;
    block->at_column = (block->savina.index - 1) % block->side;
    block->width = savina_scaled(&block->savina, BLOCK);
    size_t nodes = block->width * block->side;
    int64_t *weights = calloc(nodes * nodes, sizeof *weights);
    block->distances = calloc(block->width * block->width + 4 * block->width, sizeof *block->distances);
    if (weights == NULL || block->distances == NULL) {
        free(weights);
        return corps_fail(context, "NO_MEMORY", "no memory for a block");
    }
    fill_weights(weights, nodes);
    for (size_t i = 0; i < block->width; i++) {
        memcpy(block->distances + i * block->width,
               weights + (block->at_row * block->width + i) * nodes + block->at_column * block->width,
               block->width * sizeof *weights);
    }
    free(weights);
    for (int parity = 0; parity < 2; parity++) {
        block->rounds[parity].row = block->distances + block->width * (block->width + 2 * (size_t)parity);
        block->rounds[parity].column = block->rounds[parity].row + block->width;
    }
    return CORPS_OK;
}

/* Keeps what round `round` needs of the block of `from`, which may be this one. */
static void keep_cross(struct block *block, uint64_t round, unsigned from, const int64_t *distances) {
    struct round *kept = &block->rounds[round & 1];
    unsigned row = from / block->side, column = from % block->side, crossing = (unsigned)(round / block->width);
    size_t k = round % block->width;
    if (column == block->at_column && row == crossing) {
        memcpy(kept->row, distances + k * block->width, block->width * sizeof *distances);
    }
    for (size_t i = 0; row == block->at_row && column == crossing && i < block->width; i++) {
        kept->column[i] = distances[i * block->width + k];
    }
}

/* One box for all, as actors of one process share what nobody changes: it is copied once, and not for each of them. */
static void send_block(struct block *block) {
    size_t bytes = block->width * block->width * sizeof *block->distances;
    struct corps_value items[] = {corps_int((int64_t)block->round), corps_int(block->savina.index - 1),
                                  corps_bin(block->distances, bytes)};
    struct corps_value whole = corps_array(items, 3);
    struct corps_box *box;
    if (corps_box_of(&whole, &box) != CORPS_OK) {
        savina_wrong(&block->savina, "no memory for a block");
        return;
    }
    struct corps_value value = corps_value_of_box(box);
    for (unsigned i = 0; i < block->side; i++) {
        unsigned in_row = block->at_row * block->side + i, in_column = i * block->side + block->at_column;
        if (i != block->at_column) {
            savina_send(&block->savina, 1 + in_row, "block", &value);
        }
        if (i != block->at_row) {
            savina_send(&block->savina, 1 + in_column, "block", &value);
        }
    }
    corps_box_unref(box);
    keep_cross(block, block->round, block->savina.index - 1, block->distances);
}

static void shorten(struct block *block) {
    const struct round *over = &block->rounds[block->round & 1];
    for (size_t i = 0; i < block->width; i++) {
        int64_t *row = block->distances + i * block->width;
        for (size_t j = 0; j < block->width; j++) {
            int64_t way = over->column[i] + over->row[j];
            row[j] = way < row[j] ? way : row[j];
        }
    }
}

/* Ends every round whose blocks are all there, and begins the next. */
static void go_on(struct block *block) {
    uint64_t nodes = (uint64_t)block->width * block->side;
    while (block->begun && block->round < nodes && block->rounds[block->round & 1].came == 2 * (block->side - 1)) {
        shorten(block);
        block->rounds[block->round & 1].came = 0;
        if (++block->round < nodes) {
            send_block(block);
        } else {
            size_t bytes = block->width * block->width * sizeof *block->distances;
            struct corps_value items[] = {corps_int(block->savina.index - 1), corps_bin(block->distances, bytes)};
            struct corps_value value = corps_array(items, 2);
            savina_send(&block->savina, 0, "done", &value);
        }
    }
}

static enum corps_err begin_rounds(struct corps_context *context, void *self, const struct corps_value *args,
                                   struct corps_value *result) {
    struct block *block = self;
    (void)args;
    (void)result;
    enum corps_err err = block->distances == NULL ? open_block(block, context) : CORPS_OK;
    if (err == CORPS_OK) {
        block->begun = true;
        send_block(block);
        go_on(block);
    } else {
        savina_wrong(&block->savina, "no memory for a block");
    }
    return err;
}

static enum corps_err take_block(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result) {
    struct block *block = self;
    const struct corps_value *data = corps_value_item(args, 2);
    int64_t round = savina_int(args, 0), from = savina_int(args, 1);
    (void)result;
    if (block->distances == NULL && open_block(block, context) != CORPS_OK) {
        savina_wrong(&block->savina, "no memory for a block");
        return CORPS_OK;
    }
    size_t bytes = block->width * block->width * sizeof *block->distances;
    if (data == NULL || data->kind != CORPS_BIN || data->count != bytes || from < 0 ||
        (size_t)from >= savina_workers(&block->savina) ||
        (round != (int64_t)block->round && round != (int64_t)block->round + 1)) {
        savina_wrong(&block->savina, "a block of round %lld came in round %llu", (long long)round,
                     (unsigned long long)block->round);
        return CORPS_OK;
    }
    keep_cross(block, (uint64_t)round, (unsigned)from, (const void *)data->bin);
    block->rounds[round & 1].came++;
    go_on(block);
    return CORPS_OK;
}

static void close_block(struct corps_context *context, void *self) {
    struct block *block = self;
    free(block->distances);
    savina_leave(context, self);
}

static const struct corps_class block_class = {
    .name = "SavinaBlock",
    .bytes = sizeof(struct block),
    .methods = (const struct corps_method[]){{"block", take_block}, {"begin", begin_rounds}, SAVINA_WORKER_METHODS},
    .cleanup = close_block,
};

/* ---- the referee ---- */

struct atlas {
    struct savina savina;
    size_t width, nodes, done;
    int64_t *found, *expected;
};

static void solve(int64_t *distances, size_t nodes) {
    for (size_t k = 0; k < nodes; k++) {
        for (size_t i = 0; i < nodes; i++) {
            for (size_t j = 0; j < nodes; j++) {
                int64_t way = distances[i * nodes + k] + distances[k * nodes + j];
                distances[i * nodes + j] = way < distances[i * nodes + j] ? way : distances[i * nodes + j];
            }
        }
    }
}

static enum corps_err take_result(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    struct atlas *atlas = self;
    struct savina *savina = &atlas->savina;
    const struct corps_value *data = corps_value_item(args, 1);
    int64_t from = savina_int(args, 0);
    size_t side = side_of(savina_workers(savina)), row_bytes = atlas->width * sizeof *atlas->found;
    (void)result;
    if (data == NULL || data->kind != CORPS_BIN || data->count != row_bytes * atlas->width || from < 0 ||
        (size_t)from >= side * side) {
        savina_wrong(savina, "a block is no block");
        return CORPS_OK;
    }
    for (size_t i = 0; i < atlas->width; i++) {
        size_t row = (size_t)from / side * atlas->width + i, column = (size_t)from % side * atlas->width;
        memcpy(atlas->found + row * atlas->nodes + column, data->bin + i * row_bytes, row_bytes);
    }
    if (++atlas->done < savina_workers(savina) || savina->run == NULL) {
        return CORPS_OK;
    }
    savina_stop(savina);
    solve(atlas->expected, atlas->nodes);
    if (memcmp(atlas->expected, atlas->found, atlas->nodes * atlas->nodes * sizeof *atlas->found) != 0) {
        savina_wrong(savina, "the distances are not those of a serial Floyd-Warshall");
    } else {
        savina_driver(savina)->message.size_bytes = row_bytes * atlas->width;
        savina_end(savina, context, atlas->nodes * side * side * 2 * (side - 1), "a message is one block sent");
    }
    return CORPS_OK;
}

static enum corps_err run_apsp(struct corps_context *context, void *self, const struct corps_value *args,
                               struct corps_value *result) {
    struct atlas *atlas = self;
    struct savina *savina = &atlas->savina;
    (void)result;
    atlas->width = savina_scaled(savina, BLOCK);
    atlas->nodes = atlas->width * side_of(savina_workers(savina));
    atlas->found = calloc(2 * atlas->nodes * atlas->nodes, sizeof *atlas->found);
    if (atlas->found == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory for the graph");
    }
    atlas->expected = atlas->found + atlas->nodes * atlas->nodes;
    fill_weights(atlas->expected, atlas->nodes);
    enum corps_err err = savina_begin(savina, context, args, false);
    for (unsigned i = 1; i < savina->count && err == CORPS_OK && savina->run != NULL; i++) {
        savina_send(savina, i, "begin", NULL);
    }
    return err == CORPS_OK ? CORPS_ERR_PENDING : err;
}

static void close_atlas(struct corps_context *context, void *self) {
    struct atlas *atlas = self;
    free(atlas->found);
    savina_leave(context, self);
}

static const struct corps_class atlas_class = {
    .name = "SavinaAtlas",
    .bytes = sizeof(struct atlas),
    .methods = (const struct corps_method[]){{"done", take_result}, {"run", run_apsp}, SAVINA_REFEREE_METHODS},
    .cleanup = close_atlas,
};

static const char *apsp_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    unsigned side = side_of(cell->concs);
    return side < 2 || side * side != cell->concs || side > 32
               ? "the blocks make a square; choose concs=4, 9, 16, … to 1024"
               : savina_impossible(cell, why);
}

static enum corps_err perform_apsp(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return savina_perform(corps, cell, atlas_class.name, block_class.name, box);
}

const struct lab_workload lab_workload_savina_apsp = {
    .name = "savina-apsp",
    .summary = "Savina: shortest paths in 300 nodes, in `concs` blocks of 50",
    .traits = LAB_WORKLOAD_C_ALONE | LAB_WORKLOAD_UNANSWERED,
    .concs = 36,
    .scale = 100,
    .classes = {&atlas_class, &block_class, NULL},
    .impossible = apsp_impossible,
    .run = perform_apsp,
};
