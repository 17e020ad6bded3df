"""One outage as a story from the hub's own journal: facts, the row that decided, what would have changed it."""
