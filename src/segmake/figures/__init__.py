"""Tables -> figures and one page. Everything here can be redrawn from the tables alone."""
