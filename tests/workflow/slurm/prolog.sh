#!/bin/sh
echo "export SLURM_CONF={folder}/slurm.conf"
