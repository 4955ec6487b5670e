"""Plans: which runs of which grids, in which order, and what each costs."""
