"""Decides whether copy and verification yield, and how many chunks are in flight.

A signal that can't be read throttles.
"""
