"""Room of accelsim."""
