"""Campaigns that many organisations run together: who is in, what each collected, what is kept of others."""
