#!/bin/sh
# PyTorch's numbers by the commands: check.py over the cases in ../shared/oracle, where that lies beside the repository.
# usage: shared.sh SOURCE_ROOT BUILD CASES [arguments of check.py]
root=$1 build=$2 cases=$3
shift 3
oracle=$root/../shared/oracle
if [ ! -f "$oracle/check.py" ]; then
  echo "skipped: there is no $oracle/check.py"
  exit 77
fi
exec python3 "$oracle/check.py" --build "$build" --cases "$oracle/$cases" "$@"
