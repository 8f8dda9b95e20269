"""How the data of two periods differ, from mergeable sketches of each. Imports no Django."""
