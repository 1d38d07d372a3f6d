"""Tests of the house: the rules of architecture, the command line, the client, logs and certificates."""
