"""What the doctor looks at: names, certificate, the public address, clock, mail, machine, database."""
