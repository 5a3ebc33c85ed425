"""Several processes of ours under mixed load, and a fault every few seconds; the load keeps the books."""
