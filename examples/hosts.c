/* Workers on several hosts: one on each. Without an argument all is on this host; with "auto", or with some hosts by
 * name ("a,b"), corps-agent runs on each of them, and this program is there under the same path (docs/hosts.md).
 *
 * Build: cc hosts.c -o hosts $(pkg-config --cflags --libs corps)
 * Run: ./hosts
 *
 * Prints:
 *     Env 0 on this host
 *     Env 1 on this host
 */
#include <corps.h>

#include <stdio.h>

/* Where am I? */
static enum corps_err where(struct corps_context *context, void *self, const struct corps_value *args,
                            struct corps_value *result) {
    (void)self;
    (void)args;
    char *text = corps_context_alloc(context, 128);
    const char *host = corps_env_host(corps_context_corps(context), corps_context_env(context), NULL);
    if (text == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    snprintf(text, 128, "Env %u on %s%s", corps_context_env(context), host[0] != '\0' ? "host " : "this host", host);
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
    struct corps_name *tourists[HOSTS_MAX] = {NULL};
    const struct corps_options options = {.hosts = argc > 1 ? argv[1] : NULL, .env_count = argc > 1 ? 1 : 2};
    if (corps_create(NULL, NULL, &options, &corps) != CORPS_OK) {
        return failed("cannot create a Corps");
    }
    /* One on every host, in an Env that is added where there is none. */
    int status = 0;
    struct corps_location everywhere = argc > 1 ? CORPS_CLUSTER(HOSTS_MAX) : CORPS_PER_ENV;
    if (corps_create_concs(corps, "Tourist", NULL, everywhere, 1, tourists) != CORPS_OK) {
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
