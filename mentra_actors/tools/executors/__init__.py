"""Where commands run: on this machine, in a sandbox, or somewhere else."""
