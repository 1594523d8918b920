#!/usr/bin/env bash
# Prepares LLVM for `--features cuda` where its download does not work.
#
#   scripts/cuda/llvm_bundle.sh [DIR]        default: ~/.cache/knowcoder/llvm
#
# CubeCL writes kernels for NVIDIA through LLVM 23. Its build downloads a bundle of static libraries from
# GitHub; a machine that cannot reach GitHub gets the same from Debian's packages here: libraries and headers
# at the place where the build looks for them, so that it downloads nothing. A line to be used is printed at
# the end; scripts/cuda/build.sh does all of it.
#
# Needs Linux on x86-64, apt-get and dpkg (any Debian or Ubuntu), a C and C++ compiler, 1.5 GB while it works
# and 400 MB that stay, and about a minute. Nothing is installed.
#
#   --force         make it again
#   --mirror URI    Debian's archive (default: that of apt's own sources, else http://deb.debian.org/debian)
#   --help          this text
#
# Exit codes: 0 it is there; 2 usage; 69 something that it needs is not here; 75 a download failed, try again.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# What Cargo.lock must name, and Debian's packages of the same LLVM.
bundler="23.1.0-4"
llvm=23
gcc=16
room_kib=$((1500 * 1024))

usage() { sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }
fail() {
    local code="$1"
    shift
    echo "llvm_bundle.sh: $*" >&2
    exit "$code"
}

dir="" force=0 mirror=""
while (($#)); do
    case "$1" in
    --help | -h)
        usage
        exit 0
        ;;
    --force) force=1 ;;
    --mirror)
        mirror="${2:-}"
        [[ -n "$mirror" ]] || fail 2 "--mirror needs a URI, such as http://deb.debian.org/debian"
        shift
        ;;
    -*) fail 2 "unknown option $1; known are --force, --mirror and --help" ;;
    *)
        [[ -z "$dir" ]] || fail 2 "one folder can be given, not both $dir and $1"
        dir="$1"
        ;;
    esac
    shift
done
dir="$(realpath -m "${dir:-$HOME/.cache/knowcoder/llvm}")"
bundle="$dir/tracel/tracel-llvm-$bundler"
mapfile -t libraries < <(grep -v '^#' "$here/llvm-libs.txt")

# Says the line to use and ends.
finish() {
    echo "LLVM lies in $bundle ($(du -sh "$bundle" | cut -f1))"
    echo "to build with it: scripts/cuda/build.sh --llvm $dir"
    echo "or by hand:       export XDG_DATA_HOME=$dir CUDARC_CUDA_VERSION=13000"
    exit 0
}

# Everything that the build links is there, and a program that is linked as the build does it knows NVIDIA.
verify() {
    local folder="$1" library missing=()
    for library in "${libraries[@]}"; do
        [[ -s "$folder/lib/lib$library.a" ]] || missing+=("lib$library.a")
    done
    for library in libstdc++.so libz.so libzstd.so; do
        [[ -s "$folder/lib/$library" ]] || missing+=("$library")
    done
    [[ -s "$folder/include/llvm-c/Core.h" ]] || missing+=(llvm-c/Core.h)
    if ((${#missing[@]})); then
        echo "these are missing in $folder: ${missing[*]:0:5}$( ((${#missing[@]} > 5)) && echo ", and $((${#missing[@]} - 5)) more")" >&2
        return 1
    fi
    local probe
    probe="$(mktemp -d)"
    cat >"$probe/probe.c" <<'C'
#include <llvm-c/TargetMachine.h>
#include <stdio.h>
void LLVMInitializeNVPTXTargetInfo(void);
void LLVMInitializeNVPTXTarget(void);
void LLVMInitializeNVPTXTargetMC(void);
int main(void) {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMTargetRef target = LLVMGetTargetFromName("nvptx64");
    LLVMTargetMachineRef machine = target ? LLVMCreateTargetMachine(target, "nvptx64-nvidia-cuda", "sm_90", "",
        LLVMCodeGenLevelDefault, LLVMRelocDefault, LLVMCodeModelDefault) : NULL;
    puts(machine ? "sm_90" : "none");
    return machine ? 0 : 1;
}
C
    local status=0 said
    said="$({
        # Words of the answers are arguments.
        # shellcheck disable=SC2046
        cc -I"$folder/include" -o "$probe/probe" "$probe/probe.c" -L"$folder/lib" \
            $("$folder/bin/llvm-config" --libs) $("$folder/bin/llvm-config" --system-libs) -lstdc++ &&
            "$probe/probe"
    } 2>&1)" || status=$?
    rm -rf "$probe"
    if ((status != 0)); then
        echo "a program that is linked with it does not work: $(grep -m1 -E "cannot find|undefined reference|error" <<<"$said" || tail -1 <<<"$said")" >&2
        return 1
    fi
}

# 1. What is needed, before anything is written.
[[ "$(uname -s)-$(uname -m)" == Linux-x86_64 ]] ||
    fail 69 "made for Linux on x86-64, this is $(uname -s) on $(uname -m)"
locked="$(sed -n '/^name = "tracel-llvm-bundler"$/{n;s/^version = "\(.*\)"$/\1/p}' "$here/../../Cargo.lock")"
[[ -z "$locked" || "$locked" == "$bundler" ]] ||
    fail 69 "Cargo.lock wants the bundle $locked, this script makes $bundler; it must be changed with the lock file"
for tool in cc c++ ar; do
    command -v "$tool" >/dev/null || fail 69 "$tool is not here; install a C and C++ compiler (apt-get install build-essential)"
done
if ((!force)) && [[ -e "$bundle/.tracel-llvm-installed" ]]; then
    verify "$bundle" && finish
    fail 69 "$bundle is not complete; make it again with --force"
fi
for tool in apt-get dpkg; do
    command -v "$tool" >/dev/null ||
        fail 69 "$tool is not here; run this on Debian or Ubuntu (a container will do) and copy $dir, or let the build download its bundle"
done
mkdir -p "$dir"
free_kib="$(df --output=avail -k "$dir" | tail -1)"
((free_kib >= room_kib)) ||
    fail 69 "$dir has $((free_kib / 1024)) MB free, $((room_kib / 1024)) MB are needed; make room or name another folder"

# 2. Debian's packages, fetched beside the system's own apt state.
work="$(mktemp -d "$dir/making-XXXXXX")"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial,root,bundle/{bin,lib,include}}
if [[ -z "$mirror" ]]; then
    # Nothing that ends in /debian: another distribution, or none.
    mirror="$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m1 -E '/debian/?$' || true)"
    mirror="${mirror:-http://deb.debian.org/debian}"
fi
echo "deb $mirror sid main" >"$work/sources.list"
apt=(
    -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=-
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root
)
packages=("llvm-$llvm-dev" "libstdc++-$gcc-dev" zlib1g-dev libzstd-dev)
echo "fetching ${packages[*]} from $mirror"
apt-get "${apt[@]}" -qq update >"$work/log" 2>&1 ||
    fail 75 "the package lists of $mirror cannot be read: $(grep -m1 -E '^[EW]:' "$work/log" || tail -1 "$work/log"); \
without Debian's keys, install debian-archive-keyring; else try again or name another --mirror"
(cd "$work" && apt-get "${apt[@]}" -qq download "${packages[@]}") >"$work/log" 2>&1 ||
    fail 75 "the packages cannot be fetched: $(grep -m1 '^E:' "$work/log" || tail -1 "$work/log"); where Debian has replaced \
them, name the archive of an earlier day, such as --mirror http://snapshot.debian.org/archive/debian/20261101T000000Z"
version="$(dpkg-deb --field "$work"/llvm-$llvm-dev_*.deb Version)"
version="${version#*:}"
version="${version%%-*}"
for package in "$work"/*.deb; do
    dpkg -x "$package" "$work/root"
    rm "$package"
done

# 3. Libraries and headers. Headers list all that Debian's LLVM can generate code for; the build initialises
#    each that is listed, and links two.
mv "$work/root/usr/lib/llvm-$llvm/lib"/libLLVM*.a "$work/bundle/lib/"
cp -rL "$work/root/usr/include/llvm-$llvm/llvm" "$work/root/usr/include/llvm-c-$llvm/llvm-c" "$work/bundle/include/"
sed -i -E '/^LLVM_[A-Z_]+\(/{/\((NVPTX|X86)\)/!d}' "$work"/bundle/include/llvm/Config/*.def

# 4. LLVM was compiled against a newer C++ library than the system's: that one, static, with the few names of
#    a newer glibc that both refer to.
mv "$work/root/usr/lib/gcc/x86_64-linux-gnu/$gcc/libstdc++.a" "$work/bundle/lib/libstdc++$gcc.a"
cat >"$work/numbers.c" <<'C'
/* Declared here: the headers of a newer glibc would send these to the names that are defined below. */
long strtol(const char *, char **, int);
unsigned long strtoul(const char *, char **, int);
long long strtoll(const char *, char **, int);
unsigned long long strtoull(const char *, char **, int);
long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
long long __isoc23_strtoll(const char *text, char **end, int base) { return strtoll(text, end, base); }
unsigned long long __isoc23_strtoull(const char *text, char **end, int base) { return strtoull(text, end, base); }
C
cc -O2 -c "$work/numbers.c" -o "$work/numbers.o"
ar rcs "$work/bundle/lib/libisoc23numbers.a" "$work/numbers.o"
echo "INPUT($bundle/lib/libstdc++$gcc.a $bundle/lib/libisoc23numbers.a)" >"$work/bundle/lib/libstdc++.so"
for library in z zstd; do
    mv "$work/root/usr/lib/x86_64-linux-gnu/lib$library.a" "$work/bundle/lib/lib${library}_static.a"
    echo "INPUT($bundle/lib/lib${library}_static.a)" >"$work/bundle/lib/lib$library.so"
done

# 5. llvm-config as a list of answers: the real one needs the glibc that it was compiled against.
flags="-I$bundle/include -D_GNU_SOURCE -D__STDC_CONSTANT_MACROS -D__STDC_FORMAT_MACROS -D__STDC_LIMIT_MACROS"
cat >"$work/bundle/bin/llvm-config" <<C
#!/bin/sh
[ "\$1" = --link-static ] && shift
case "\$1" in
--libs) echo "${libraries[*]/#/-l}" ;;
--libnames) echo "$(printf 'lib%s.a ' "${libraries[@]}")" ;;
--system-libs) echo "-lrt -ldl -lm -lz -lzstd" ;;
--libdir) echo "$bundle/lib" ;;
--includedir) echo "$bundle/include" ;;
--version) echo "$version" ;;
--cxxflags) echo "$flags -std=c++17 -fno-exceptions -fno-rtti" ;;
--cflags) echo "$flags" ;;
*) echo "llvm-config: no answer to \$1" >&2; exit 1 ;;
esac
C
chmod +x "$work/bundle/bin/llvm-config"

# 6. To its place, the mark that it is complete last.
rm -rf "$bundle"
mkdir -p "$(dirname "$bundle")"
mv "$work/bundle" "$bundle"
verify "$bundle" || fail 69 "what was made does not work; please report it with the version of LLVM, $version"
touch "$bundle/.tracel-llvm-installed"
finish
