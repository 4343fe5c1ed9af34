#!/bin/sh
# PyTorch's eager modules: every case of a folder, where that lies beside the repository.
# usage: modules.sh PROGRAM FOLDER
if [ ! -d "$2" ]; then
  echo "skipped: there is no $2"
  exit 77
fi
exec "$1" "$2"/*/
