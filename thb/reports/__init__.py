"""Everything that people read: the paper's tables and figures, from predictions and results."""
