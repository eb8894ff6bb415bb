"""Rules that bend a migration: which rows, under what names, in which types, and what nobody may see.

`rules` is what the user writes; `shape` turns the selected tables and the rules into the tables that the planner
sees, and is the one place where rules are applied. A table that rules give other rows or values becomes a query
of the source: what is filtered, masked or computed never travels otherwise, and the counts are those of the query.
"""
