"""The network operator's side: what reaches it (DUIS XML, JSON Lines), and the triage of what has reached it."""
