"""Wrong values, wrong bytes and strangers: each gets a defined answer or a close, and nobody else notices."""
