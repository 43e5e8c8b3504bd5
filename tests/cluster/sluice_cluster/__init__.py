"""A real Kubernetes cluster on one Linux machine, for the tests and the demo. Start reading at cli.py, then lifecycle.py."""
