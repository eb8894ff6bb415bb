"""What is done, kept in the target: so that a run that was broken off is gone on with, and no row is lost or doubled.

`room` is what each engine tells about keeping it, `book` the tables and their entries, `stored` a plan as text,
`claim` who may write at all, `resume` what of an earlier run still holds.
"""
