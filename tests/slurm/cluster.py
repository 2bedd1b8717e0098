"""
A Slurm cluster on this machine alone: slurmctld, three slurmd and munge, over loopback, as root, without systemd.

    python tests/slurm/cluster.py up | down        its files are in build/slurm; /etc/slurm/slurm.conf points to them

Node n1 is the partition `cpu`; n2 and n3 are `gpu` and `spot`, with eight pretended GPUs each. A job of gpu preempts
one of spot, which is queued again. There is no accounting, and nobody's cluster is touched: where /etc/slurm has a
configuration that is not ours, or the machine is not ours to change, this stops.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "build" / "slurm"
ETC = Path("/etc/slurm")
SBIN = Path("/usr/sbin")
GPUS = 8
NODES = ("n1", "n2", "n3")
FIRST_PORT = 17001
CONTROL_PORT = 16817
START_SECONDS = 20
MEMORY_MB = 16_000

# Where nothing is said: requeued jobs may start at once.
CONFIGURATION = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={root}/munge/socket
CredType=cred/munge
CommunicationParameters=NoInAddrAny
StateSaveLocation={root}/state
SlurmctldLogFile={root}/log/slurmctld.log
SlurmctldPidFile={root}/slurmctld.pid
SlurmdSpoolDir={root}/spool/%n
SlurmdLogFile={root}/log/slurmd-%n.log
SlurmdPidFile={root}/slurmd-%n.pid
SlurmdParameters=config_overrides
SlurmdTimeout=30
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=1
KillWait=20
MinJobAge=3600
MaxArraySize=20001
InactiveLimit=0
"""
PARTITIONS = """\
PartitionName=cpu Nodes=n1 Default=YES MaxTime=1-0 PriorityTier=10 PreemptMode=OFF
PartitionName=gpu Nodes=n[2-3] MaxTime=7-0 PriorityTier=10 PreemptMode=OFF
PartitionName=spot Nodes=n[2-3] MaxTime=1-0 PriorityTier=1 PreemptMode=REQUEUE GraceTime=0
"""


def up() -> None:
    """Start the cluster and wait until its nodes are idle."""
    if os.geteuid() != 0:
        sys.exit("the loopback cluster needs root: it writes /etc/slurm/slurm.conf")
    own = ETC / "slurm.conf"
    if own.exists() and not (own.is_symlink() and own.resolve().parent.name == "slurm"):
        sys.exit(f"{own}: this machine has a Slurm configuration that is not the loopback cluster's")
    shutil.rmtree(ROOT, ignore_errors=True)
    for folder in ("state", "log", "spool", "munge", "dev"):
        (ROOT / folder).mkdir(parents=True)
    _write_configuration()
    ETC.mkdir(exist_ok=True)
    for name in ("slurm.conf", "gres.conf"):
        (ETC / name).unlink(missing_ok=True)
        (ETC / name).symlink_to(ROOT / name)
    munge = ROOT / "munge"
    munge.chmod(0o755)
    (munge / "key").write_bytes(os.urandom(128))
    (munge / "key").chmod(0o600)
    _start(
        "munged", "--force", f"--key-file={munge}/key", f"--pid-file={ROOT}/munged.pid",
        f"--log-file={munge}/log", f"--seed-file={munge}/seed", f"--socket={munge}/socket",
    )  # fmt: skip
    _start("slurmctld", "-c", "-f", str(own))
    for node in NODES:
        _start("slurmd", "-N", node, "-f", str(own))
    deadline = time.monotonic() + START_SECONDS
    while (state := _node_states()) != {"idle"}:
        if time.monotonic() > deadline:
            sys.exit(f"the nodes are {state or 'not there'} after {START_SECONDS} s: see {ROOT}/log")
        time.sleep(0.1)


def down() -> None:
    """End the daemons that up started, and take our configuration away."""
    subprocess.run(["scancel", "--user=root"], check=False, capture_output=True)
    pids = [int(file.read_text()) for file in sorted(ROOT.glob("*.pid")) if file.read_text().strip()]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + START_SECONDS
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    for name in ("slurm.conf", "gres.conf"):
        link = ETC / name
        if link.is_symlink() and link.readlink().parent == ROOT:
            link.unlink()


def _write_configuration() -> None:
    host, cpus = socket.gethostname().split(".")[0], os.cpu_count()
    text = CONFIGURATION.format(host=host, root=ROOT, control_port=CONTROL_PORT)
    for number, node in enumerate(NODES):
        gres = "" if node == "n1" else f" Gres=gpu:{GPUS}"
        # Each node has all cores of this machine, no more: hundreds of jobs would really run at once.
        text += (
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={FIRST_PORT + number} CPUs={cpus} Boards=1 "
            f"SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory={MEMORY_MB}{gres} State=UNKNOWN\n"
        )
    (ROOT / "slurm.conf").write_text(text + PARTITIONS)
    for number in range(GPUS):  # a GPU without a device file makes its node invalid
        (ROOT / "dev" / f"nvidia{number}").touch()
    (ROOT / "gres.conf").write_text(f"NodeName=n[2-3] Name=gpu File={ROOT}/dev/nvidia[0-{GPUS - 1}]\n")


def _start(daemon: str, *arguments: str) -> None:
    done = subprocess.run([SBIN / daemon, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{daemon} does not start: {done.stderr or done.stdout}")


def _node_states() -> set[str]:
    done = subprocess.run(["sinfo", "-h", "-N", "-o", "%T"], capture_output=True, text=True, check=False)
    return set(done.stdout.split())


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()
