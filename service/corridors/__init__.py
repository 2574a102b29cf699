"""Roads and crashes as the safety corridors need them."""
