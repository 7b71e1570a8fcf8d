"""Reading and writing files: structures, maps, text; and what comes from the Protein Data Bank."""
