"""scripts/slurm on a cluster of one node: Debian's slurm-wlm on the loopback interface, with daemons and keys of its own.

Skipped, with the reason, where Slurm and MUNGE are not installed or nobody may start them (they want root).
"""

import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import unittest

import lab

SOURCE = os.environ.get("CORPS_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol")

CONFIGURATION = """ClusterName=corps
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/builtin
SelectType=select/linear
SchedulerParameters=batch_sched_delay=0,sched_interval=1
ReturnToService=2
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} State=UNKNOWN
PartitionName=lab Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=EXCLUSIVE
"""


def missing():
    absent = [name for name in PROGRAMS if shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None]
    if absent:
        return f"{', '.join(absent)} not found; on Debian: apt-get install slurm-wlm"
    return None if os.geteuid() == 0 else "Slurm's daemons want root"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster(lab.LabTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.nothing_left)  # cleanups run last one first: after the daemons have ended
        self.environment["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        self.environment["SLURM_CONF"] = self.path("slurm.conf")
        os.chmod(self.folder, 0o755)
        for name in ("state", "spool"):
            os.mkdir(self.path(name))
        with open(self.path("munge.key"), "wb") as file:
            file.write(os.urandom(128))
        os.chmod(self.path("munge.key"), 0o400)
        controller, daemon = free_ports(2)
        self.write("slurm.conf", CONFIGURATION.format(host=socket.gethostname().split(".")[0], controller=controller, daemon=daemon,
                                                      folder=self.folder, processors=os.cpu_count()))
        self.daemon("munged", "--foreground", "--force", f"--key-file={self.path('munge.key')}", f"--socket={self.path('munge.socket')}",
                    f"--pid-file={self.path('munge.pid')}", f"--log-file={self.path('munge.log')}", f"--seed-file={self.path('munge.seed')}")
        lab.await_that(lambda: os.path.exists(self.path("munge.socket")), "munged")
        self.daemon("slurmctld", "-D", "-c")
        self.daemon("slurmd", "-D", "-c")
        # Jobs that a failed test leaves end before the daemons do, which end in reverse order.
        self.addCleanup(self.end_jobs)
        lab.await_that(lambda: "idle" in self.slurm("sinfo", "-h", "-o", "%T"), "the node to be idle")

    def daemon(self, *command):
        log = open(self.path(command[0] + ".out"), "w", encoding="utf-8")
        self.addCleanup(log.close)
        process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, process)

    def end(self, process):
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def end_jobs(self):
        if self.slurm("squeue", "-h"):
            self.slurm("scancel", "--user", "root")
            lab.await_that(lambda: not self.slurm("squeue", "-h"), "jobs to end")

    def slurm(self, *command):
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=lab.LIMIT_S).stdout

    def submit(self, *arguments):
        # The script works in the folder that it lies in: one with the program under test as its build.
        top = self.path("top")
        os.makedirs(os.path.join(top, "scripts"), exist_ok=True)
        os.makedirs(os.path.join(top, "build"), exist_ok=True)
        shutil.copy(os.path.join(SOURCE, "scripts", "slurm"), os.path.join(top, "scripts", "slurm"))
        link = os.path.join(top, "build", "corps-lab")
        if not os.path.lexists(link):
            os.symlink(lab.program(), link)
        done = subprocess.run([os.path.join(top, "scripts", "slurm"), *arguments], env=self.environment, capture_output=True, text=True,
                              timeout=lab.LIMIT_S, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def measure(self, matrix):
        """Two shards of four blocks, waited for; gives the merged files."""
        status, out, err = self.submit(matrix, "--shards", "2", "--blocks", "4", "--seed", "7", "--out", self.path("out"), "--wait")
        for name in glob.glob(self.path("out/*.log")):
            with open(name, encoding="utf-8") as file:
                err += file.read()
        self.assertEqual(0, status, out + err)
        return [line for line in out.splitlines() if line.endswith(".jsonl")]

    def shard(self, i):
        (path,) = glob.glob(self.path(f"out/shard-{i}-*.jsonl"))
        return path

    def whole(self, merged):
        """A merged file must hold both shards, and every cell of every block once."""
        lines = self.lines(merged)
        self.assertEqual(["1/2", "2/2"], sorted(line["shard"] for line in lines if line["kind"] == "run"))
        trials = [line for line in lines if line["kind"] == "trial"]
        self.assertEqual(sorted((block, name) for block in range(4) for name in ("raw:pipe", "raw:unix")),
                         sorted((t["block"], t["cell"]["transport"]) for t in trials))
        self.assertTrue(all(t["ok"] for t in trials))

    def test_a_matrix_over_the_cluster(self):
        matrix = self.matrix("{transport: [raw:pipe, raw:unix], placement: same}", more="controls: false\n")
        (merged,) = self.measure(matrix)
        self.whole(merged)
        with open(self.shard(1), encoding="utf-8") as file:
            kept = file.readlines()

        with self.subTest("a task that was cut off goes on with its file, also on another node of its kind"):
            os.remove(self.shard(1))
            with open(self.path("out/shard-1-elsewhere.jsonl"), "w", encoding="utf-8") as file:
                file.write("".join(kept[:3]) + kept[3][:40])
            (merged,) = self.measure(matrix)
            self.whole(merged)
            with open(self.shard(1), encoding="utf-8") as file:
                self.assertEqual(kept[:3], file.readlines()[:3])

        with self.subTest("machines are kept apart"):
            # Another machine's would have checksums of their own; without any they pass as those of older files do.
            foreign = [lab.without_checksum(line).replace(json.loads(kept[0])["fingerprint"]["machine"], "other") for line in kept]
            with open(self.shard(1), "w", encoding="utf-8") as file:
                file.write(foreign[0].replace(json.loads(kept[0])["run"], "other") + foreign[1].replace(json.loads(kept[0])["run"], "other"))
            both = self.measure(matrix)
            self.assertEqual([merged, self.path("out/other.jsonl")], both)
            self.whole(merged)

    def test_without_waiting(self):
        matrix = self.matrix("{transport: raw:pipe, placement: same}", more="controls: false\n")
        status, out, err = self.submit(matrix, "--shards", "1", "--blocks", "1", "--partition", "lab", "--out", self.path("out"))
        self.assertEqual((0, ""), (status, out), err)
        self.assertRegex(err, r"job [0-9]+ measures 1 shards(.|\n)*job [0-9]+ merges them into .*MACHINE.jsonl")
        lab.await_that(lambda: not self.slurm("squeue", "-h"), "the jobs to end")
        (merged,) = set(glob.glob(self.path("out/*.jsonl"))) - {self.shard(1)}
        self.assertEqual(2, len(self.lines(merged)))

    def test_an_allocation_as_hosts(self):
        """scripts/slurm-agents: an agent on each node of a job, while a command runs; its status is the command's."""
        build = os.path.dirname(lab.program())
        self.environment.update(PATH=build + ":" + self.environment["PATH"], CORPS_AGENT_OPTIONS="--as-root", CORPS_PLUGIN_PATH=build)
        for command, status in ((["corps", "hosts"], 0), (["sh", "-c", "exit 7"], 7)):
            script = self.write("job", "#!/bin/sh\nexec %s --slots 3 --port %d --dir %s -- \"$@\"\n" % (
                os.path.join(SOURCE, "scripts", "slurm-agents"), free_ports(1)[0], self.path("agents")))
            done = subprocess.run(["sbatch", "--wait", "--output", self.path("said"), script, *command], env=self.environment, capture_output=True,
                                  text=True, timeout=lab.LIMIT_S, stdin=subprocess.DEVNULL)
            with open(self.path("said"), encoding="utf-8") as file:
                said = file.read()
            self.assertEqual(status, done.returncode, done.stderr + said)
            self.assertRegex(said, r"(?m)^1 +%s .* yes .* 3 " % socket.gethostname().split(".")[0])
            self.assertFalse(os.path.exists(self.path("agents")))

    def test_nothing_measured(self):
        """The status is the merge's."""
        status, out, err = self.submit(self.write("bad.yaml", "name: [\n"), "--out", self.path("out"), "--wait")
        self.assertEqual(1, status, out + err)
        self.assertIn("no shard left a file", out)
        self.assertEqual(1, self.submit(self.write("m.yaml", "name: m\n"), "--partition", "nowhere", "--out", self.path("out"))[0])

    def test_wrong_usage(self):
        matrix = self.matrix("{transport: raw:pipe}")
        for arguments, word in (((), "name a matrix"), ((matrix, "--shards", "x"), "whole number"), ((matrix, matrix), "one too many"),
                                ((matrix, "--shards", "9", "--blocks", "3"), "empty"), ((matrix, "--luck"), "no option"),
                                ((matrix, "--out"), "needs a value")):
            with self.subTest(arguments=arguments):
                status, out, err = self.submit(*arguments)
                self.assertEqual((2, ""), (status, out))
                self.assertIn(word, err)
        self.assertEqual(1, self.submit(self.path("nothing.yaml"))[0])


if __name__ == "__main__":
    reason = missing()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main(verbosity=2)
