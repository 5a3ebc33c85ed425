"""Letters on their way: written as messages, queued, sent, returned."""
