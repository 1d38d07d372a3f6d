"""The process and its FIX side: wire, translation, reports, market data, drop copy, command line and client."""
