#!/bin/sh
# The public headers as they lie when installed, by links into the sources, so that a build that graft is part of includes
# <graft/ir.h> too.  usage: link_headers.sh FOLDER HEADER...
set -eu
folder=$1
shift
mkdir -p "$folder"
for header; do ln -sf "$header" "$folder/"; done
