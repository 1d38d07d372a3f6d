"""Tests of the configuration: what it accepts, what it refuses and in which words."""
