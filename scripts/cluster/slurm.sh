#!/usr/bin/env bash
# A SLURM cluster on this machine, for tests: real daemons, pretended nodes.
#
#   scripts/cluster/slurm.sh install        install what it needs (Debian, root)
#   scripts/cluster/slurm.sh start [N]      start a controller and N nodes, n1 to nN (3)
#   scripts/cluster/slurm.sh env            what a shell must set to use it: eval "$(… env)"
#   scripts/cluster/slurm.sh link-down K    cut node nK off (NETNS=1)
#   scripts/cluster/slurm.sh link-up K      and back again
#   scripts/cluster/slurm.sh node-kill K    kill the daemon of node nK
#   scripts/cluster/slurm.sh node-start K   start it again
#   scripts/cluster/slurm.sh resume         make all nodes usable again
#   scripts/cluster/slurm.sh stop           end everything and leave nothing behind
#
# Environment: SLURM_DIR, where it keeps everything (/tmp/knowcoder-slurm); NETNS=1, a network namespace
# for each node, so that links can be cut; DBD=1, accounting as well, so that `sacct` answers; CPUS (4)
# and GPUS (0) that each node pretends to have; PORT (17600), the first of twenty ports; FOLLOW=PID, stop
# when that process has ended. Nothing outside SLURM_DIR is written, nothing below /etc is read. Needs
# root. Exit code 0: done; 1: it could not be done; 2: usage.
set -euo pipefail

self="$(readlink -f "${BASH_SOURCE[0]}")"
dir="${SLURM_DIR:-/tmp/knowcoder-slurm}"
netns="${NETNS:-0}" dbd="${DBD:-0}" cpus="${CPUS:-4}" gpus="${GPUS:-0}" port="${PORT:-17600}" nodes=3
# What `start` was asked for holds until `stop`.
# shellcheck disable=SC1091
[[ -f "$dir/settings" ]] && source "$dir/settings"

net=10.78.$((port % 250))
tag=kc$port
conf="$dir/etc/slurm.conf"
export SLURM_CONF="$conf"

fail() {
    echo "slurm.sh: $*" >&2
    exit 1
}

# within SECONDS COMMAND...: repeats the command until it succeeds.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= end)); then
            tail -n 3 "$dir"/log/*.out >&2 || true
            fail "this did not come true in time: $*"
        fi
        sleep 0.1
    done
}

# A process that is dead but not reaped is not there any more.
lives() {
    grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null
}

# daemon NAME COMMAND...: in a session of its own; its process is noted.
daemon() {
    local name="$1"
    shift
    setsid "$@" </dev/null >"$dir/log/$name.out" 2>&1 &
    echo $! >"$dir/run/$name.process"
}

# finish SIGNAL NAME...: ends daemons and waits until they are gone.
finish() {
    local signal="$1" name process processes=()
    shift
    for name in "$@"; do
        process="$(cat "$dir/run/$name.process" 2>/dev/null)" || continue
        kill "-$signal" "$process" 2>/dev/null || true
        processes+=("$process")
        rm -f "$dir/run/$name.process"
    done
    for process in "${processes[@]}"; do
        for _ in {1..50}; do
            lives "$process" || break
            sleep 0.1
        done
        if lives "$process"; then kill -KILL "$process" 2>/dev/null || true; fi
    done
}

install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurmctld slurmd munge \
        slurm-client slurmdbd slurm-wlm-mysql-plugin mariadb-server-core mariadb-client-core iproute2
}

configure() {
    local here=127.0.0.1 k accounting=accounting_storage/none
    [[ "$netns" == 1 ]] && here=$net.1
    [[ "$dbd" == 1 ]] && accounting=accounting_storage/slurmdbd
    {
        cat <<END
ClusterName=knowcoder
SlurmctldHost=$(hostname -s)($here)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A job that is requeued waits until its credential has expired: two minutes unless said otherwise.
AuthInfo=socket=$dir/run/munge.socket,cred_expire=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.%n.log
# No control groups: containers of tests have none that can be written.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=5
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,sched_interval=5,bf_interval=5
# Nodes may have more processors than the machine.
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=30
InactiveLimit=0
KillWait=3
MinJobAge=300
JobRequeue=1
PropagateResourceLimits=NONE
GresTypes=gpu
AccountingStorageType=$accounting
END
        if [[ "$dbd" == 1 ]]; then
            # Without the pass the controller asks the machine's own munged, which is not there.
            cat <<END
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((port + 1))
AccountingStoragePass=$dir/run/munge.socket
END
        fi
        for ((k = 1; k <= nodes; k++)); do
            local address="NodeAddr=127.0.0.1 Port=$((port + 3 + k))"
            [[ "$netns" == 1 ]] && address="NodeAddr=$net.1$k Port=$((port + 3))"
            echo "NodeName=n$k NodeHostname=$(hostname -s) $address CPUs=$cpus RealMemory=4000" \
                "Gres=gpu:$gpus State=UNKNOWN"
        done
        # Jobs in `first` take nodes away from those in `last`, whose steps are ended some seconds before.
        echo "PreemptType=preempt/partition_prio"
        echo "PreemptMode=CANCEL"
        local all="Nodes=n[1-$nodes] State=UP"
        echo "PartitionName=test $all Default=YES MaxTime=60 PreemptMode=OFF"
        echo "PartitionName=short $all MaxTime=1 PreemptMode=OFF"
        echo "PartitionName=last $all MaxTime=60 PriorityTier=1 PreemptMode=CANCEL GraceTime=10"
        echo "PartitionName=first $all MaxTime=60 PriorityTier=10 PreemptMode=OFF"
    } >"$conf"
    # Any device files do for GPUs: SLURM sets CUDA_VISIBLE_DEVICES by their numbers.
    : >"$dir/etc/gres.conf"
    for ((k = 1; k <= nodes && gpus > 0; k++)); do
        for ((g = 0; g < gpus; g++)); do mknod -m 666 "$dir/dev/n$k-gpu$g" c 1 3; done
        echo "NodeName=n$k Name=gpu File=$dir/dev/n$k-gpu[0-$((gpus - 1))]" >>"$dir/etc/gres.conf"
    done
}

accounting() {
    local sql=(mariadb --no-defaults --socket="$dir/run/sql.socket")
    mkdir -p "$dir/sql" "$dir/sqltmp"
    # The package makes no user of its own.
    mariadb-install-db --no-defaults --user=root --datadir="$dir/sql" --skip-test-db \
        --auth-root-authentication-method=normal >"$dir/log/sql-install.out" 2>&1
    daemon mariadbd mariadbd --no-defaults --user=root --datadir="$dir/sql" --tmpdir="$dir/sqltmp" \
        --socket="$dir/run/sql.socket" --port=$((port + 2)) --bind-address=127.0.0.1 \
        --pid-file="$dir/run/sql.pid" --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900
    within 60 "${sql[@]}" -e 'select 1'
    "${sql[@]}" -e "create database slurm_acct_db; create user 'slurm'@'127.0.0.1' identified by 'test';
        create user 'slurm'@'localhost' identified by 'test';
        grant all on slurm_acct_db.* to 'slurm'@'127.0.0.1'; grant all on slurm_acct_db.* to 'slurm'@'localhost'"
    cat >"$dir/etc/slurmdbd.conf" <<END
AuthType=auth/munge
AuthInfo=socket=$dir/run/munge.socket
DbdHost=$(hostname -s)
DbdAddr=127.0.0.1
DbdPort=$((port + 1))
SlurmUser=root
LogFile=$dir/log/slurmdbd.log
PidFile=$dir/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$((port + 2))
StorageUser=slurm
StoragePass=test
StorageLoc=slurm_acct_db
END
    chmod 600 "$dir/etc/slurmdbd.conf"
    daemon slurmdbd slurmdbd -D
    within 30 bash -c ": </dev/tcp/127.0.0.1/$((port + 1))"
}

networks() {
    local k
    ip link add "$tag" type bridge
    ip addr add "$net.1/24" dev "$tag"
    ip link set "$tag" up
    for ((k = 1; k <= nodes; k++)); do
        ip netns add "$tag-$k"
        ip link add "$tag-$k" type veth peer name eth0 netns "$tag-$k"
        ip link set "$tag-$k" master "$tag" up
        ip -n "$tag-$k" addr add "$net.1$k/24" dev eth0
        ip -n "$tag-$k" link set eth0 up
        ip -n "$tag-$k" link set lo up
        ip -n "$tag-$k" route add default via "$net.1"
    done
}

no_networks() {
    local k
    for ((k = 1; k <= nodes; k++)); do
        ip link del "$tag-$k" 2>/dev/null || true
        ip netns del "$tag-$k" 2>/dev/null || true
    done
    ip link del "$tag" 2>/dev/null || true
}

node() {
    local inside=()
    # `ip netns exec` would mount another /sys, in which slurmd does not find what it looks for.
    [[ "$netns" == 1 ]] && inside=(nsenter "--net=/run/netns/$tag-$1")
    rm -f "$dir/run/slurmd.n$1.pid"
    daemon "slurmd.n$1" "${inside[@]}" slurmd -D -N "n$1" -f "$conf"
    within 30 test -s "$dir/run/slurmd.n$1.pid"
}

all_idle() {
    (($(timeout 5 sinfo -h -N -p test -t idle -o %N | wc -l) == nodes))
}

start() {
    local tool k
    for tool in munged slurmctld slurmd sbatch; do
        command -v "$tool" >/dev/null || fail "\`$tool\` is not installed; \`slurm.sh install\` installs it"
    done
    [[ -f "$dir/settings" ]] && fail "there is one in \`$dir\` already; \`slurm.sh stop\` ends it"
    rm -rf "$dir"
    mkdir -p "$dir"/{etc,state,spool,run,log,dev}
    chmod 755 "$dir" "$dir"/*
    printf 'nodes=%s netns=%s dbd=%s cpus=%s gpus=%s port=%s\n' \
        "$nodes" "$netns" "$dbd" "$cpus" "$gpus" "$port" >"$dir/settings"
    # What was begun and failed leaves nothing behind either.
    trap 'stop' EXIT
    (umask 077 && head -c 128 /dev/urandom >"$dir/etc/munge.key")
    daemon munged munged --foreground --force --key-file="$dir/etc/munge.key" \
        --socket="$dir/run/munge.socket" --pid-file="$dir/run/munged.pid" \
        --log-file="$dir/log/munged.log" --seed-file="$dir/run/munge.seed" --num-threads=2
    within 10 test -S "$dir/run/munge.socket"
    [[ "$netns" == 1 ]] && networks
    configure
    [[ "$dbd" == 1 ]] && accounting
    daemon slurmctld slurmctld -D -f "$conf"
    within 30 timeout 5 scontrol ping
    for ((k = 1; k <= nodes; k++)); do node "$k"; done
    within 60 all_idle
    if [[ -n "${FOLLOW:-}" ]]; then
        SLURM_DIR="$dir" setsid "$self" follow "$FOLLOW" </dev/null >/dev/null 2>&1 &
    fi
    trap - EXIT
}

stop() {
    local k environ process
    [[ -f "$dir/settings" ]] || return 0
    for ((k = 1; k <= nodes; k++)); do
        [[ "$netns" == 1 ]] && ip link set "$tag-$k" up 2>/dev/null || true
    done
    timeout 5 scancel -u root 2>/dev/null || true
    for _ in {1..25}; do
        [[ -z "$(timeout 3 squeue -h -o %i 2>/dev/null)" ]] && break
        sleep 0.2
    done
    local daemons=(slurmctld)
    for ((k = 1; k <= nodes; k++)); do daemons+=("slurmd.n$k"); done
    finish TERM "${daemons[@]}"
    # Steps outlive their daemon; they are known by the daemon's environment, and their tasks with them.
    for environ in /proc/[0-9]*/environ; do
        process="${environ#/proc/}" process="${process%/environ}"
        if [[ "$process" != $$ && "$process" != "$PPID" && "$process" != "$BASHPID" ]] &&
            grep -qzF "SLURM_CONF=$conf" "$environ" 2>/dev/null &&
            grep -qE '^slurm(stepd|d)' "/proc/$process/comm" 2>/dev/null; then
            kill -KILL "$process" 2>/dev/null || true
        fi
    done
    finish TERM slurmdbd
    finish TERM mariadbd munged
    [[ "$netns" == 1 ]] && no_networks
    rm -rf "$dir"
}

resume() {
    local k
    for ((k = 1; k <= nodes; k++)); do
        timeout 10 scontrol update "nodename=n$k" state=resume 2>/dev/null || true
    done
    within 60 all_idle
}

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$self" >&2
    exit 2
}

number() {
    [[ "${1:-}" =~ ^[1-9]$ ]] || usage
}

case "${1:-}" in
install) install ;;
start)
    nodes="${2:-3}"
    number "$nodes"
    start
    ;;
stop) stop ;;
env) echo "export SLURM_CONF=$conf" ;;
resume) resume ;;
follow)
    tail --pid="$2" -f /dev/null
    stop
    ;;
link-down | link-up)
    number "${2:-}"
    [[ "$netns" == 1 ]] || fail "links can be cut where it was started with NETNS=1 only"
    ip link set "$tag-$2" "${1#link-}"
    ;;
node-kill)
    number "${2:-}"
    finish KILL "slurmd.n$2"
    ;;
node-start)
    number "${2:-}"
    node "$2"
    ;;
*) usage ;;
esac
