"""What a published file says of nobody: paths of the machine, its addresses, the host's name, and what is on the kernel's command line beside the
parameters that change how fast messages are.

public(record) takes it out of a line, with the same outcome for the same text, so that cells stay the same; faults(results) says what is still there.
"""
import os
import re

PATH = re.compile(r"(?<![\w.:/])~?/[\w.+@~-]+(?:/[\w.+@~-]+)+/?")
EVERYWHERE = ("/usr/lib/", "/usr/bin/", "/usr/share/", "/proc/", "/sys/", "/dev/")  # the same on every machine
ADDRESS = re.compile(r"(?<![\w.])(?!127\.|0\.0\.0\.0)(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
LEFT_OUT = ("python_executable", "hostname", "nodename")
PARAMETERS = re.compile(r"(?:mitigations|idle|isolcpus|nohz(?:_full)?|rcu_nocbs|irqaffinity|nosmt|maxcpus|nr_cpus|preempt|threadirqs|tsc|clocksource|hpet|nohalt|"
                        r"cpuidle[\w.]*|haltpoll[\w.]*|processor\.max_cstate|intel_idle[\w.]*|intel_pstate|amd_pstate|cpufreq[\w.]*|transparent_hugepage|"
                        r"(?:default_)?hugepages(?:z)?|hugepagesz|numa[\w.]*|swiotlb|psi|no[\w-]*kvm[\w-]*|kvm[\w.-]*|spectre\w*|spec_\w+|retbleed|l1tf|mds|pti|nopti)"
                        r"(?:=[\w.,:*-]*)?")


def command_line(text):
    """The parameters that matter to a measurement."""
    return " ".join(word for word in text.split() if PARAMETERS.fullmatch(word))


def public_text(text):
    """Paths as their last part, addresses as the word."""
    if "/" not in text and "." not in text:
        return text
    def last_part(found):
        path = found[0]
        return path if (path + "/").startswith(EVERYWHERE) else os.path.basename(path.rstrip("/"))
    return ADDRESS.sub("(address)", PATH.sub(last_part, text))


def public(value, key=""):
    """A record, or a part of it, without what is private. Numbers, and so histograms, are as they were."""
    if isinstance(value, dict):
        return {k: v if k == "histogram" else public(v, k) for k, v in value.items() if k not in LEFT_OUT}
    if isinstance(value, list):
        return [public(v, key) for v in value]
    if not isinstance(value, str):
        return value
    return command_line(value) if key == "command_line" else public_text(value)


def difference(before, after, key=""):
    """Name of the first field that differs, or None."""
    if isinstance(before, dict):
        return next((d for k in before for d in [k if k not in after else None if k == "histogram" else difference(before[k], after[k], k)] if d), None)
    if isinstance(before, list):
        return next((d for a, b in zip(before, after) for d in [difference(a, b, key)] if d), None)
    return None if before == after else key


def faults(results):
    """Lines that say something of their machine that a published file must not, one for each field."""
    named = {}
    for record in results.runs + results.trials:
        after = public(record)
        if after != record:  # most are as they were, which is seen quickly
            named.setdefault(difference(record, after), record)
    return [f"the field {name} of run {record['run']} holds a path, an address or the kernel's command line; corps-lab publish takes it out"
            for name, record in named.items()]
