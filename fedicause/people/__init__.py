"""Who signed: what they see and take back, how they are shown, forgotten, and told from fakes."""
