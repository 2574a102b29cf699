"""Roads as a network: cleaned, cut at junctions, strung into routes, cut into pieces that incidents snap to."""
