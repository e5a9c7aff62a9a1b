#!/bin/bash
#SBATCH --job-name={{ name }}-report
#SBATCH --open-mode=append
#SBATCH --output={{ logs }}/report-%j.txt
{%- for option in options %}
#SBATCH {{ option }}
{%- endfor %}

cd {{ folder|quoted }} || exit 1
{%- if environment %}

{{ environment }}
{%- endif %}

exec {{ command }} --report-only
