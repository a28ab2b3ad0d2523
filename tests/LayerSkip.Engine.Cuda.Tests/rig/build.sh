#!/usr/bin/env bash
# Builds what the tests of the CUDA device run on: ./build.sh OUTPUT-FOLDER makes there
#   libfakecuda.so   the kernels, compiled for the host, behind the driver's entry points (RIG.md); needs g++ on x86-64
# ./build.sh --ptx compiles the kernels for the GPU into src/LayerSkip.Engine.Cuda/kernels/*.ptx; needs clang-14.
# ./build.sh --check-ptx compares these files with what the sources compile to, and changes nothing.
# ./build.sh --ptxas assembles the PTX and prints each kernel's registers, shared memory and spills; needs NVIDIA's ptxas (PTXAS, or on the path).
# Where a compiler is missing, it says so and ends with 77.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kernels=$(cd "$here/../../../src/LayerSkip.Engine.Cuda/kernels" && pwd)
formats="f32:F32 bf16:Bf16 f16:F16 q8:Q8 q4:Q4"

need() {
    if ! command -v "$1" > /dev/null; then
        echo "skipped: $1 is not installed" >&2
        exit 77
    fi
}

await() { # processes, each of which must succeed
    for process in "$@"; do
        wait "$process"
    done
}

device() { # source, output, further options
    clang-14 -x cuda --cuda-device-only --cuda-gpu-arch=sm_80 -Xclang -target-feature -Xclang +ptx74 -nocudainc -nocudalib -std=c++17 \
        -O3 -ffp-contract=off -fdeclspec -Wall -Wextra -Wno-unused-parameter "${@:3}" -S "$kernels/$1" -o - | grep -v '^//' > "$2"
}

ptx() { # output folder
    local compilations=()
    for family in embedding norm attention choosing sampling; do
        device $family.cu "$1/$family.ptx" & compilations+=($!)
    done
    for format in $formats; do
        device products.cu "$1/products_${format%:*}.ptx" -DSUFFIX="${format%:*}" -DFORMAT="${format#*:}" & compilations+=($!)
    done
    await "${compilations[@]}"
}

host() { # source, output, further options; no red zone, since the emulator pushes onto a function's stack
    g++ -std=c++17 -O3 -march=native -ffp-contract=off -fPIC -fvisibility=hidden -mno-red-zone -Wall -Wextra -Wno-unused-parameter -Wno-unknown-pragmas \
        -I"$kernels" -I"$here" "${@:3}" -c "$here/$1" -o "$2"
}

emulated() { # source, output, further options
    # Static variables are shared memory, which the emulator must find: each source's have a section of their own.
    local section
    section=shared_$(basename "$2" .o)
    host "$1" "$2" -DSHARED="$section" "${@:3}"
    objcopy --rename-section .bss="$section" "$2"
}

case "${1:-}" in
    --ptx)
        need clang-14
        ptx "$kernels"
        ;;
    --check-ptx)
        need clang-14
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        ptx "$work"
        for file in "$work"/*.ptx; do
            diff -q "$file" "$kernels/$(basename "$file")" || { echo "not what the sources compile to: run build.sh --ptx" >&2; exit 1; }
        done
        ;;
    --ptxas)
        need "${PTXAS:=ptxas}"
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        for file in "$kernels"/*.ptx; do
            for target in ${TARGETS:-sm_80 sm_86 sm_89 sm_90}; do
                # On sm_90 kernels overlap: comments become instructions, as when the text is loaded (KernelLibrary).
                text=$file
                if [ "$target" = sm_90 ]; then
                    text=$work/overlapping.ptx
                    sed 's#//sm_90 ##; s/^\.version 7\.4/.version 7.8/; s/^\.target sm_80/.target sm_90/' "$file" > "$text"
                fi
                "$PTXAS" -v -arch=$target "$text" -o /dev/null 2>&1 | awk -v target=$target '
                    /Compiling entry function/ { gsub("\x27", ""); name = $7 }
                    /bytes stack frame/ { spills = $5 + $9 }
                    /Used/ { registers = $5; shared = 0
                        for (i = 1; i < NF; i++) if ($(i + 2) ~ /^smem/) shared = $i
                        printf "%s %-28s %3d registers %6d bytes of shared memory %4d bytes spilled\n", target, name, registers, shared, spills }'
            done
        done
        ;;
    "" | -*)
        sed -n '2,8s/^# //p' "$0" >&2
        exit 2
        ;;
    *)
        need g++
        mkdir -p "$1"
        work=$(mktemp -d "$1/objects.XXXXXX")
        trap 'rm -rf "$work"' EXIT
        compilations=()
        host emulator.cpp "$work/emulator.o" -O3 -ffp-contract=fast & compilations+=($!)
        host fake_driver.cpp "$work/fake_driver.o" & compilations+=($!)
        for family in embedding norm attention choosing sampling planted; do
            emulated kernels_$family.cpp "$work/$family.o" & compilations+=($!)
        done
        for format in $formats; do
            emulated kernels_products.cpp "$work/products_${format%:*}.o" -DSUFFIX="${format%:*}" -DFORMAT="${format#*:}" & compilations+=($!)
        done
        await "${compilations[@]}"

        # Another process may be using the old one, or making the same.
        g++ -shared -Wl,-Bsymbolic -o "$work/libfakecuda.so" "$work"/*.o
        mv "$work/libfakecuda.so" "$1/libfakecuda.so"
        ;;
esac
