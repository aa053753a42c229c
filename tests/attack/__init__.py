"""Attacks on the read API: declared as data, run against real servers, generated from the route map, and told in docs/security.md."""
