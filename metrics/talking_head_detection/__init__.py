"""AUC, TPR at fixed false-alarm rates and Brier score of P(fake), with intervals."""
