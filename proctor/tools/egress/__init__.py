"""Where tools may connect to: nothing but what an entry names, by one strict reading of the URL and one resolution."""
