"""Two git revisions, built and measured in one run: for `corps-lab compare REV_A REV_B`.

Each revision is checked out into a worktree of its own below build/revisions/ and built there without tests' needs; a build
that is there already is used again. This program's own laboratory runs the matrix, each cell once by each revision's
corps-lab in every block, in shuffled order.
"""
import os
import subprocess
import sys
import time


class Failed(Exception):
    """Why the revisions could not be measured, in one line."""


def run(command, what, **options):
    """A command's standard output. Raises Failed with its last words."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Failed(f"{what}: {words[-1] if words else f'status {done.returncode}'}")
    return done.stdout.strip()


def resolve(name):
    """The commit that a revision names."""
    return run(["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"],
               f"'{name}' is neither a results file nor a git revision here")


def build(commit):
    """The path of that commit's corps-lab."""
    top = run(["git", "rev-parse", "--show-toplevel"], "git")
    tree = os.path.join(top, "build", "revisions", commit[:16])
    lab = os.path.join(tree, "build", "corps-lab")
    if os.path.exists(os.path.join(tree, "build", "complete")):
        return lab
    print(f"compare: building {commit[:12]}", file=sys.stderr, flush=True)
    run(["git", "worktree", "prune"], "git")
    if not os.path.isdir(tree):
        run(["git", "worktree", "add", "--detach", tree, commit], f"cannot check out {commit[:12]}", cwd=top)
    if not os.path.exists(os.path.join(tree, "build", "build.ninja")):
        run(["meson", "setup", os.path.join(tree, "build"), tree, f"-Dpython={sys.executable}"], f"cannot configure {commit[:12]}")
    run(["meson", "compile", "-C", os.path.join(tree, "build")], f"cannot build {commit[:12]}")
    open(os.path.join(tree, "build", "complete"), "w", encoding="utf-8").close()
    return lab


def measure(args):
    """Builds both revisions, measures them, and gives the path of the results. Raises Failed."""
    lab = os.environ.get("CORPS_LAB")
    if not lab:
        raise Failed("start it as corps-lab compare, which knows the program that measures")
    commits = [resolve(args.a), resolve(args.b)]
    programs = [build(commit) for commit in commits]
    out = args.out or os.path.join("results", f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-compare-"
                                              f"{commits[0][:8]}-{commits[1][:8]}.jsonl")
    os.makedirs(os.path.dirname(out) or ".", exist_ok=True)
    command = [lab, "run", args.matrix, "--program", programs[0], "--against", programs[1], "--out", out]
    command += ["--blocks", str(args.blocks)] if args.blocks else []
    for only in args.only:
        command += ["--only", only]
    status = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
    if status == 2 or not os.path.exists(out):
        raise Failed("the laboratory did not run; see above")
    return out
