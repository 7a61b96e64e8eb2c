"""What a design costs: FPGA resources against a board's budget, and energy by scope."""
