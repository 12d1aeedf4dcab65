"""Steps that learn, for cheap objectives and many dimensions."""
