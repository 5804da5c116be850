#include "actor/workers.h"

#include "actor/timing.h"
#include "link/known.h"
#include "link/tally.h"

/* ---- counts ---- */

/* Of this Env: they take up room of the mailbox. One that is to be made again has all of its room taken. */
static uint64_t queued_here(const struct corps__conc *conc) {
    uint32_t taken = atomic_load(&conc->local_count);
    uint32_t feigned = atomic_load(&conc->down) != 0 ? corps__own()->settings.mailbox_count : 0;
    return taken > feigned ? taken - feigned : 0;
}

/* Of others: those that came are counted with their links, or have been; those whose turn has come with the Conc. */
static uint64_t queued_from_others(const struct corps__conc *conc, uint64_t came) {
    uint32_t begun = (uint32_t)atomic_load_explicit(&conc->begun[true], memory_order_relaxed);
    return (uint32_t)came + conc->over - begun;
}

/* One that has ended and does not come back is none; a lost one is, which still answers that it is. */
static bool is_there(const struct corps__conc *conc) {
    return conc != NULL && (!atomic_load(&conc->ended) || atomic_load(&conc->down) != 0 || atomic_load(&conc->lost));
}

void corps__workers_look(struct corps__workers *workers) {
    workers->count = workers->left = 0;
    uint32_t end = corps__conc_count();
    for (uint32_t id = 0; id < end; id = corps__conc_number_next(id + 1)) {
        if (is_there(corps__conc_find(id)) && workers->count == CORPS__WORKERS_AT_ONCE) {
            workers->left++;
        } else if (is_there(corps__conc_find(id))) {
            workers->queued[workers->count] = 0;
            workers->ids[workers->count++] = id;
        }
    }
    corps__tally_requests(workers->ids, workers->count, workers->queued);
    for (uint32_t i = 0; i < workers->count; i++) {
        const struct corps__conc *conc = corps__conc_find(workers->ids[i]);
        workers->queued[i] = queued_here(conc) + queued_from_others(conc, workers->queued[i]);
    }
}

/* ---- values ---- */

static struct corps_entry entry(const char *key, struct corps_value value) {
    return (struct corps_entry){corps_str(key), value};
}

static struct corps_entry number(const char *key, uint64_t value) {
    return entry(key, corps_int((int64_t)value));
}

/* {count, sum_ns, max_ns, buckets: [[upper_ns, count] …]}; `buckets` NULL: of nothing. */
static enum corps_err buckets_value(struct corps_box *box, const struct corps__buckets *buckets,
                                    struct corps_value *map) {
    struct corps_value pairs[CORPS__BUCKETS][2], items[CORPS__BUCKETS];
    uint64_t total = 0;
    size_t used = 0;
    for (unsigned i = 0; buckets != NULL && i < CORPS__BUCKETS; i++) {
        uint64_t count = atomic_load_explicit(&buckets->counts[i], memory_order_relaxed);
        if (count > 0) {
            pairs[used][0] = corps_int(corps__bucket_upper_ns(i));
            pairs[used][1] = corps_int((int64_t)count);
            items[used] = corps_array(pairs[used], 2);
            used++;
            total += count;
        }
    }
    const struct corps_entry entries[] = {
        number("count", total),
        number("sum_ns", buckets != NULL ? atomic_load_explicit(&buckets->sum_ns, memory_order_relaxed) : 0),
        number("max_ns", buckets != NULL ? atomic_load_explicit(&buckets->max_ns, memory_order_relaxed) : 0),
        entry("buckets", corps_array(items, used)),
    };
    const struct corps_value whole = corps_map(entries, sizeof entries / sizeof entries[0]);
    return corps_box_copy(box, &whole, map);
}

static enum corps_err worker_value(struct corps_box *box, const struct corps__conc *conc, uint64_t queued,
                                   struct corps_value *map) {
    const struct corps__timing *timing = atomic_load_explicit(&corps__rare(conc)->timing, memory_order_acquire);
    struct corps_value wait, service;
    enum corps_err err = buckets_value(box, timing != NULL ? &timing->wait : NULL, &wait);
    err = err == CORPS_OK ? buckets_value(box, timing != NULL ? &timing->service : NULL, &service) : err;
    if (err != CORPS_OK) {
        return err;
    }
    uint64_t begun = atomic_load_explicit(&conc->begun[false], memory_order_relaxed) +
                     atomic_load_explicit(&conc->begun[true], memory_order_relaxed);
    const struct corps_entry entries[] = {
        number("conc", conc->id),
        entry("class", corps_str(corps__conc_class(conc))),
        number("served", begun),
        number("failed", atomic_load_explicit(&corps__rare(conc)->failed, memory_order_relaxed)),
        number("queued", queued),
        number("restarted", atomic_load(&corps__rare(conc)->restarted)),
        entry("running", corps_bool(corps__task_state(&conc->task) == CORPS__RUNNING)),
        number("sampled", atomic_load_explicit(&conc->times_all, memory_order_relaxed) ? 1 : CORPS__SAMPLED_OF),
        entry("wait", wait),
        entry("service", service),
    };
    const struct corps_value whole = corps_map(entries, sizeof entries / sizeof entries[0]);
    return corps_box_copy(box, &whole, map);
}

enum corps_err corps__workers_value(struct corps_box *box, const struct corps__workers *workers,
                                    struct corps_value *list) {
    struct corps_value *items = corps_box_alloc(box, (workers->count + 1) * sizeof *items);
    enum corps_err err =
        items != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to say what the Workers do");
    for (uint32_t i = 0; err == CORPS_OK && i < workers->count; i++) {
        err = worker_value(box, corps__conc_find(workers->ids[i]), workers->queued[i], &items[i]);
    }
    *list = corps_array(items, workers->count);
    return err;
}
