"""Counterfactual runs: a journey's presses run again with another model, program or policy, beside the journey."""
