"""The process and its FIX side: wire, sessions, translation, reports, market data, drop copy, command line and client."""
