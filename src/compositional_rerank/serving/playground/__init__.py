"""A page in the browser: one query, a few passages, the ranking before and after."""
