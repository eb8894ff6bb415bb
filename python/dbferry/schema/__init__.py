"""Objects of a schema besides tables of plain columns: how they are said in another engine's words."""
