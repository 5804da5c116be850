/* Savina's ping-pong: 40,000 messages there and back, each checked in number and content. */
#include "workloads/savina.h"

enum { PINGS = 40000 };

static enum corps_err answer_ping(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    (void)context;
    (void)result;
    savina_send(self, 0, "pong", args);
    return CORPS_OK;
}

static void send_ping(struct savina *savina) {
    struct lab_driver *driver = savina_driver(savina);
    savina_send(savina, 1, "ping", lab_message_with(&driver->message, driver->next));
}

static enum corps_err take_pong(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    struct savina *savina = self;
    char error[LAB_TEXT_BYTES];
    (void)result;
    if (savina->run == NULL) {
        return CORPS_OK; /* it has failed */
    }
    struct lab_driver *driver = savina_driver(savina);
    if (!lab_message_check(&driver->message, driver->next, args, true, error)) {
        savina_wrong(savina, "%s", error);
    } else if (++driver->next == savina_scaled(savina, PINGS)) {
        savina_end(savina, context, driver->next, "a message is a ping with its pong");
    } else {
        send_ping(savina);
    }
    return CORPS_OK;
}

static enum corps_err run_pings(struct corps_context *context, void *self, const struct corps_value *args,
                                struct corps_value *result) {
    (void)result;
    enum corps_err err = savina_begin(self, context, args, true);
    if (err != CORPS_OK) {
        return err;
    }
    send_ping(self);
    return CORPS_ERR_PENDING;
}

static const struct corps_class ping_class = {
    .name = "SavinaPing",
    .bytes = sizeof(struct savina),
    .methods = (const struct corps_method[]){{"pong", take_pong}, {"run", run_pings}, SAVINA_REFEREE_METHODS},
    .cleanup = savina_leave,
};

static const struct corps_class pong_class = {
    .name = "SavinaPong",
    .bytes = sizeof(struct savina),
    .methods = (const struct corps_method[]){{"ping", answer_ping}, SAVINA_WORKER_METHODS},
    .cleanup = savina_leave,
};

static const char *pingpong_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    return cell->concs != 1 ? "ping and pong are two; choose concs=1" : savina_impossible(cell, why);
}

static enum corps_err run_pingpong(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return savina_perform(corps, cell, ping_class.name, pong_class.name, box);
}

const struct lab_workload lab_workload_savina_pingpong = {
    .name = "savina-pingpong",
    .summary = "Savina: 40,000 pings and pongs, one in flight",
    .traits = LAB_WORKLOAD_C_ALONE,
    .scale = 100,
    .classes = {&ping_class, &pong_class, NULL},
    .impossible = pingpong_impossible,
    .run = run_pingpong,
};
