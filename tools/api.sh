#!/bin/sh
# The API's reference, BUILD_ROOT/api/html, of the public headers; what has no comment is an error.
# usage: api.sh DOXYGEN SOURCE_ROOT BUILD_ROOT
set -eu
export GRAFT_SOURCE="$2"
cd "$3"
exec "$1" "$2/tools/Doxyfile"
