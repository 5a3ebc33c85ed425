"""Those who run the instance: how they come in, and what each of them may do."""
