"""Real clients that others wrote, against the real exchange: the QuickFIX initiator and simplefix."""
