"""The operator's figures beside its peers'. Start reading at cli.py; each scenario is a file; what is computed from what was seen is in audit.py,
exposition.py, windows.py and figures.py, which do nothing else."""
