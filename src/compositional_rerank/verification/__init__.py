"""Which pieces of which passages are read with the query, what reads them, and what its answers mean."""
