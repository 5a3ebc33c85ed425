"""How the instance runs, for those who look after it: numbers, logs, and what is in the way."""
