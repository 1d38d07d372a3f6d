"""Tests of the gateway, module by module."""
