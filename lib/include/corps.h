/** @file
 * Corps: services made of Workers on many cores. The public interface for C.
 *
 * A Corps is a group of Envs (processes). A Conc is an object with methods that lives in one Env and handles one
 * request at a time, in the order each sender sent them. A Name is a Conc's address: call through it, pass it on,
 * return it. A call gives a Future at once; the reply fills it. The program that creates a Corps calls its Concs,
 * and Concs call each other, with the same functions.
 *
 *   int main(void) {
 *       corps_start(classes);                     // in an Env's process this call never returns
 *       corps_create(NULL, NULL, &options, &corps);
 *       corps_create_concs(corps, "Calc", NULL, CORPS_AUTO, 1, &name);
 *       corps_call(name, "add", &args, NULL, &future);
 *       corps_future_wait(future, CORPS_FOREVER, &result);
 *       …
 *       corps_exit(corps, CORPS_FOREVER);
 *   }
 *
 * An Env is this same program started again: corps_start notices that and serves. It belongs first in main, since what
 * stands before it runs in every Env's process too.
 *
 * Threads: every function may be called from any thread, unless it says otherwise. There is no I/O thread: the threads
 * that wait do the process's messaging, one of them at a time.
 *
 * Fork: the child is a program that has not created any Corps, whatever its parent is. It can create Corps, and call by
 * the Names that its parent had, over links of its own. Calls that were under way answer in the parent, and fail with
 * CLOSED in the child. Corps that the parent created are not the child's to end (corps_exit and corps_end: INVALID),
 * and end with the parent while the child lives. Other threads of the parent may be inside any function at that moment.
 * In a child that a method has forked corps_own and corps_context_corps give NULL, and the process ends, as by _exit,
 * when the method returns: with 0, or 1 after an error. What was received in place (shm and cma, 4096 bytes and more)
 * is used again by its sender when the parent has dropped it: the child copies what it keeps. This is not of vfork.
 *
 * Units: times in nanoseconds (_ns), sizes in bytes (_bytes), numbers of things (_count).
 *
 * Structs that callers fill end with `size` and `reserved`. Clear what you do not set: a designated initialiser does.
 * `size` is 0, or the struct's sizeof; `reserved` is where fields of later versions will be, and must be zero: what
 * this version does not know is refused (INVALID), never ignored. So programs of 0.x run with a later 0.x: docs/abi.md.
 */
#ifndef CORPS_H
#define CORPS_H

#include <corps/block.h>
#include <corps/chains.h>
#include <corps/error.h>
#include <corps/trace.h>
#include <corps/value.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CORPS_VERSION "0.1.0"

struct corps;        /**< a Corps, as this process sees it */
struct corps_name;   /**< a Worker's address; reference-counted, immutable */
struct corps_future; /**< one call's answer */
struct corps_error_info;
struct corps_context; /**< what a method is told about the request that it runs for */
struct corps_request; /**< a request whose reply was put off */

#define CORPS_FOREVER INT64_MAX /**< a timeout that never comes */

/* ---- Classes ---- */

/** A method. `self` is the Conc's own memory (class->bytes). `args` is the caller's argument value (often an ARRAY),
 * lent until the reply has been encoded. `*result` starts as NIL; what it points to must stay valid until the method's
 * reply is encoded, which happens on this thread right after return: args, the Conc's own memory,
 * corps_context_alloc'd memory and static memory all do.
 * Returns CORPS_OK; or corps_fail(…); or any error code (the caller gets it as REMOTE with the code's name as type);
 * or CORPS_ERR_PENDING after corps_request_hold. */
typedef enum corps_err (*corps_method_fn)(struct corps_context *context, void *self, const struct corps_value *args,
                                          struct corps_value *result);

struct corps_method {
    const char *name;
    corps_method_fn run;
};

struct corps_class {
    const char *name;                   /**< unique in the program */
    size_t bytes;                       /**< size of one Conc's own memory, zeroed before init */
    corps_method_fn init;               /**< may be NULL; result is ignored */
    const struct corps_method *methods; /**< ends with a NULL name */
    /** May be NULL; runs once, at exit, if init succeeded. */
    void (*cleanup)(struct corps_context *context, void *self);
    corps_method_fn any; /**< may be NULL: runs what `methods` does not name; corps_context_method tells what it was */
    /** May be NULL: around everything that the core does for some requests of one Conc, from decoding to freeing, on
     * the thread that does it. For an interpreter's lock; a wait in between gives that up by corps_wait_hooks_set. */
    void (*enter)(void);
    void (*leave)(void);
    size_t size; /**< 0, or sizeof(struct corps_class) */
    /** State that survives (docs/supervision.md): both may be NULL, neither alone. `checkpoint` gives what the Conc
     * knows as its `*result`, by the rules of a method's result; its `args` are NIL. `restore` gets that as its `args`,
     * after init has run again in the place of a Conc that was lost; its result is ignored, and an error of it is one
     * of the init. Both run on the thread that runs the Conc, between two requests, and must not put a reply off.
     * `checkpoint` must leave alone what the last method's result points to. An error of it, or a state that is too
     * large, fails that checkpoint alone: it is counted, and the first one is told on standard error. */
    corps_method_fn checkpoint;
    corps_method_fn restore;
    /** 0: the state is kept at each request, after the method and before its reply leaves (requests without reply that
     * came together count as one). Else at most once in this time, and no change waits longer for it, idle or not.
     * CORPS_FOREVER: by corps_context_checkpoint alone. */
    int64_t checkpoint_every_ns;
    /** 0, or for how long a method may run (docs/supervision.md#methods-that-are-stuck): one that runs for longer ends
     * its Env, as failed, and callers get WORKER_LOST with the reason. What a method waits for in Corps does not count,
     * nor does what it put off; init, cleanup and checkpoints are no methods. */
    int64_t stuck_ns;
    /** May be NULL: around each request's method, on its thread; not around init, cleanup and checkpoints. `before`
     * gets the method's args; its result is ignored. An error of it is the request's, and the method does not run, nor
     * does `after`. */
    corps_method_fn before;
    /** What the method has given, before its answer leaves: gives what is to be answered, as a rule `err`. Not after a
     * method that has put its reply off. */
    enum corps_err (*after)(struct corps_context *context, void *self, enum corps_err err, struct corps_value *result);
    uint64_t reserved[1];
};

/** A class of this name serves every class name that no other class of the program has (corps_context_class tells which
 * was asked for): for languages whose classes are made at run time. */
#define CORPS_ANY_CLASS "*"

/* ---- Start ---- */

/** First statement of main. `classes` ends with NULL and lives for ever. In an Env's process it serves and then exits
 * the process; otherwise it returns. Changes no signal handler, starts no thread, and opens /dev/null where a standard
 * stream is closed. */
CORPS_API void corps_start(const struct corps_class *const *classes);

/* ---- Processes of another kind (for embedding into another language) ---- */

/** An Env's process that was started. */
struct corps_launched {
    int pid;
    int status_fd; /**< -1: the process is this process's child. Otherwise its parent writes the 4-byte wait status
                      there once it has ended; the core closes it */
    size_t size;   /**< set by Corps: what is there to be filled */
    uint64_t reserved[2];
};

/** Starts a process that will call corps_serve with (its copy of) `control_fd`, which stays the caller's, and sets the
 * fields of `launched` (status_fd is -1 before). Runs on the thread that creates or boots, and must not wait for Corps.
 * Errors: SYSTEM, NO_MEMORY. */
typedef enum corps_err (*corps_launch_fn)(void *arg, const char *tag, unsigned env, int control_fd,
                                          struct corps_launched *launched);

/** How this process starts Envs from now on, instead of starting its program again. NULL: as before. */
CORPS_API void corps_launcher_set(corps_launch_fn launch, void *arg);

/** Around every wait of a thread of this process inside Corps (not around short locks): `before` gives up what others
 * may need, such as an interpreter's lock, and returns what `after` needs to take it back; both leave the thread's
 * Corps error as it is. Call it before anything else. */
CORPS_API void corps_wait_hooks_set(void *(*before)(void), void (*after)(void *given_up));

/** Called in an Env's process before it can be called itself, with what corps_options.boot_data held (lent). It may
 * call Workers of other Corps, not create any. An error ends the Env and is the error of corps_create. */
typedef enum corps_err (*corps_boot_fn)(const void *data, size_t bytes);

/** For a corps_boot_fn: says what failed, in full. Returns REMOTE. */
CORPS_API enum corps_err corps_boot_fail(const struct corps_error_info *info);

/** Serves as an Env on `control_fd` (takes it) until it ends; gives the process's exit status. `classes` as for
 * corps_start. SIGINT and SIGPIPE do nothing from now on, by a handler, so that programs which a method starts have the
 * default. Once per process. */
CORPS_API int corps_serve(int control_fd, const struct corps_class *const *classes, corps_boot_fn on_boot);

/* ---- Configuration ---- */

enum corps_wake {
    CORPS_WAKE_DEFAULT = 0, /**< CORPS_WAKE in the environment, else adaptive */
    CORPS_WAKE_BLOCK,       /**< a waiting thread sleeps in the kernel */
    CORPS_WAKE_SPIN,        /**< a waiting thread polls without end: lowest latency, a whole processor */
    CORPS_WAKE_ADAPTIVE,    /**< spins as long as recent waits taught that it pays (at most 200 µs), then sleeps */
};

enum corps_placement {
    CORPS_PLACEMENT_DEFAULT = 0, /**< CORPS_PLACEMENT in the environment, else unpinned */
    CORPS_PLACEMENT_UNPINNED,    /**< the kernel decides */
    CORPS_PLACEMENT_SAME,        /**< every Env on the first allowed processor */
    CORPS_PLACEMENT_CROSS,       /**< Env i on allowed processor i mod n */
};

enum corps_keep {
    CORPS_KEEP_NONE = 0, /**< plain trees become values */
    CORPS_KEEP_ITEMS,    /**< the items of the outermost list or tuple stay objects, unless they are scalars */
    CORPS_KEEP_WHOLE,    /**< what was decoded stays one object */
};

/** Zero means default for every field; environment variables (CORPS_TRANSPORT, CORPS_SERIALIZER, CORPS_WAKE,
 * CORPS_PLACEMENT, CORPS_ENVS) stand between a zero field and the built-in default. Strings are copied. */
/** Which ends of an Env are followed by a start of it (in OTP's words: temporary, transient, permanent). */
enum corps_restart {
    CORPS_RESTART_NEVER,
    CORPS_RESTART_ON_FAILURE, /**< not where it exited with status 0 */
    CORPS_RESTART_ALWAYS,
};

/** What becomes of a Corps whose host's agent is cut off from its ledger for longer than its lease (docs/etcd.md). */
enum corps_cut_off {
    CORPS_CUT_OFF_STOP, /**< it is ended there, and begun anew when the ledger answers again, if `restart` says so */
    CORPS_CUT_OFF_STAY, /**< it runs on; if another host takes it over meanwhile there are two for a while */
};

struct corps_options {
    const char *tag;             /**< shown in texts; default "corps" */
    unsigned env_count;          /**< 1 … 1024; default 1 */
    const char *transport;       /**< between Envs; default "shm". "queue": one Env, everything by reference */
    const char *serializer;      /**< default "msgpack" */
    enum corps_wake wake;        /**< of the Envs; default ADAPTIVE */
    enum corps_wake client_wake; /**< of the creating program's waits; default: as `wake`, but never SPIN */
    enum corps_placement placement;
    unsigned thread_count;     /**< threads that run Concs, per Env; default 2 */
    unsigned thread_count_max; /**< threads may grow to this when methods block; default 256 */
    unsigned mailbox_count;    /**< unanswered requests per (sending Env, Conc); default 1024, at most a million */
    size_t mailbox_bytes;      /**< bytes of them; default 64 MiB, at most 8 TiB; one message of any size always fits */
    size_t buffer_bytes;       /**< transport buffering per link and direction; 0 = the transport's default */
    size_t queue_count;        /**< mqueue: slots asked of the kernel; 0 = what the kernel allows. Others ignore it */
    const char *bind;          /**< tcp: address to listen on; default 127.0.0.1. A port may be added: "127.0.0.1:7000";
                                  Env i then listens on port + i. INVALID with transports that listen on none */
    const char *module;        /**< path of a shared object whose `corps_classes` are served by corps-env, instead of
                                  starting this program again */
    int keep_objects;          /**< what Python serializers leave as objects: see enum corps_keep */
    const void *boot_data;     /**< bytes for every Env's corps_boot_fn; copied */
    size_t boot_data_bytes;
    int detached;            /**< nonzero: the Corps outlives the process that created it; it ends by corps_end alone */
    int64_t boot_timeout_ns; /**< default 30 s */
    size_t size;             /**< 0, or sizeof(struct corps_options) */
    /** What follows when an Env ends before its Corps does; default NEVER. Env 0 sees to it: Concs that were made from
     * other Envs are made again, with the same numbers, so that Names stay valid: their inits run with the same
     * arguments. When Env 0 itself ends, this process starts the whole Corps anew, if it has a front and is not
     * detached (then an agent may: see `singleton`), under its Name and with its arguments. See docs/supervision.md. */
    enum corps_restart restart;
    unsigned intensity;     /**< so many restarts of its Envs within `period_ns` are borne; default 5, at most 100 */
    int64_t period_ns;      /**< default 10 s */
    int64_t backoff_ns;     /**< before the second restart in a row, doubled for each further one; default 100 ms */
    int64_t backoff_max_ns; /**< default 10 s */
    /** Where checkpoints are kept (docs/supervision.md): a directory of this user's that nobody else may write to; made
     * if it is not there. NULL: by Env 0, in memory, at most 1 MiB for a Conc. */
    const char *keep_directory;
    /** For calls with CORPS_CALL_RETRY (docs/retry.md): for how long results are kept, and so how long such a call may
     * take; default 60 s, at most a day. */
    int64_t results_ttl_ns;
    size_t results_count; /**< so many results an Env keeps, default 65,536; a call that finds no room gets FULL … */
    size_t results_bytes; /**< … and so many bytes of them, default 64 MiB */
    int64_t results_clean_ns; /**< at most so often it looks for what nobody can ask for any more; default 1 s */
    /** The hosts that the Corps lives on (docs/hosts.md): "auto", all that the agent of this host knows; or some of
     * them by name, number or label, with commas between. NULL: this host alone, and no agent is asked. This process
     * and Env 0 are on this host; the other Envs are spread by what each host has room for, and are on this one only if
     * it is among them. */
    const char *hosts;
    /** With `hosts` and `detached`, where the agents have the ledger etcd (docs/hosts.md): the agent starts Env 0, and
     * when the host of Env 0 is lost, another one of `hosts` begins the Corps anew under the same Names. */
    const char *singleton; /**< 1 … 63 letters, digits, '.', '-', '_': one Corps of it on all hosts; NULL, "": none */
    enum corps_cut_off cut_off; /**< default STOP */
    uint64_t reserved[2];
};

/* ---- Corps ---- */

/** Creates a Corps and waits until every Env serves and the front Conc's init has run. `front` names the class of
 * the Corps' own Conc, which lives in Env 0; NULL for none. `args` are for its init (NULL = NIL). `options` may be
 * NULL. Errors: INVALID (says which option and what is possible), UNKNOWN, UNSUPPORTED (for example transport queue
 * with several Envs), SYSTEM, LIMIT, TIMEOUT, REMOTE (init failed), WORKER_LOST (an Env died while booting). After an
 * error nothing is left running. Gives the Corps; end it with corps_exit. */
CORPS_API enum corps_err corps_create(const char *front, const struct corps_value *args,
                                      const struct corps_options *options, struct corps **corps) CORPS_CHECKED;

/** What failed remotely in the calling thread's last corps_create or corps_create_concs. Lent until its next one. */
CORPS_API const struct corps_error_info *corps_create_failure(void);

/** The Corps that this process is an Env of, NULL in a program. Lent for ever. */
CORPS_API struct corps *corps_own(void);
CORPS_API unsigned corps_own_env(void);                 /**< the number of this Env in it */
CORPS_API uint64_t corps_id(const struct corps *corps); /**< unique on the host, and as good as unique beyond */

/** The Name of the Corps' own Conc, NULL when it has none. Lent as long as the Corps. */
CORPS_API struct corps_name *corps_front(const struct corps *corps);

/** Numbers of Envs are below it, as far as this process has heard; those of Envs that were taken are among them. */
CORPS_API unsigned corps_env_count(const struct corps *corps);
/** 0 when unknown or ended, and of an Env on another host. */
CORPS_API int corps_env_pid(const struct corps *corps, unsigned env);
/** The name of the host that an Env is on, or was last, and its number (may be NULL); "" and 0 where the Corps lives on
 * one. Lent as long as the Corps; an Env that is started again on another host has that one's name then. */
CORPS_API const char *corps_env_host(const struct corps *corps, unsigned env, unsigned *number);

/** Adds an Env to a running Corps, and waits until it serves: from the program that created the Corps, and from any of
 * its Envs. Gives its number: the next one; or, of Envs that were taken, that of the one taken first, once there are
 * more than 16 of those or no other number is left. It is started again like the others (corps_options.restart), also
 * with the whole Corps unless agents own it. Calls of this happen one after the other. Errors: UNSUPPORTED (transport
 * queue), LIMIT (1024 Envs at a time), EXITED (the Corps ends), TIMEOUT (boot_timeout_ns; it is killed), WORKER_LOST
 * (its process has ended, or Env 0), SYSTEM, and what its boot failed with: the detail says what. Then none is left. */
CORPS_API enum corps_err corps_env_add(struct corps *corps, unsigned *env) CORPS_CHECKED;

/** The same for an Env on a certain host: its name, its number as text, or a label, which several may have. It is
 * started again there alone, or on another one with the label. Errors: as corps_env_add; INVALID (the Corps lives on
 * one host: see corps_options.hosts), UNKNOWN (it lives on no such host). */
CORPS_API enum corps_err corps_env_add_on(struct corps *corps, const char *host, unsigned *env) CORPS_CHECKED;

/** Takes an Env from a running Corps, and waits until its process has ended: from the program that created the Corps,
 * and from any other of its Envs. Its Concs are cleaned up, latest first, each after what it was asked before; replies
 * that were put off are waited for; then the Corps end that it has created, and then the process. What is asked of it
 * afterwards fails with WORKER_LOST ("Env 3 was taken from the Corps"). It is not started again, corps_exit does not
 * complain of it, and no Conc of an Env that gets its number later has the Name of one of its. After `timeout_ns` it is
 * killed. Errors: INVALID (Env 0, the calling Env, one that is not there, or is being taken), UNSUPPORTED, EXITED; and
 * gone it is also after TIMEOUT (it was killed) and WORKER_LOST (it has not ended in order, or Env 0 has ended). */
CORPS_API enum corps_err corps_env_take(struct corps *corps, unsigned env, int64_t timeout_ns) CORPS_CHECKED;

/** Ends a Corps in order: cleanup of its own Conc, then of every other (latest first), then every Env. Waits at most
 * `timeout_ns`, then kills what is left (what agents own they kill, after 5 s to 30 s). Frees `corps`; calls by its
 * Names fail with EXITED, and a Name that was called holds some kilobytes until it is dropped. Accepts NULL. Not from
 * a method. Errors: TIMEOUT (had to kill, or left that to an agent), WORKER_LOST (an Env had died: see the detail). */
CORPS_API enum corps_err corps_exit(struct corps *corps, int64_t timeout_ns);

/** Begins to end a Corps in order, as corps_exit does, and does not wait. The Corps must be one that this process
 * created, or, in its Env 0, the process's own: that ends once the running request of its front Conc has been answered.
 * Errors: INVALID. */
CORPS_API enum corps_err corps_end(struct corps *corps) CORPS_CHECKED;

/** Has a Corps that this process created ended? corps_exit then only gives back what it held. */
CORPS_API bool corps_has_ended(const struct corps *corps);

/** Waits until it has. Errors: TIMEOUT, INVALID (not created by this process). */
CORPS_API enum corps_err corps_wait_ended(struct corps *corps, int64_t timeout_ns) CORPS_CHECKED;

/** Where corps_create_concs puts Concs. */
enum corps_location_type {
    CORPS_LOCATION_ENV_ID,
    CORPS_LOCATION_PER_ENV,
    CORPS_LOCATION_AUTO,
    CORPS_LOCATION_HOST,    /**< in Envs on one host */
    CORPS_LOCATION_CLUSTER, /**< in one Env on every host */
    CORPS_LOCATION_REGION,  /**< in one Env on every host that has a label */
};
struct corps_location {
    enum corps_location_type type;
    /** ENV_ID: which. PER_ENV: those with numbers below it; 0: all that corps_env_count tells of. CLUSTER, REGION: for
     * how many hosts there is room */
    unsigned env;
    size_t size;      /**< 0, or sizeof(struct corps_location), which never changes: it is passed by value */
    const char *host; /**< HOST: its name, or its number as text. REGION: the label */
    uint64_t reserved[1];
};
static inline struct corps_location corps_location_make(enum corps_location_type type, unsigned env) {
    struct corps_location location = {type, env, 0, NULL, {0}};
    return location;
}
static inline struct corps_location corps_location_host(enum corps_location_type type, unsigned env, const char *host) {
    struct corps_location location = {type, env, 0, host, {0}};
    return location;
}
#define CORPS_ENV_ID(e) corps_location_make(CORPS_LOCATION_ENV_ID, (e))
#define CORPS_PER_ENV corps_location_make(CORPS_LOCATION_PER_ENV, 0)
#define CORPS_AUTO corps_location_make(CORPS_LOCATION_AUTO, 0)
#define CORPS_HOST(host) corps_location_host(CORPS_LOCATION_HOST, 0, (host))
#define CORPS_CLUSTER(room) corps_location_host(CORPS_LOCATION_CLUSTER, (room), NULL)
#define CORPS_REGION(label, room) corps_location_host(CORPS_LOCATION_REGION, (room), (label))

/** Creates Concs and waits until every init has run. (Where the Corps' serializer carries bytes only, arguments of init
 * that are no bytes travel as msgpack.) ENV_ID: `count` in that Env. AUTO: the next Env, round robin from
 * 0, for each. PER_ENV: `count` in every Env, listed round by round (Env 0, 1, 2, …, then 0, 1, 2 … again). Envs that
 * were taken, or are being, are left out by both. Writes `count` Names; PER_ENV: count × location.env, or where that is
 * 0, count × corps_env_count, of which the last ones are NULL where Envs are left out. (Where Envs are added meanwhile,
 * say how many the array has room for.) HOST: as AUTO, among the Envs on that host. CLUSTER and REGION: `count` in one
 * Env on each host, listed round by round; writes count × location.env Names, of which the last ones are NULL where
 * there are fewer hosts. On a host without an Env one is added first. Gives one reference each. On error none is given,
 * and those that were made are ended. Errors: INVALID, UNKNOWN (class, host), REMOTE (an init failed), WORKER_LOST. */
CORPS_API enum corps_err corps_create_concs(struct corps *corps, const char *class_name, const struct corps_value *args,
                                            struct corps_location location, unsigned count,
                                            struct corps_name **names) CORPS_CHECKED;

/** Who else is stopped and made again when one Conc of a creation fails: nobody; all that the creation made in the same
 * Env; those of them that it made later. */
enum corps_strategy { CORPS_ONE_FOR_ONE, CORPS_ONE_FOR_ALL, CORPS_REST_FOR_ONE };

/** How Concs are made again, in their Env and under their Names. Zero means default. */
struct corps_supervision {
    enum corps_restart restart; /**< ON_FAILURE: after corps_context_crash. ALWAYS: after its exit in Python too */
    enum corps_strategy strategy;
    unsigned intensity;     /**< so many restarts within `period_ns` are borne, in each Env; default 5, at most 100 */
    int64_t period_ns;      /**< default 10 s */
    int64_t backoff_ns;     /**< before the second restart in a row, doubled for each further one; default 100 ms */
    int64_t backoff_max_ns; /**< default 10 s */
    size_t size;            /**< 0, or sizeof(struct corps_supervision) */
    uint64_t reserved[6];
};

/** As corps_create_concs, for Concs that are made again when they fail: cleanup runs, the Conc's memory is zeroed, and
 * init runs with the arguments of the creation. Meanwhile calls wait, as for room in its mailbox. A failing init is
 * another failure. Over the intensity the Conc's Env is given up as failed, where the Corps has Envs started again
 * (corps_options.restart, Env 0 excepted); otherwise the Conc is lost. docs/supervision.md. `supervision` NULL: never.
 * Errors: as corps_create_concs; INVALID also for a policy that makes no sense. */
CORPS_API enum corps_err corps_create_supervised(struct corps *corps, const char *class_name,
                                                 const struct corps_value *args, struct corps_location location,
                                                 unsigned count, const struct corps_supervision *supervision,
                                                 struct corps_name **names) CORPS_CHECKED;

/* ---- Pools ---- */

/** How a pool grows and shrinks, and where its members are. Zero means default for every field but `location`. */
struct corps_pool_options {
    unsigned min_count; /**< so many members at least; default 1 */
    unsigned max_count; /**< … and at most; default 4 for each Env of the Corps, at most 1024 */
    int64_t target_ns;  /**< how long a request may wait at a member; default 10 ms. Longer: the pool grows, at once */
    int64_t quiet_ns;   /**< no longer than half of that for so long: one member goes; default 30 s */
    /** AUTO: in the Env that has the fewest of them. ENV_ID (what a cleared struct says): in that Env. PER_ENV: one in
     * every Env, and callers take the nearest; then min_count and max_count are 0. HOST and REGION: likewise AUTO, in
     * the Envs on that host, or on those with that label; one is added on each of them that has none. */
    struct corps_location location;
    int sticky;   /**< nonzero: calls carry a key, and those of one key go to one member while members stay */
    int env_each; /**< nonzero: each member has an Env of its own, which comes and goes with it */
    const struct corps_supervision *supervision; /**< of the members; NULL: ON_FAILURE, with its defaults */
    size_t size;                                 /**< 0, or sizeof(struct corps_pool_options) */
    uint64_t reserved[8];
};

/** Creates a pool: one Name over several Concs of a class, its members, and waits until the first ones' inits have run.
 * A call through the Name goes to a member that has little to do. The pool adds members while requests wait for longer
 * than the target, takes them out one by one when it is quiet, after they have done what they had, and makes new ones
 * in the place of those that are lost. Its class text is "pool of " and the members' class. `options` NULL: all
 * default, in any Env. `args` are for the init of each member, and are kept. Gives one reference. Errors: INVALID (says
 * which option, and what is possible), UNKNOWN, REMOTE (an init failed: see corps_create_failure), WORKER_LOST. */
CORPS_API enum corps_err corps_create_pool(struct corps *corps, const char *class_name, const struct corps_value *args,
                                           const struct corps_pool_options *options,
                                           struct corps_name **pool) CORPS_CHECKED;

/** Ends Concs by their Names, from anywhere, in place of an exit of their own: what is in their mailboxes is done
 * first, then their cleanups run, and nobody makes them again; their timers and checkpoints go with them. Waits until
 * all have ended; `timeout_ns` 0: does not wait, and tells of no error in their Envs. Those that have ended already
 * count as ended. Calls afterwards fail with NO_WORKER. Errors: INVALID (a Conc of Corps' own, or a Corps' front; of
 * such an Env none is ended; or, unless timeout_ns is 0, a method's own Conc), NO_WORKER (there never was such a Conc,
 * likewise), TIMEOUT, WORKER_LOST, EXITED. The others are ended all the same. */
CORPS_API enum corps_err corps_delete(struct corps_name *const *names, size_t count, int64_t timeout_ns) CORPS_CHECKED;

/** Finds the Concs of a Corps that serve at this moment, by their class and their tag (NULL: any), in one Env or in all
 * (-1). A class is meant by its whole name, or by what stands in that before " in ". Writes how many there are, and
 * gives the first `room` of their Names, in the order of Envs and numbers. Errors: INVALID, TIMEOUT, WORKER_LOST (the
 * one Env is lost), EXITED, NO_MEMORY. */
CORPS_API enum corps_err corps_find(struct corps *corps, const char *class_name, const char *tag, int env,
                                    int64_t timeout_ns, struct corps_name **names, size_t room,
                                    size_t *count) CORPS_CHECKED;

/** The same for Corps: finds the fronts of this user's on this host, by the Corps' tag (NULL: any), and of those that
 * an agent of any host owns (corps_options.singleton). A Corps that does not answer within the time is left out, and so
 * is one without a front. Errors: INVALID, SYSTEM, NO_MEMORY. */
CORPS_API enum corps_err corps_find_fronts(const char *tag, int64_t timeout_ns, struct corps_name **names, size_t room,
                                           size_t *count) CORPS_CHECKED;

/** Finds the front of the one Corps that was created as this singleton, on whichever host; while it begins, or moves,
 * waits for it. Gives the Name. Errors: INVALID, UNKNOWN (there is none), TIMEOUT (there is one, which did not serve
 * within the time), SYSTEM (no agent runs here), UNSUPPORTED (it has no ledger that knows), NO_MEMORY. */
CORPS_API enum corps_err corps_find_singleton(const char *name, int64_t timeout_ns,
                                              struct corps_name **front) CORPS_CHECKED;

/* ---- Names ---- */
CORPS_API struct corps_name *corps_name_ref(const struct corps_name *name);
CORPS_API void corps_name_unref(struct corps_name *name); /**< accepts NULL */
CORPS_API bool corps_name_equal(const struct corps_name *a, const struct corps_name *b);
CORPS_API unsigned corps_name_env(const struct corps_name *name);
CORPS_API const char *corps_name_class(const struct corps_name *name);
/** The address as numbers: of the Corps, the Env in it, the Conc in that. */
CORPS_API void corps_name_address(const struct corps_name *name, uint64_t *corps_id, unsigned *env, unsigned *conc);
CORPS_API bool corps_name_is_here(const struct corps_name *name); /**< is the Worker in this Env? */
/** "L<env>:M<env>.<conc> Class <class>"; returns the length that the whole text has, as snprintf. */
CORPS_API size_t corps_name_text(const struct corps_name *name, char *out, size_t out_bytes);

/* ---- Calls ---- */

enum {
    CORPS_CALL_TRY = 1u << 0,     /**< do not wait for room: FULL at once */
    CORPS_CALL_NO_WAIT = 1u << 1, /**< nor for a connection: FULL whenever the call would have to wait for anything */
    /** Goes again if the link is lost, or the Env is started again, before the answer has come, under the same
     * deadline, and before newer calls; it has its effect once while the same process of the Env lives, and over its
     * death in what a checkpoint at each request keeps (docs/retry.md). Without a timeout_ns it has that of
     * results_ttl_ns, which is the most: a longer one is INVALID. Calls within an Env lose nothing, and are as without
     * this. Not for corps_send. */
    CORPS_CALL_RETRY = 1u << 2,
    CORPS_CALL_DETACHED = 1u << 3, /**< the deadline of the request that the calling method serves does not bind it */
    CORPS_CALL_KEYED = 1u << 4,    /**< `key` says which member of a sticky pool; INVALID with any other Name */
};

struct corps_call_options {
    int64_t timeout_ns; /**< deadline from now, see corps_call; 0 = none of its own */
    unsigned flags;
    const char *serializer; /**< for this call and its reply, instead of the Corps' own: one that runs no code (none,
                               msgpack), or the Corps' own, else DENIED; NULL = the Corps' */
    size_t size;            /**< 0, or sizeof(struct corps_call_options) */
    uint64_t key;           /**< with CORPS_CALL_KEYED; else 0 */
    uint64_t reserved[3];
};

/** Calls a method. Waits only for room in the receiver's mailbox (see CORPS_CALL_TRY). `args` is borrowed until return;
 * NULL = NIL. Gives the Future. Errors are of the sending alone: REFUSED (an argument cannot be serialized: which),
 * TOO_LARGE (over 2 GiB, or over 999 large buffers: nothing is sent; a result that is too large fails the Future like
 * this), FULL, TIMEOUT, EXITED, WORKER_LOST, INVALID (an option or flag that does not exist). What happens later is the
 * Future's.
 *
 * Deadlines: one that the call has travels along. When it passes, the Future fails with TIMEOUT: the thread that waits
 * sees to that; corps_future_ready does; and where corps_future_on_ready was asked to notify, the process's timer. The
 * request is dropped if its turn comes later. A call that a method makes while it serves a request with a deadline has
 * that deadline, or its own if that is sooner, so that nobody works for a caller who has gone on; TIMEOUT at once when
 * it has passed. This does not hold for corps_send, which nobody waits for; for corps_create_concs; for calls with
 * CORPS_CALL_DETACHED, which have their own deadline or none (to undo something, say); and for other threads than the
 * method's, which are told what is left (corps_context_time_left_ns). */
CORPS_API enum corps_err corps_call(const struct corps_name *to, const char *method, const struct corps_value *args,
                                    const struct corps_call_options *options,
                                    struct corps_future **future) CORPS_CHECKED;

/** The same without a reply: at most once, in order with this sender's other calls. Nothing is told of its outcome. Its
 * deadline is its own alone, never that of a request. */
CORPS_API enum corps_err corps_send(const struct corps_name *to, const char *method, const struct corps_value *args,
                                    const struct corps_call_options *options) CORPS_CHECKED;

/* ---- Pools ----
 *
 * A pool is one Name over many Workers of one class, its members; its class text is "pool of " and theirs. A call by
 * that Name goes to one of the members, straight. Which one, the pool was made for: the better of two random ones, by
 * how much of this process they have to do; one and the same for each `key` (CORPS_CALL_KEYED), as long as the members
 * stay, where the pool is sticky; the one in the caller's Env, or else the one with the least to do, where it is
 * replicated. Members come and go: the table of them is asked for beside the calls, and a call waits where none is
 * known that is young enough (a second), as it does for a connection; with CORPS_CALL_NO_WAIT it is FULL then.
 *
 * A call whose member turns out to be gone before it was sent goes to another one; where all are lost and others are
 * being made it waits for those, for half a minute at most. FULL means that the one with the
 * least to do has no room. A request that comes to a member which has just left the pool is not run, and fails with
 * MOVED: it may be called again. A call with CORPS_CALL_RETRY goes again to the member that it went to. Between calls
 * of one sender there is no order, but for those with one key while the members stay. A loan (corps_loan) for a pool is
 * ordinary memory. */

/** The members as the pool knows them now; waits for its answer. `count`: how many `names` there is room for; then how
 * many members there are. As many as fit are written, one reference each, and stay Names of Workers when these leave
 * the pool. Errors: INVALID (no pool's Name), and as corps_call and corps_future_wait. */
CORPS_API enum corps_err corps_pool_members(const struct corps_name *pool, struct corps_name **names,
                                            size_t *count) CORPS_CHECKED;

/** Sends what this process still holds back of earlier requests without reply (corps_send), to put several into one
 * frame. A wait, a method's end and a timer do so too. */
CORPS_API void corps_flush(void);

/* ---- Timers ---- */

struct corps_timer; /**< calls at a time, or in even steps of it */

enum {
    CORPS_TIMER_DETACHED = 1u << 0, /**< goes on when the Conc has ended in whose method it was started */
};

struct corps_timer_options {
    int64_t first_ns; /**< from now until the first call; 0: at once */
    int64_t every_ns; /**< from one call to the next; 0: there is only one */
    uint64_t count;   /**< so many calls, skipped ones included; 0: until it is stopped */
    unsigned flags;
    const char *serializer; /**< of the calls, as in corps_call_options; NULL = the Corps' */
    size_t size;            /**< 0, or sizeof(struct corps_timer_options) */
    uint64_t reserved[4];
};

/** Has a method called at a time, or every so often, without a thread that waits for it. Calls are due first_ns from
 * now, and then every_ns after each other: one that comes late does not move the next ones. No result is asked for, and
 * no Future given; of what fails, the first of several in a row is told on standard error. `args` are copied, or shared
 * where they are a box; NULL = NIL. Gives the timer; `timer` NULL: nobody's, it goes on by itself.
 *
 * A call is skipped, and counted as skipped, where the last one has not been answered, the mailbox is full, or the link
 * is not there in time; so a slow Worker is never called by several at once. What is missed because the process was
 * stopped is skipped too: one call, then the old steps again. A single call (every_ns 0) is not skipped: it waits.
 *
 * It stops by itself when its count is reached; when the Worker is gone for good or has no such method, which
 * corps_timer_error and (unless its Corps has ended) standard error tell; with the Conc in whose method or init it was
 * started (unless DETACHED); and with this process. A Worker that is made again (supervision) is called again.
 *
 * In an Env the thread that polls sees to timers. In a program there is no such thread, so one is started with the
 * first timer and ends with the last. Any thread. Errors: INVALID (says what is wrong), NO_WORKER, WORKER_LOST, EXITED
 * (there is nobody to call), NO_MEMORY, LIMIT, SYSTEM. */
CORPS_API enum corps_err corps_timer_start(const struct corps_name *to, const char *method,
                                           const struct corps_value *args, const struct corps_timer_options *options,
                                           struct corps_timer **timer) CORPS_CHECKED;

/** Nothing is sent any more when this returns; a call that was sent is not taken back. True: it was to call again, and
 * was stopped by this. Any thread, not within a notification. */
CORPS_API bool corps_timer_stop(struct corps_timer *timer);

/** Is it to call again? */
CORPS_API bool corps_timer_runs(struct corps_timer *timer);

/** How many calls were sent, how many skipped, and of how many that were sent it is known that they have failed. */
CORPS_API void corps_timer_counts(const struct corps_timer *timer, uint64_t *sent, uint64_t *skipped, uint64_t *failed);

/** Why it has stopped by itself; code OK otherwise. Lent until the timer is destroyed. */
CORPS_API const struct corps_error_info *corps_timer_error(const struct corps_timer *timer);

/** Gives the timer back, which goes on unless it was stopped. Accepts NULL. */
CORPS_API void corps_timer_destroy(struct corps_timer *timer);

/* ---- Large payloads, written in place ---- */

/** Memory for a payload of `bytes` bytes to a Worker: the transport's own where it lends any (shm: shared memory, which
 * the receiver reads in place), otherwise ordinary memory. A program is written once for both:
 *
 *     struct corps_block *block = corps_loan(name, bytes);
 *     …                                                         // write block->data
 *     struct corps_value payload = corps_bin(block->data, bytes);
 *     err = corps_send(name, "put", &payload, NULL);            // or corps_call; alone, or inside of an array or map
 *     corps_block_unref(block);                                 // unsent: it is abandoned
 *
 * Once it was sent, the block may be read and sent again, the whole of it or a part, to any Worker; it must not be
 * written any more, since its receiver may be reading it. Drop it at any time after a send has returned.
 * Nothing is copied when the payload has at least 4096 bytes and is the last of the value's large buffers, goes to the
 * Worker's own Env, and a call through this Name has gone before (a loan does not connect). Then a method's `args`
 * point to it, and stay valid while their box does (corps_context_box). Anything else is copied on its way, and arrives
 * alike. A link lends at most 32 × buffer_bytes at once (default: 32 MiB) in pieces of up to half of that, and 256 MiB
 * in larger ones of up to 128 MiB; what receivers still hold counts. Beyond that, memory is ordinary. Any thread; never
 * waits. The block outlives Name, link and Corps. NULL: no memory (the detail says so). Gives one reference. */
CORPS_API struct corps_block *corps_loan(const struct corps_name *to, size_t bytes);

/* ---- Futures ---- */

struct corps_error_info {
    enum corps_err code;
    const char *type;      /**< the remote error's type, "" when there is none */
    const char *text;      /**< one line */
    const char *traceback; /**< remote traceback, "" when there is none */
    const void *detail;    /**< what the method attached for callers of its own language */
    size_t detail_bytes;
    char origin[64];     /**< the Worker that failed, "L0:M0.2" */
    bool detail_trusted; /**< `detail` may be loaded by what runs code: the serializers of the Worker's Corps and of
                            this process do so anyway. Set by Corps, not by who fails */
    size_t size;         /**< when you fill it: 0, or sizeof(struct corps_error_info) */
    uint64_t reserved[4];
};

/** Waits until the reply is here or `timeout_ns` (from now; 0 = only look) has passed. OK: `*result` (may be NULL) is
 * lent until the Future is destroyed. May be called again and again, by any threads. Errors: TIMEOUT (of this wait or
 * of the call), REMOTE, WORKER_LOST, CANCELLED, EXITED, CORRUPT, DEADLOCK (this method's own Worker would have to
 * answer first; seen at once, or after a second when others are between). Inside a method, a wait of 10 s or more for a
 * Worker of the same Env runs that Worker on the waiting thread, and then lasts as long as its method does, whatever
 * the timeout says. */
CORPS_API enum corps_err corps_future_wait(struct corps_future *future, int64_t timeout_ns,
                                           const struct corps_value **result);

/** Is the reply here, or has the call's deadline passed? Never waits. */
CORPS_API bool corps_future_ready(const struct corps_future *future);

/** What went wrong, after wait gave an error; code OK otherwise. Lent until the Future is destroyed. */
CORPS_API const struct corps_error_info *corps_future_error(const struct corps_future *future);

/** The result's box, to keep it beyond the Future: gives a reference; NULL when there is no result. */
CORPS_API struct corps_box *corps_future_box(struct corps_future *future);

/** Waits until all are ready. Errors: TIMEOUT alone (each Future holds its own outcome). */
CORPS_API enum corps_err corps_wait_all(struct corps_future *const *futures, size_t count, int64_t timeout_ns);

/** Waits until one that is not NULL is ready, and writes its index: the first in order of the array. Set it to NULL (or
 * destroy it) before the next call. Errors: TIMEOUT, INVALID (all are NULL). */
CORPS_API enum corps_err corps_wait_next(struct corps_future *const *futures, size_t count, int64_t timeout_ns,
                                         size_t *index);

/** Calls `notify(arg)` once, as soon as the Future is ready (at once if it is): on the thread that completes it, which
 * may be polling for the whole process, so it must neither wait nor call Corps but for corps_future_fulfil. One per
 * Future. If the call has a deadline, it is ready then at the latest, without a thread that waits for it; some thread
 * must poll, in an Env one always does. */
CORPS_API void corps_future_on_ready(struct corps_future *future, void (*notify)(void *arg), void *arg);

/** Gives the call up, unless its outcome is here: the Future fails with CANCELLED at once, and the Worker is told. A
 * request that has not begun is dropped; a method that runs may ask (corps_context_cancelled), else it goes on and its
 * result is dropped; who has put the reply off is told (corps_request_on_cancel). What the method waits for in its turn
 * is its own to cancel. A program that cannot do this yet is not told. A call with
 * CORPS_CALL_RETRY may still run, if its link is lost meanwhile. True: it is cancelled by this. May wait for a
 * moment until it can be sent. Any thread, not within a notification. */
CORPS_API bool corps_future_cancel(struct corps_future *future);

/** A Future without a call, ready once somebody fulfils it (with NIL). fulfil: any thread, never waits. NULL when out
 * of memory. */
CORPS_API struct corps_future *corps_future_create(void);
/** One more reference; corps_future_destroy drops one. */
CORPS_API struct corps_future *corps_future_ref(struct corps_future *future);
CORPS_API void corps_future_fulfil(struct corps_future *future);

/** Ends interest in the answer and frees the Future. A reply that comes later is dropped. Accepts NULL. */
CORPS_API void corps_future_destroy(struct corps_future *future);

/* ---- Inside methods ---- */
CORPS_API struct corps *corps_context_corps(struct corps_context *context);     /**< lent; create_concs with it */
CORPS_API struct corps_name *corps_context_name(struct corps_context *context); /**< the Conc's own Name; lent */
CORPS_API unsigned corps_context_env(struct corps_context *context);
/** Which life of its Env this is: each later one has a greater number, also where the whole Corps was started anew.
 * What a method began before its machine was stopped may go on when another has long taken its place: a store outside
 * that remembers the greatest number it was given for this Env can refuse what comes with a smaller one. */
CORPS_API uint64_t corps_context_epoch(struct corps_context *context);
/** "" in init and cleanup; lent until the method returns. */
CORPS_API const char *corps_context_method(struct corps_context *context);
CORPS_API const char *corps_context_class(struct corps_context *context); /**< as it was asked for; lent for ever */
/** Does nobody wait any more, since the caller has cancelled the call, or its deadline has passed? Costs next to
 * nothing, so a method that computes for long may ask often. On the method's thread, before a corps_request_hold. */
CORPS_API bool corps_context_cancelled(struct corps_context *context);
CORPS_API bool corps_context_is_local(struct corps_context *context);  /**< was the request made in this Env? */
CORPS_API bool corps_context_has_reply(struct corps_context *context); /**< does anybody wait for the outcome? */
/** Until the deadline of the request; 0 when it has passed, CORPS_FOREVER when it has none. On the method's thread. */
CORPS_API int64_t corps_context_time_left_ns(struct corps_context *context);
/** Keeps an object until the reply is encoded: takes one reference. Errors: NO_MEMORY. */
CORPS_API enum corps_err corps_context_keep(struct corps_context *context, struct corps_object *object) CORPS_CHECKED;
/** Memory until the reply is encoded, aligned to 16. NULL when out of memory. */
CORPS_API void *corps_context_alloc(struct corps_context *context, size_t bytes);
/** The same for a large result: where the transport lends memory, the caller sees the result in it (see corps_loan).
 * Not for a reply that is put off. */
CORPS_API void *corps_context_loan(struct corps_context *context, size_t bytes);
/** The request's argument box, to keep args beyond the method: gives a reference. NULL when out of memory. */
CORPS_API struct corps_box *corps_context_box(struct corps_context *context);
/** Tags the Conc, for corps_find: a text of at most 255 bytes, which is copied; NULL takes the tag away. In an init, so
 * that a Conc that is made again has it too. Errors: INVALID (it is longer), NO_MEMORY. */
CORPS_API enum corps_err corps_context_tag(struct corps_context *context, const char *tag) CORPS_CHECKED;
/** Fails the request: the caller's Future gives REMOTE with this type and text. Returns CORPS_ERR_REMOTE. */
CORPS_API enum corps_err corps_fail(struct corps_context *context, const char *type, const char *format, ...)
    CORPS_PRINTF(3, 4);

/** The same with a remote traceback, and bytes for callers of the method's own language. Everything is copied. */
CORPS_API enum corps_err corps_fail_with(struct corps_context *context, const struct corps_error_info *info);

/** Has the Conc's state kept now, by its class's `checkpoint`; returns when it is. Where nothing would be made again
 * (see corps_options.restart) none is kept, and this is OK. Not in the checkpoint itself. Errors: INVALID (the class
 * has none), TOO_LARGE, SYSTEM (the directory), and what `checkpoint` gave; the detail says what. The last state that
 * was kept stays then. */
CORPS_API enum corps_err corps_context_checkpoint(struct corps_context *context);

/** In an init: the class's checkpoint_every_ns for this Conc alone. Errors: INVALID (it is negative). */
CORPS_API enum corps_err corps_context_checkpoint_every(struct corps_context *context, int64_t every_ns) CORPS_CHECKED;

/** In an init: the class's stuck_ns for this Conc alone. Errors: INVALID (it is negative). */
CORPS_API enum corps_err corps_context_stuck_after(struct corps_context *context, int64_t stuck_ns) CORPS_CHECKED;

/** How many checkpoints of the Conc were kept in this process, and how many failed. */
CORPS_API void corps_context_checkpoint_counts(struct corps_context *context, uint64_t *kept, uint64_t *failed);

/** The Conc itself is broken: it fails the request, as corps_fail does, with the type "Crash", and the Conc stops when
 * the method has returned. Its cleanup runs. Then it is made again, where its creation asked for that
 * (corps_create_supervised); otherwise it is lost, and calls to it fail with WORKER_LOST. In an init it is a failure
 * like any other. Returns CORPS_ERR_REMOTE. docs/supervision.md. */
CORPS_API enum corps_err corps_context_crash(struct corps_context *context, const char *text);

/** The same, saying more; and for a request that was put off. Everything is copied. */
CORPS_API enum corps_err corps_context_crash_with(struct corps_context *context, const struct corps_error_info *info);
CORPS_API enum corps_err corps_request_crash_with(struct corps_request *request, const struct corps_error_info *info);

/** A thread for one Conc alone: its init, all its methods and its cleanup run there, one after the other. An init calls
 * this, starts a thread that calls corps_home_serve, and returns CORPS_ERR_PENDING; then it is run again on that
 * thread, before anything else. Where the thread cannot be started, it calls corps_home_leave and returns an error.
 * NULL: no memory. The home belongs to the Conc. */
struct corps_home;
CORPS_API struct corps_home *corps_context_home(struct corps_context *context);

/** Runs the Conc on the calling thread; returns after corps_home_leave. */
CORPS_API void corps_home_serve(struct corps_home *home);

/** The Conc has ended: the thread may return, and what still comes is run by any thread. Any thread, once. */
CORPS_API void corps_home_leave(struct corps_home *home);

/** Puts the reply off: the method then returns CORPS_ERR_PENDING, and one of the functions below answers later, once.
 * On the method's thread. Gives the request. NULL when out of memory, or when it was put off already: then the method
 * returns an error. */
CORPS_API struct corps_request *corps_request_hold(struct corps_context *context);

/** Calls `notify(arg)` at most once, if the caller cancels the call before it is answered: at once, or later on any
 * thread, which may be polling for the whole process: it must neither wait nor call Corps. It is over when the answer
 * (which is still owed) has begun. On the method's thread, before it returns; once. */
CORPS_API void corps_request_on_cancel(struct corps_request *request, void (*notify)(void *arg), void *arg);

/** Answer a request that was put off, and take it; what they send they borrow until return. Any thread. They wait for a
 * moment at most, while a large reply is on its way. Always OK: what cannot be sent (REFUSED, TOO_LARGE) becomes the
 * error that the caller gets. */
CORPS_API enum corps_err corps_request_reply(struct corps_request *request, const struct corps_value *result);
CORPS_API enum corps_err corps_request_fail(struct corps_request *request, const char *type, const char *text);
CORPS_API enum corps_err corps_request_fail_with(struct corps_request *request, const struct corps_error_info *info);

/* ---- The log ---- */

/** How grave a line of the log is. CORPS_LOG in the environment (off, error, warn, info, debug; default warn) says up
 * to which one lines are made. */
enum corps_log_level {
    CORPS_LOG_OFF,
    CORPS_LOG_ERROR, /**< what ends a process */
    CORPS_LOG_WARN,  /**< what was lost, refused, or had to be started again */
    CORPS_LOG_INFO,  /**< what grows and shrinks */
    CORPS_LOG_DEBUG, /**< links that come and go */
};

/** Takes one line of the log: the name of its event (docs/seeing.md lists them) and its text, both lent until return;
 * a traceback follows the text on further lines. Runs on the thread where it happened, whatever locks Corps holds
 * there: it must neither wait nor call Corps. Several threads may be in it at once. */
typedef void (*corps_log_fn)(enum corps_log_level level, const char *event, const char *text, void *arg);

/** Where the lines of this process go from now on, instead of standard error; NULL: there again. Any thread; while
 * other threads may log, a function is not replaced by another one. Envs have theirs from the program: it is what
 * stands before corps_start, or in a corps_boot_fn. */
CORPS_API void corps_log_set(corps_log_fn log, void *arg);

#ifdef __cplusplus
}
#endif
#endif
