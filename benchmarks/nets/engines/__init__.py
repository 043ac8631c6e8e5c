"""A file for each library, with a class `Engine` as in `side.Engine`; importing it imports the library."""
