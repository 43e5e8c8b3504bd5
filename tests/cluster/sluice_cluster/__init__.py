"""A real Kubernetes cluster on one Linux machine. Start reading at cli.py, then lifecycle.py."""
