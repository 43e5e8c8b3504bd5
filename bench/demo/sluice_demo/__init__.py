"""The demo and its figures. Start reading at cli.py, then scenario.py; what is measured is in record.py and verdict.py."""
