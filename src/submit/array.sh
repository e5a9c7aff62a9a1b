#!/bin/bash
#SBATCH --job-name={{ name }}
#SBATCH --array=0-{{ last }}{% if parallel %}%{{ parallel }}{% endif %}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@{{ warning }}
#SBATCH --output={{ logs }}/%A_%a.txt
{%- for option in options %}
#SBATCH {{ option }}
{%- endfor %}

cd {{ folder|quoted }} || exit 1
{%- if environment %}

{{ environment }}
{%- endif %}

# The run of this task stands in the line of its number.
run=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {{ runs|quoted }})

# Slurm warns this shell alone, {{ warning }} seconds before the end of the time. The program then saves and ends with code {{ again }}.
trap 'kill -USR1 "$program" 2>/dev/null' USR1
{{ command }} --cell "$run" &
program=$!
wait "$program"; code=$?
while kill -0 "$program" 2>/dev/null; do wait "$program"; code=$?; done

if [ "$code" = {{ again }} ]; then
  if [ "${SLURM_RESTART_COUNT:-0}" -ge {{ max_requeues }} ]; then
    echo "$run was started again {{ max_requeues }} times and is not done: give it more --time, or more --max-requeues" >&2
  else
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
  fi
fi
exit "$code"
