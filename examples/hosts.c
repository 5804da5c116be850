/* Workers on several hosts. corps-agent runs on each of them, with the same hosts file and key (docs/hosts.md).
 *
 *   cc hosts.c -o hosts $(pkg-config --cflags --libs corps)      the same program, at the same path, on every host
 *   ./hosts [HOSTS]                                              "auto" (all that the agent knows), or some: a,b */
#include <corps.h>

#include <stdio.h>
#include <unistd.h>

/* Where am I? */
static enum corps_err where(struct corps_context *context, void *self, const struct corps_value *args,
                            struct corps_value *result) {
    (void)self;
    (void)args;
    char *text = corps_context_alloc(context, 128);
    char name[64] = "";
    gethostname(name, sizeof name - 1);
    const char *host = corps_env_host(corps_context_corps(context), corps_context_env(context), NULL);
    snprintf(text, 128, "Env %u on host %s (%s, pid %d)", corps_context_env(context), host, name, (int)getpid());
    *result = corps_str(text);
    return CORPS_OK;
}

static const struct corps_method methods[] = {{"where", where}, {NULL, NULL}};
static const struct corps_class tourist = {.name = "Tourist", .methods = methods};
static const struct corps_class *const classes[] = {&tourist, NULL};

static int failed(const char *what) {
    fprintf(stderr, "hosts: %s: %s\n", what, corps_error_detail());
    return 1;
}

enum { HOSTS_MAX = 64 };

int main(int argc, char **argv) {
    corps_start(classes);
    struct corps *corps;
    struct corps_name *tourists[HOSTS_MAX];
    const struct corps_options options = {.hosts = argc > 1 ? argv[1] : "auto", .restart = CORPS_RESTART_ON_FAILURE};
    if (corps_create(NULL, NULL, &options, &corps) != CORPS_OK) {
        return failed("cannot create a Corps");
    }
    /* One on every host, in an Env that is added where there is none. */
    int status = 0;
    if (corps_create_concs(corps, "Tourist", NULL, CORPS_CLUSTER(HOSTS_MAX), 1, tourists) != CORPS_OK) {
        status = failed("cannot create Workers");
    }
    for (int i = 0; status == 0 && i < HOSTS_MAX && tourists[i] != NULL; i++) {
        struct corps_future *future = NULL;
        const struct corps_value *text;
        if (corps_call(tourists[i], "where", NULL, NULL, &future) != CORPS_OK ||
            corps_future_wait(future, CORPS_FOREVER, &text) != CORPS_OK) {
            status = failed("a Worker does not answer");
        } else {
            printf("%.*s\n", (int)text->count, text->str);
        }
        corps_future_destroy(future);
        corps_name_unref(tourists[i]);
    }
    if (corps_exit(corps, CORPS_FOREVER) != CORPS_OK) {
        status = failed("the Corps did not end in order");
    }
    return status;
}
