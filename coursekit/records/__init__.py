"""What runs of the notebooks measured: this run's figures, and the stored runs beside them."""
