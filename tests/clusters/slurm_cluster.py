"""A real Slurm of two nodes with two GPUs each, on this machine, in one folder."""

import contextlib
import fcntl
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "sinfo", "mknod")

CONFIG = """\
ClusterName=ci
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={D}/munge/sock,cred_expire=5
StateSaveLocation={D}/state
SlurmdSpoolDir={D}/spool/%n
SlurmctldPidFile={D}/ctld.pid
SlurmdPidFile={D}/%n.pid
SlurmctldLogFile={D}/log/ctld.log
SlurmdLogFile={D}/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
GresTypes=gpu
ReturnToService=2
KillWait=3
SlurmdTimeout=15
SchedulerParameters=sched_interval=1,bf_interval=1
NodeName=ci1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=16818 CPUs=4 RealMemory=4000 Gres=gpu:2
NodeName=ci2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=16819 CPUs=4 RealMemory=4000 Gres=gpu:2
PartitionName=ci Nodes=ci1,ci2 Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """What it needs and this machine has not, in words; empty if it can run."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"Slurm is not installed here ({', '.join(absent)})"
    return "" if os.geteuid() == 0 else "a Slurm of two nodes needs root"


class Cluster:
    """The daemons; a context manager."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.daemons = {}

    def __enter__(self):
        # Its ports are fixed, so that there can be one at a time.
        self.lock = Path(tempfile.gettempdir(), "pyhopper-slurm.lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        d = self.folder
        d.chmod(0o755)
        for name in ("munge", "state", "spool/ci1", "spool/ci2", "log", "dev"):
            (d / name).mkdir(parents=True)
        (d / "munge").chmod(0o755)
        key = d / "munge/key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        for i in range(2):
            # Slurm wants devices, and the null device will do.
            subprocess.run(["mknod", str(d / f"dev/nvidia{i}"), "c", "1", "3"], check=True)
        (d / "gres.conf").write_text(f"NodeName=ci[1-2] Name=gpu File={d}/dev/nvidia[0-1]\n")
        (d / "cgroup.conf").write_text("CgroupAutomount=no\n")
        (d / "slurm.conf").write_text(CONFIG.format(D=d))
        os.environ["SLURM_CONF"] = str(d / "slurm.conf")
        files = {name: d / f"munge/{name}" for name in ("pid", "log", "seed")}
        options = [f"--{name}-file={path}" for name, path in files.items()]
        subprocess.run(
            ["munged", "--force", f"--key-file={key}", f"--socket={d}/munge/sock", *options],
            check=True,
        )
        self.start("slurmctld", "-c")
        self.start("ci1")
        self.start("ci2")
        end = time.monotonic() + 60
        while self.query("sinfo", "-h", "-N", "-o", "%t").split().count("idle") < 2:
            assert time.monotonic() < end, self.logs()
            time.sleep(0.2)
        return self

    def start(self, name, *options):
        """Start the controller, or the daemon of a node."""
        command = [name, "-D", *options] if name == "slurmctld" else ["slurmd", "-D", "-N", name]
        with (self.folder / f"log/{name}.out").open("ab") as out:
            self.daemons[name] = subprocess.Popen(command, stdout=out, stderr=out)

    def query(self, *command):
        """What a command of Slurm prints."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return subprocess.run(
                command, capture_output=True, text=True, timeout=20, check=False
            ).stdout
        return ""

    def logs(self):
        """The logs of all daemons, for a failure."""
        texts = [path.read_text(errors="replace")[-2000:] for path in self.folder.glob("log/*")]
        return "\n".join(texts)

    def stop(self, name):
        """End a daemon."""
        daemon = self.daemons.pop(name)
        daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def __exit__(self, *_):
        self.query("scancel", "--state=RUNNING", "--state=PENDING", "-u", "root")
        for name in list(self.daemons):
            self.stop(name)
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self.folder / "munge/pid").read_text()), 15)
        os.environ.pop("SLURM_CONF", None)
        self.lock.close()
