/* corps._core: libcorps for Python. What its parts share.
 *
 *   module.c   the module, hooks, waiting     name.c     Names and calling      future.c   Futures
 *   worker.c   Concs of Python classes        launch.c   Envs from a template process
 *   deadline.c until when calls may take           end.c      the end of the interpreter
 *   chain.c    call chains
 *   about.c    what this build has                state.c    what Workers know, kept
 *   stats.c    what Envs have counted
 *   log.c      the core's log
 *   envs.c     Envs that are added and taken
 *   timer.c    calls at a time                    find.c     Workers that are found, and deleted
 *   pool.c     pools                              request.c  requests whose replies were put off
 *   fail.c     what was raised, for callers      hosts.c    hosts, and starting Envs on others
 *
 * The interpreter's lock: functions here run with it. A thread that waits inside Corps gives it up
 * (corps_wait_hooks_set), everything else that the core does is short. A request of a Python Conc runs with it from
 * decoding to the reply.
 *
 * What is simpler said in Python is a *hook*: a function that the package hands over once, by `hooks_set`.
 */
#ifndef CORPS_PYTHON_CORE_H
#define CORPS_PYTHON_CORE_H

#include "python.h"

/* X(name): the hooks; what they take and give stands in corps/_hooks.py. */
#define HOOKS(X)                                                                                                       \
    X(make)                                                                                                            \
    X(cleanup)                                                                                                         \
    X(failure)                                                                                                         \
    X(error)                                                                                                           \
    X(remote)                                                                                                          \
    X(coroutine)                                                                                                       \
    X(missing)                                                                                                         \
    X(copy) X(boot) X(restore) X(child_ends) X(before_fork) X(in_child) X(adopt) X(checkpoint) X(give_state) X(key)

struct hooks {
#define HOOK_FIELD(name) PyObject *name;
    HOOKS(HOOK_FIELD)
#undef HOOK_FIELD
    PyObject *future_type; /* what calls give: a subclass of Future */
    bool copy_local;       /* arguments and results are copied inside an Env too */
};
extern struct hooks corps__hooks;

/* name.c */
struct name {
    PyObject_HEAD struct corps_name *name;
    bool external; /* shown with its host */
    bool plain;    /* a Worker written in C: takes and gives plain values */
    bool pool;     /* of several Workers */
    int creator;   /* the Env that had it made, as it is shown; -1: the one where it lives */
};
extern PyTypeObject corps__name_type;
extern PyTypeObject corps__method_type;
bool corps__py_names_begin(void); /* false with an exception */
PyObject *corps__py_call(PyObject *module, PyObject *const *args,
                         Py_ssize_t count); /* call(name, method, args, kwargs, no_reply, retry[, key]) */

PyObject *corps__py_loan(PyObject *module, PyObject *args); /* loan(name, bytes) */

/* The arguments of a Worker as a value: an object, or (plain) values in `box`. Takes `payload`; its content lives as
 * long as the box. False with an exception. */
bool corps__py_arguments(PyObject *payload, bool plain, struct corps_box *box, struct corps_value *value);

/* future.c */
extern PyTypeObject corps__future_type;
bool corps__py_futures_begin(void);              /* false with an exception */
void corps__py_future_class(PyTypeObject *type); /* what calls give will be of this subclass, which adds no slots */
/* Takes `future`; NULL: one that is ready with None. New reference. */
PyObject *corps__py_future(struct corps_future *future);
PyObject *corps__py_wait_next(PyObject *module,
                              PyObject *args); /* wait_next([Future or None …], seconds) → index, None at the timeout */
PyObject *corps__py_callbacks(PyObject *module, PyObject *none); /* serves callbacks of Futures, for ever */

/* A timeout in seconds (None: for ever) in ns; -1 with an exception when it is no number. */
int64_t corps__py_timeout(PyObject *seconds);

/* After a wait of at most PY_WAIT_SLICE_NS on the main thread: -1 when a signal's handler has raised. */
#define PY_WAIT_SLICE_NS 100000000
int64_t corps__py_slice(int64_t left_ns); /* how long to wait before signals are looked at */
int64_t corps__py_ask_within(void);       /* the same for calls, which may wait for ever; also without the lock */

/* worker.c */
extern const struct corps_class corps__python_class;
extern PyTypeObject corps__worker_type;
PyObject *corps__py_worker_object(void *self); /* a Worker of `self`: new reference, NULL once it has ended */
void corps__py_worker_lost(void *self);        /* … which is none, after all */
void corps__py_end_if_forked(void);            /* after code of a class */
PyObject *corps__py_copy(PyObject *object);    /* what the FastPath passes when it copies: new reference */

/* request.c. hold gives the request that runs, to be answered by who gets it: new reference; NULL with an exception:
 * nobody could be answered, and it does not begin. Once whom it was given to has returned (`done`), or raised (NULL:
 * then that is the answer, if there was none), held takes both; it gives PENDING. put_off is both for a coroutine,
 * which runs on the Env's event loop and answers later. */
extern PyTypeObject corps__request_type;
PyObject *corps__py_hold(struct corps_context *context);
enum corps_err corps__py_held(PyObject *held, PyObject *done);
enum corps_err corps__py_put_off(struct corps_context *context, PyObject *coroutine);

/* fail.c. take_raised: the pending exception as an object with its traceback, which is not pending any more; new
 * references, NULL where there is none. */
void corps__py_take_raised(PyObject **type, PyObject **exception, PyObject **traceback);
enum corps_err corps__py_fail_context(struct corps_context *context); /* the method raised */

/* Takes the pending exception and passes what the hook says of it to `use`, or, of a Crash, to `crash`; gives the
 * result of that. */
typedef enum corps_err corps__py_fail_fn(void *arg, const struct corps_error_info *info);
enum corps_err corps__py_fail(corps__py_fail_fn *use, corps__py_fail_fn *crash, void *arg);

/* state.c: the class's checkpoint and restore; and what handles have of them. */
enum corps_err corps__py_checkpoint(struct corps_context *context, void *self, const struct corps_value *args,
                                    struct corps_value *result);
enum corps_err corps__py_restore(struct corps_context *context, void *self, const struct corps_value *args,
                                 struct corps_value *result);
PyObject *corps__py_keep_every(struct corps_context *context, PyObject *every_ns);
PyObject *corps__py_keep(const struct corps_name *name);
PyObject *corps__py_kept(const struct corps_name *name);

/* cancels_fd() → a descriptor that can be read when a request that was put off has been cancelled. */
PyObject *corps__py_cancels_fd(PyObject *module, PyObject *none);
void corps__py_cancels_forked(void);

/* name.c: a Name's address as bytes; new reference, or NULL with an exception. */
PyObject *corps__py_address(const struct corps_name *name);

/* Those of several as a list, likewise; takes the references to the Names in any case. */
PyObject *corps__py_addresses(struct corps_name **names, size_t count);

/* future.c: the calling thread is the one that signals' handlers run on. */
void corps__py_main_thread(void);

/* forked(): in the child of a fork, beside what the core does: the thread that called it is the main thread. */
PyObject *corps__py_forked(PyObject *module, PyObject *none);
PyObject *corps__py_before_fork(PyObject *module, PyObject *none);

/* future.c: drops Futures whose callbacks will not run any more. */
void corps__py_callbacks_end(void);

/* deadline.c */
extern bool corps__py_deadlines; /* false: nothing but its request's deadline, which the core knows, binds any call */
/* What binds a call that is made here. False with an exception, also when no time is left. */
bool corps__py_limit(struct corps_call_options *options);
/* What the variable is for a coroutine that runs for a request with so much time left: new reference. */
PyObject *corps__py_limit_of(int64_t timeout_ns);
PyObject *corps__py_deadline_within(PyObject *module, PyObject *seconds);
PyObject *corps__py_time_left(PyObject *module, PyObject *none);
PyObject *corps__py_cancelled(PyObject *module, PyObject *none);
PyObject *corps__py_deadlines_begin(void); /* the variable: new reference, NULL with an exception */

/* chain.c */
extern bool corps__py_chains; /* false: no coroutine works for a chain */
/* What the running method works for, to be kept for its coroutine; 0: there is no need to. */
uint64_t corps__py_chain_to_keep(void);
/* Tells the core for which chain the calling thread works here; gives what it is to be told afterwards. False with an
 * exception. */
bool corps__py_chain_enter(uint64_t *before);
PyObject *corps__py_chain_id(PyObject *module, PyObject *none);
PyObject *corps__py_chains_begin(PyObject *module, PyObject *args); /* chains_begin(capsule or None, spans, every) */
PyObject *corps__py_chains_end(PyObject *module, PyObject *args);   /* chains_end(capsule or None, fd) */
PyObject *corps__py_chain_variable(void);                           /* new reference, NULL with an exception */

/* timer.c: timer_start(name, method, args, kwargs, first_ns, every_ns, count, detached) → Timer; timers_stop() */
extern PyTypeObject corps__timer_type;
PyObject *corps__py_timer_start(PyObject *module, PyObject *args);
PyObject *corps__py_timers_stop(PyObject *module, PyObject *none);

/* name.c: the arguments of a call as one object. New reference, NULL with an exception. */
PyObject *corps__py_payload(PyObject *positional, PyObject *keywords);

/* find.c: delete([Name …], timeout_ns); find(corps_id or 0, class, tag, env, timeout_ns) and find_fronts(tag,
 * timeout_ns) → [address …]; find_singleton(name, timeout_ns) → address, or None */
PyObject *corps__py_delete(PyObject *module, PyObject *args);
PyObject *corps__py_find(PyObject *module, PyObject *args);
PyObject *corps__py_find_fronts(PyObject *module, PyObject *args);
PyObject *corps__py_find_singleton(PyObject *module, PyObject *args);

/* end.c */
PyObject *corps__py_give_back(PyObject *module, PyObject *none);

/* log.c: log(level, event, text) · log_pipe(fd): the core's lines go there, three texts each (the level's number, the
 * event, the text) that end with NUL, at most 4096 bytes in one write; -1: to standard error again */
PyObject *corps__py_log(PyObject *module, PyObject *args);
PyObject *corps__py_log_pipe(PyObject *module, PyObject *fd);

/* envs.c */
PyObject *corps__py_change_env(PyObject *module, PyObject *args);
PyObject *corps__py_env_count(PyObject *module, PyObject *none);

/* about.c: about() */
PyObject *corps__py_about(PyObject *module, PyObject *none);

/* stats.c: stats_ask(Name, capsule or None, seconds) → [Future or text for each Env] */
PyObject *corps__py_stats_ask(PyObject *module, PyObject *args);

/* pool.c */
PyObject *corps__py_create_pool(PyObject *module, PyObject *args);  /* create_pool(class, payload, location type, env,
                                                                       host, plain, options, supervision) → address */
PyObject *corps__py_pool_members(PyObject *module, PyObject *pool); /* pool_members(Name) → [address …] */

/* module.c, for what creates Workers. A number of a dict: 1 found, 0 not there, -1 with an exception. */
int corps__py_number(PyObject *given, const char *key, long long *number);

/* Sets target->field to the dict's number of that name, if it has one. In a function that gives a bool: it returns
 * false with an exception. */
#define CORPS_PY_TAKE_NUMBER(given, target, field)                                                                     \
    do {                                                                                                               \
        long long number;                                                                                              \
        int found = corps__py_number((given), #field, &number);                                                        \
        if (found < 0) {                                                                                               \
            return false;                                                                                              \
        }                                                                                                              \
        if (found > 0) {                                                                                               \
            (target)->field = (__typeof__((target)->field))number;                                                     \
        }                                                                                                              \
    } while (0);
bool corps__py_supervision(PyObject *given, struct corps_supervision *supervision); /* false with an exception */
/* After an error of creating: what failed in a Worker is raised as its exception. Returns NULL. */
PyObject *corps__py_raise_create(enum corps_err err);

/* hosts.c: hosts() → (own number, [(number, name, address, slots, labels, drained) …], ledger); env_hosts() → the
 * number of the host of each Env of the own Corps, 0: it is on none; launch_set(map): what agents of other hosts are
 * told, with boot_data: what Envs there are told */
PyObject *corps__py_hosts(PyObject *module, PyObject *none);
PyObject *corps__py_env_hosts(PyObject *module, PyObject *none);
PyObject *corps__py_launch_set(PyObject *module, PyObject *given);

/* Around corps_create, on its thread: the item `launch` of the options, if there is one, is how an agent starts Env 0
 * of the new Corps. What it points to is the options'. begin: false with an exception; nothing has begun then. */
struct corps__py_launch {
    struct corps_value value;
    struct corps_box *box;                 /* NULL: the options have none */
    const struct corps__py_launch *around; /* while this thread waits in one creation, it may run another */
};
bool corps__py_launch_begin(PyObject *options, struct corps__py_launch *own);
void corps__py_launch_end(struct corps__py_launch *own);

/* launch.c */
PyObject *corps__py_template_set(PyObject *module, PyObject *fd);
PyObject *corps__py_remove_dead(PyObject *module,
                                PyObject *none); /* directories of Corps that have no living process: how many */
PyObject *corps__py_fill_standard(PyObject *module, PyObject *none); /* base/standard.h */

/* Raises the exception of an error of Corps: by the hook, or RuntimeError. Returns NULL. */
PyObject *corps__py_raise(enum corps_err code);

/* Raises what a failure in `info` says. Returns NULL. */
PyObject *corps__py_remote(const struct corps_error_info *info);

/* Borrowed. NULL where the dict has none, and with an exception where there is no memory to look: PyDict_GetItemString
 * would say "none" then too. */
PyObject *corps__py_item(PyObject *dict, const char *key);

/* New reference; NULL with an exception. */
PyObject *corps__py_of_value(const struct corps_value *value);

#endif
