"""Reading, checking, keeping and aggregating what cities record."""
