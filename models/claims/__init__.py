"""What the papers claim of their hardware and deployment, on the simulator: a page a system, made by `make reports`."""
