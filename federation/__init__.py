"""ActivityPub protocol and cryptography; knows neither the database nor the application."""
