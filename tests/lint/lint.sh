#!/bin/sh
# clang-format and clang-tidy over every C file of the build, shellcheck over the scripts where it is installed.
# usage: lint.sh SOURCE_ROOT BUILD_ROOT (which holds compile_commands.json)
set -eu
cd "$1"
build=$2
files() { find ir patterns passes runtime tools tests "$@" | sort; }
files -name '*.[ch]' | xargs clang-format --dry-run -Werror
scripts=$(files -name '*.sh')
# shellcheck disable=SC2086  # a list of words
if command -v shellcheck >/dev/null; then shellcheck --severity=warning .ci/run $scripts; fi
# clang-tidy counts on standard error what it left out of headers; only what it finds is said here.
files -name '*.c' ! -path 'tests/*' | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build" 2>/dev/null
echo "clean"
