"""rnngrad: the reference laboratory for long-term dependencies in recurrent networks."""
