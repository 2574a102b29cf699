"""Roads as a network: cleaned, cut at junctions, strung into routes and short pieces to snap to."""
