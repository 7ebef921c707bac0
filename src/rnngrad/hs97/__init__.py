"""The experiments of Hochreiter & Schmidhuber 1997, as published: problems, stop criteria, the machine, its trials."""
