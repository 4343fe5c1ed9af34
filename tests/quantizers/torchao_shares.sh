#!/bin/sh
# xnnpack's sharing ops are torchao 0.18's, literally: relu, hardtanh, mean and adaptive_avg_pool2d are among them though they
# do not only move, split and transpose are not.  usage: torchao_shares.sh SOURCE_ROOT
set -eu
want='adaptive_avg_pool2d flatten hardtanh max_pool2d mean permute relu slice squeeze view'
have=$(sed -n 's/^family @shares = //p' "$1/patterns/quantizers/xnnpack.qz" | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/ $//')
[ "$have" = "$want" ] || { echo "xnnpack.qz shares: $have; torchao: $want" >&2; exit 1; }
echo "the sharing ops are torchao's"
