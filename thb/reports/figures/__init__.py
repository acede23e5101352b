"""The paper's figures, drawn from results and predictions by matplotlib."""
