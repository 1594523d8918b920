#!/usr/bin/env bash
# Hosts to log in to, on one machine: an sshd each, and where the kernel allows it a network of its own
# each, so that links can be cut. The tests of the back end `ssh` start it; it serves by hand as well:
#
#   scripts/cluster/ssh.sh install               # openssh-server, iproute2 and faketime, on Debian
#   scripts/cluster/ssh.sh start DIR [N]         # N hosts (2) called h1, h2, …; says `namespaces` or `loopback`
#   scripts/cluster/ssh.sh link-down DIR K       # cuts host K off; `link-up DIR K` ends that
#   scripts/cluster/ssh.sh processes DIR K       # what runs on host K beside its sshd, a line each
#   scripts/cluster/ssh.sh stop DIR              # ends all of it; DIR can be removed then
#
#   ssh -F DIR/ssh_config h1
#
# `start` needs root for namespaces; otherwise, and with KNOWCODER_SSH_MODE=loopback, the hosts are ports
# of 127.0.0.1, whose links cannot be cut. Every host has its own host key, and one user key opens all of
# them to the user who started them. All hosts see this machine's files. Nothing outside DIR is written,
# but for /run/sshd, which sshd asks for. Exit code 3: not possible on this machine, and why.
set -euo pipefail

say() { echo "ssh.sh: $*" >&2; }

usage() {
    sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}

# The server, the client, what makes networks, and what gives a host another clock, unless they are there.
install_packages() {
    PATH="$PATH:/usr/sbin:/sbin"
    local program missing=()
    for program in sshd ssh ssh-keygen ip nsenter faketime; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    if ((${#missing[@]} == 0)); then
        echo "sshd: $(command -v sshd) (complete)"
        return 0
    fi
    local packages=(openssh-server openssh-client iproute2 util-linux faketime)
    apt-get install -y --no-install-recommends "${packages[@]}" >/dev/null 2>&1 || {
        # Lists of packages that are old, or not there yet.
        apt-get update >/dev/null
        apt-get install -y --no-install-recommends "${packages[@]}" >/dev/null
    }
    command -v sshd
}

space() { echo "kc${net}h$1"; }
wire() { echo "kc${net}w$1"; }
bridge() { echo "kc${net}b"; }
address() { echo "10.78.$net.$((10 + $1))"; }

# A subnet that nobody else on this machine has: making its bridge is what takes it.
take_net() {
    for net in $(shuf -i 0-255 -n 40); do
        if ip link add "$(bridge)" type bridge 2>/dev/null; then
            ip addr add "10.78.$net.1/24" dev "$(bridge)"
            ip link set "$(bridge)" up
            return 0
        fi
    done
    return 1
}

# What `start` must know for the other verbs, written as soon as there is something to stop.
remember() { printf 'mode=%s\nnet=%s\nhosts=%s\n' "$mode" "$net" "$hosts" >"$dir/state"; }

make_host() {
    local host="$1"
    ip netns add "$(space "$host")"
    ip link add "$(wire "$host")" type veth peer name eth0 netns "$(space "$host")"
    ip link set "$(wire "$host")" master "$(bridge)" up
    ip -n "$(space "$host")" addr add "$(address "$host")/24" dev eth0
    ip -n "$(space "$host")" link set eth0 up
    ip -n "$(space "$host")" link set lo up
    ip -n "$(space "$host")" route add default via "10.78.$net.1"
}

# start_sshd K ADDRESS PORT: whether it listens.
start_sshd() {
    local host="$1" folder="$dir/h$1"
    cat >"$folder/sshd_config" <<END
ListenAddress $2
Port $3
HostKey $folder/host_key
PidFile $folder/sshd.pid
AuthorizedKeysFile $dir/authorized_keys
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
MaxStartups 100
LogLevel VERBOSE
SetEnv KNOWCODER_TEST_HOST=$folder
END
    rm -f "$folder/sshd.pid"
    local inside=()
    # `ip netns exec` would mount /sys anew; only the network shall be another.
    [[ "$mode" == namespaces ]] && inside=(nsenter --net="/run/netns/$(space "$host")")
    "${inside[@]}" setsid "$sshd" -D -e -f "$folder/sshd_config" </dev/null >>"$folder/sshd.log" 2>&1 &
    local process=$!
    for _ in $(seq 100); do
        [[ -s "$folder/sshd.pid" ]] && return 0
        kill -0 "$process" 2>/dev/null || return 1
        sleep 0.05
    done
    kill "$process" 2>/dev/null || true
    return 1
}

# Tells ssh of host K at ADDRESS PORT.
introduce() {
    local key name="[$2]:$3"
    [[ "$3" == 22 ]] && name="$2"
    key="$(cut -d' ' -f1,2 "$dir/h$1/host_key.pub")"
    echo "$name $key" >>"$dir/known_hosts"
    cat >>"$dir/ssh_config" <<END
Host h$1
    HostName $2
    Port $3
    User $(id -un)
    IdentityFile $dir/user_key
    IdentitiesOnly yes
    UserKnownHostsFile $dir/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
END
}

start() {
    [[ "$hosts" =~ ^[1-9][0-9]?$ ]] || usage
    sshd="$(PATH="$PATH:/usr/sbin:/sbin" command -v sshd)" || {
        say "sshd is not installed; \`$0 install\` installs it on Debian"
        exit 3
    }
    if [[ -e "$dir/state" ]]; then
        say "\`$dir\` has hosts already; \`$0 stop $dir\` ends them"
        exit 1
    fi
    mkdir -p "$dir"
    chmod 700 "$dir"
    [[ "$EUID" == 0 ]] && mkdir -p /run/sshd
    net=0 mode=loopback
    if [[ "${KNOWCODER_SSH_MODE:-}" != loopback && "$EUID" == 0 ]] && take_net; then
        mode=namespaces
    elif [[ "${KNOWCODER_SSH_MODE:-}" == namespaces ]]; then
        say "no network namespaces here: they need root, CAP_NET_ADMIN and iproute2"
        exit 3
    fi
    remember
    trap 'code=$?; ((code == 0)) || stop; exit $code' EXIT
    ssh-keygen -q -t ed25519 -N '' -C knowcoder-test -f "$dir/user_key"
    install -m 600 "$dir/user_key.pub" "$dir/authorized_keys"
    : >"$dir/known_hosts"
    : >"$dir/ssh_config"
    local host port
    for host in $(seq "$hosts"); do
        mkdir -p "$dir/h$host"
        ssh-keygen -q -t ed25519 -N '' -C "h$host" -f "$dir/h$host/host_key"
        if [[ "$mode" == namespaces ]]; then
            make_host "$host"
            start_sshd "$host" "$(address "$host")" 22 || { cat "$dir/h$host/sshd.log" >&2; exit 1; }
            introduce "$host" "$(address "$host")" 22
            continue
        fi
        # Below the ports that the kernel gives to clients.
        for port in $(shuf -i 20000-30000 -n 20) none; do
            [[ "$port" != none ]] || { cat "$dir/h$host/sshd.log" >&2; exit 1; }
            start_sshd "$host" 127.0.0.1 "$port" && break
        done
        introduce "$host" 127.0.0.1 "$port"
    done
    echo "$mode"
}

# Processes of host K, by number: those that see its network, or that its sshd started.
numbers() {
    if [[ "$mode" == namespaces ]]; then
        ip netns pids "$(space "$1")" 2>/dev/null || true
    else
        grep -lzxF "KNOWCODER_TEST_HOST=$dir/h$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 || true
    fi
}

# What runs on host K, but for sshd's own processes.
processes() {
    local process
    for process in $(numbers "$1"); do
        [[ "$(cat "/proc/$process/comm" 2>/dev/null || true)" == sshd* ]] && continue
        echo "$process $(tr '\0' ' ' 2>/dev/null <"/proc/$process/cmdline" || true)"
    done
}

stop() {
    local host process
    for host in $(seq "$hosts"); do
        # Only what belongs to our hosts: the listener, its sessions, and what they left behind.
        for process in $(cat "$dir/h$host/sshd.pid" 2>/dev/null || true) $(numbers "$host"); do
            kill -KILL "$process" 2>/dev/null || true
        done
        rm -f "$dir/h$host/sshd.pid"
        if [[ "$mode" == namespaces ]]; then
            ip netns del "$(space "$host")" 2>/dev/null || true
            ip link del "$(wire "$host")" 2>/dev/null || true
        fi
    done
    [[ "$mode" == namespaces ]] && ip link del "$(bridge)" 2>/dev/null
    rm -f "$dir/state"
}

verb="${1:-}"
if [[ "$verb" == install ]]; then
    install_packages
    exit 0
fi
[[ -n "${2:-}" ]] || usage
dir="$(realpath -m "$2")"
if [[ "$verb" == start ]]; then
    hosts="${3:-2}"
    start
    exit 0
fi
if [[ ! -e "$dir/state" ]]; then
    [[ "$verb" == stop ]] && exit 0
    say "\`$dir\` has no hosts; \`$0 start $dir\` makes them"
    exit 1
fi
# shellcheck disable=SC1091
. "$dir/state"
case "$verb" in
stop) stop ;;
link-down | link-up)
    if [[ "$mode" != namespaces ]]; then
        say "hosts of mode $mode have no links to cut"
        exit 3
    fi
    ip link set "$(wire "${3:?}")" "${verb#link-}"
    ;;
processes) processes "${3:?}" ;;
*) usage ;;
esac
