"""The kinds of the fields that readers rely on. What a file says is looked at here once, when it is read, and believed afterwards.

Fields that are not named here may be anything: nobody computes with them.
"""
import program  # noqa: F401: finds the table of keys
import keys

FIGURES = ("p50_ns", "p99_ns", "p999_ns", "p9999_ns", "max_ns", "latencies", "messages", "seconds", "messages_per_s", "bytes_per_s",
           "cpu_ns_per_message", "user_ns_per_message", "system_ns_per_message", "system_calls_per_message", "system_call_bytes_per_message", "instructions_per_message",
           "caller_instructions_per_message",
           "page_faults_per_message", "voluntary_switches_per_message",
           "involuntary_switches_per_message", "bytes_on_wire_per_message", "peak_rss_bytes", "bytes_each", "capacity_per_s", "offered_per_s",
           "encode_ns", "decode_ns", "first_encode_ns", "first_decode_ns", "least_share")
LIMITED = ("p50_ns", "p99_ns", "messages_per_s", "bytes_per_s", "cpu_ns_per_message", "bytes_each", "seconds")
LARGEST = 1 << 62


def is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST


def is_number(value):
    return is_whole(value) or isinstance(value, float)


def is_text(value):
    return isinstance(value, str)


def is_object(value):
    return isinstance(value, dict)


def is_list_of(item):
    return lambda value: isinstance(value, list) and all(item(v) for v in value)


def may_be(kind):
    return lambda value: value is None or kind(value)


def is_histogram(value):
    """A list of [value, count]. Written out: a file has millions of them."""
    if type(value) is not list:
        return False
    for bucket in value:
        if type(bucket) is not list or len(bucket) != 2:
            return False
        low, count = bucket
        if type(low) is not int or type(count) is not int or not (0 <= low < LARGEST and 0 <= count < LARGEST):
            return False
    return True


def is_cell(value):
    return is_object(value) and is_whole(value.get("size_bytes", 0)) and all(
        is_text(value.get(key["name"], None if "head" in key else "")) if key["type"] == "text" else is_whole(value.get(key["name"], 0))
        for key in keys.AXES if key["type"] != "seed")


def is_fingerprint(value):
    return is_object(value) and all(is_object(value.get(name, {})) for name in ("processor", "kernel")) and \
        is_text(value.get("machine", "")) and is_object(value.get("git") or {})


def is_limit(value):
    return is_object(value) and is_text(value.get("row")) and value.get("figure") in LIMITED and \
        all(is_text(value.get(name, "")) for name in ("table", "bound", "note")) and is_cell(value.get("cell")) and \
        is_list_of(is_cell)(value.get("against", [])) and \
        len([name for name in ("at_most", "at_least") if is_number(value.get(name))]) == 1


RUN = {"run": is_text, "matrix": is_text, "seed": is_whole}
RUN_OPTIONAL = {"until": may_be(is_number), "blocks": is_whole, "block_trials": is_whole, "fingerprint": is_fingerprint, "limits": is_list_of(is_limit), "shard": is_text,
                "plan": is_text}
TRIAL = {"run": is_text, "block": is_whole, "cell": is_cell, "ok": lambda value: isinstance(value, bool),
         "error": may_be(is_text)}
TRIAL_OPTIONAL = {"family": is_text, "order": is_whole, "flags": is_list_of(is_text), "histogram": may_be(is_histogram),
                  "stages_ns": may_be(lambda value: is_object(value) and all(is_number(v) for v in value.values())),
                  **dict.fromkeys(FIGURES, may_be(is_number))}


def fault(record):
    """Which field of a run's or a trial's line is missing or of the wrong kind, or None."""
    needed, optional = (RUN, RUN_OPTIONAL) if record["kind"] == "run" else (TRIAL, TRIAL_OPTIONAL)
    for name, kind in needed.items():
        if name not in record or not kind(record[name]):
            return name
    return next((name for name, kind in optional.items() if name in record and not kind(record[name])), None)
