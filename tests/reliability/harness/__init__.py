"""What the campaigns are made of; tests/reliability/README.md is the map."""
