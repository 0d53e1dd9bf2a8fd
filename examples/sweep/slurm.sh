#!/bin/bash
# Tests sweep.sbatch on a Slurm of its own: one machine, daemons in the foreground, everything in a temporary folder.
#
#     sudo examples/sweep/slurm.sh TARGET/release/crumb       # root, as slurmd must be; Debian package slurm-wlm
#
# It runs grid.toml without shards, then as a job array of three shards, of which one is torn first; merges them, and compares the
# two tables byte for byte. Nothing outside the folder is written, no service is started, and no other Slurm is disturbed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:?give the program: target/release/crumb}")
shards=3

fail() { echo "slurm.sh: $*" >&2; exit 1; }
for tool in munged slurmctld slurmd sbatch sinfo scontrol; do
    PATH=$PATH:/usr/sbin command -v $tool > /dev/null || fail "$tool is missing; install the Debian package slurm-wlm"
done
[ "$(id -u)" = 0 ] || fail "slurmd starts jobs and so must be root: use sudo"
PATH=$PATH:/usr/sbin

folder=$(mktemp -d)
daemons=()
finish() {
    status=$?
    # Slurm's daemons first: they speak through munged.
    for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do kill "${daemons[i]}" 2> /dev/null && wait "${daemons[i]}" || true; done
    if [ $status != 0 ]; then tail --lines=20 "$folder"/*.log >&2 || true; fi
    rm -rf "$folder"
    exit $status
}
trap finish EXIT

# Two ports that nobody has at this moment.
read -r control_port node_port < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(2)]
for s in sockets: s.bind(("", 0))
print(*(s.getsockname()[1] for s in sockets))')
mkdir "$folder"/{state,spool}
cat > "$folder/slurm.conf" <<CONF
ClusterName=crumb
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$control_port
SlurmdPort=$node_port
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
# No control groups, which a container may not have, no accounts, and no delays that a large cluster needs.
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1
ReturnToService=2
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
CONF
export SLURM_CONF=$folder/slurm.conf

head --bytes=1024 /dev/urandom > "$folder/munge.key"
chmod 0600 "$folder/munge.key"
munged --foreground --force --num-threads=2 --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
    --pid-file="$folder/munged.pid" --seed-file="$folder/munge.seed" --log-file="$folder/munged.log" > "$folder/munged.out.log" 2>&1 &
daemons+=($!)
for _ in $(seq 100); do [ -S "$folder/munge.socket" ] && break; sleep 0.1; done
[ -S "$folder/munge.socket" ] || fail "munged does not start"
slurmctld -D -f "$SLURM_CONF" > "$folder/slurmctld.out.log" 2>&1 &
daemons+=($!)
slurmd -D -f "$SLURM_CONF" > "$folder/slurmd.out.log" 2>&1 &
daemons+=($!)
for _ in $(seq 300); do
    [ "$(sinfo --noheader --format=%T 2> /dev/null || true)" = idle ] && break
    sleep 0.1
done
[ "$(sinfo --noheader --format=%T)" = idle ] || fail "the node is not idle after half a minute: $(sinfo --noheader --format='%T %E')"
echo "$(slurmctld -V), one node of $(nproc) CPUs"

cd "$folder"
"$program" sweep --grid "$here/grid.toml" --out whole.csv
# A job that was ended in the middle of a row, and is given again.
"$program" sweep --grid "$here/grid.toml" --out sweep.csv --shard "2/$shards" > /dev/null
truncate --size=-100 "sweep.2-of-$shards.csv"
export CRUMB=$program
sbatch --wait --array="1-$shards" "$here/sweep.sbatch" "$here/grid.toml" sweep.csv $shards || fail "a job of the array failed"
cat crumb-sweep.*.log
grep --quiet --no-messages "a torn end was cut off" crumb-sweep.*_2.log || fail "the torn table of shard 2 was not continued"
"$program" sweep --merge sweep.*-of-$shards.csv --out sweep.csv
cmp whole.csv sweep.csv || fail "the merged shards are not the table of the run without shards"
echo "$shards jobs of an array, merged: byte for byte the table of one run"
