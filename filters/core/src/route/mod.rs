//! Finding the route of a request: first match wins.
