"""What a campaign is made of, how it begins, goes on and ends, and what is handed over then."""
