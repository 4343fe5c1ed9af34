#!/bin/sh
# PyTorch's numbers through the commands: check.py of ../shared/oracle, where it lies beside the repository.
# usage: pt2e.sh SOURCE_ROOT BUILD [arguments of check.py]
root=$1 build=$2
shift 2
oracle=$root/../shared/oracle
if [ ! -f "$oracle/check.py" ]; then
  echo "skipped: there is no $oracle/check.py"
  exit 77
fi
exec python3 "$oracle/check.py" --build "$build" "$@"
