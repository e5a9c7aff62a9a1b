#!/bin/bash
# An array of PBS, for `bench submit FILE --engine template --template examples/cluster/pbs.sh --submit-with qsub`.
# Values between braces come from the submission. A run that has not come to its end is saved 60 seconds before the limit; the same
# `bench submit` then submits what is left.
#PBS -N {{ name }}
#PBS -J 0-{{ last }}
#PBS -r y
#PBS -o {{ logs }}/
#PBS -j oe
#PBS -l select=1:ncpus=4
#PBS -l walltime=04:00:00

cd {{ folder|quoted }} || exit 1
run=$(sed -n "$((PBS_ARRAY_INDEX + 1))p" {{ runs|quoted }})
exec {{ command }} --cell "$run" --max-time 3h59m
