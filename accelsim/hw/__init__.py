"""What graphs run on: parts, boards, energy tables, all with the provenance of each number."""
