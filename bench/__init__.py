"""What this machine can do, and how much of it fedicause uses: ratios to limits measured in the same run."""
