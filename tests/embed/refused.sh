#!/bin/sh
# Machines that graft is not built for are refused at configure time, each with its reason.  usage: refused.sh SOURCE_ROOT
set -eu
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
refused() { # SYSTEM CPU ENDIAN REASON [COMPILER_FLAG]
  cat >"$work/cross" <<EOT
[binaries]
c = ['cc'${5:+, '$5'}]
cpp = ['c++'${5:+, '$5'}]
[properties]
needs_exe_wrapper = true
[host_machine]
system = '$1'
cpu_family = '$2'
cpu = '$2'
endian = '$3'
EOT
  if meson setup "$work/build" "$source" --cross-file "$work/cross" >"$work/log" 2>&1; then
    echo "$1 $2 is not refused" >&2
    exit 1
  fi
  grep -q "ERROR: .*$4" "$work/log" || { tail -n 3 "$work/log" >&2; exit 1; }
  rm -rf "$work/build"
}
refused linux s390x big 'little-endian'
refused darwin aarch64 little 'not built for darwin'
refused windows x86_64 little 'not built for windows'
if echo 'int x;' | cc -m32 -x c -c - -o "$work/x.o" 2>/dev/null; then refused linux x86 little '64-bit' -m32; fi
