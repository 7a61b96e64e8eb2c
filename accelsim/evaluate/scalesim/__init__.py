"""SCALE-Sim 3.0.0 beside accelsim: its published rows, its formulas, its buffers, and why our stalls differ."""
