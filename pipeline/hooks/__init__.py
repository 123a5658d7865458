"""Runs the operator's commands and records how they ended.

A hook may run more than once and is told which attempt it is.
"""
