#!/bin/bash
# A process of this machine that trains the runs of a list, some at a time. `bench cancel` ends it, and this script starts it again.
cd {{ folder|quoted }} || exit 1
{%- if environment %}

{{ environment }}
{%- endif %}

exec {{ command }}
