"""Tests of the shipped models, which are plain torch and know nothing of accelsim."""
