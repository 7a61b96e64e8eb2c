"""A small, complete hardware description as text, for tests to break."""

TINY = """\
name: tiny
title: A tiny accelerator
board: zcu102
clocks:
  pl: {frequency: {value: 100 MHz, sourced: made up}}
precision: {activation: int8, weight: int8}
memories:
  ddr:
    kind: dram
    sourced: made up
    bandwidth: 1 GB/s
    efficiency: {value: 0.8, estimate: a guess, range: [0.5, 0.9]}
  weights:
    kind: buffer
    sourced: made up
    words: 64
    width: 32 bit
    copies: 2
    technology: bram
links:
  port:
    sourced: made up
    memory: ddr
    width: 64 bit
    port_width: 32 bit
    latency: 10 cycles
    carries: [parameter, "*"]
units:
  dot:
    kind: dot
    sourced: made up
    inputs: 4
    outputs: 4
    fill: 8 cycles
    holds: {w: weights}
    multiplier: [8 bit, 8 bit]
placement: {linear: dot, attention.scores: dot}
schedule:
  prefetch: none
  experts: {order: expert-major}
  softmax: single-pass
energy: fpga-16nm
"""
