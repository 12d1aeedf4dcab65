#!/bin/sh
# How small can xz make a file? Prints the size in bytes.
#
#   pyhopper run xz.json --min --steps 40 -- ./compress.sh FILE {lc} {lp} {pb} {nice} {mf}
set -e
xz --stdout --threads=1 --lzma2="preset=6,lc=$2,lp=$3,pb=$4,nice=$5,mf=$6" -- "$1" | wc -c
